package machine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/machine"
)

// Tests of what happens when our own process dies, or when there are several,
// start the test's program again as one of these.
const helperVariable = "SKEP_TEST_HELPER"

var helpers = map[string]func(dir string) error{
	"pool":    helpWithPool,
	"restore": helpWithRestoring,
	"prepare": helpWithPreparing,
}

// asHelper plays the helper that the environment names, if any.
func asHelper() bool {
	name, dir, ok := strings.Cut(os.Getenv(helperVariable), " ")
	if !ok {
		return false
	}
	if err := helpers[name](dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// helper is a process that plays a part and says when it has got somewhere.
type helper struct {
	*exec.Cmd
	hears io.Writer
	says  *bufio.Scanner
}

func startHelper(t *testing.T, name, dir string) helper {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+name+" "+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return helper{cmd, stdin, bufio.NewScanner(stdout)}
}

// word waits for the next word that the helper says.
func (h helper) word(t *testing.T) string {
	t.Helper()
	if !h.says.Scan() {
		t.Fatalf("the helper ended: %v, %v", h.says.Err(), h.Wait())
	}
	return h.says.Text()
}

// helpWithPool has machines that wait and one that runs.
func helpWithPool(dir string) error {
	ctx := context.Background()
	shelf, k, err := openShelf(dir)
	if err != nil {
		return err
	}
	snapshot, err := shelf.Snapshot(ctx, k)
	if err != nil {
		return err
	}
	pool := machine.NewPool(machine.PoolOptions{Engine: shelf.Engine, Snapshot: snapshot, Size: 1, Eager: true})
	if _, err := pool.Get(ctx); err != nil {
		return err
	}
	if err := pool.Ready(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	select {} // until killed
}

// helpWithRestoring does nothing but restore machines.
func helpWithRestoring(dir string) error {
	ctx := context.Background()
	shelf, k, err := openShelf(dir)
	if err != nil {
		return err
	}
	snapshot, err := shelf.Snapshot(ctx, k)
	if err != nil {
		return err
	}
	if err := snapshot.Wait(context.Background()); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		m, err := machine.Restore(ctx, shelf.Engine, snapshot)
		if err != nil {
			return err
		}
		_ = m.Close()
	}
}

// helpWithPreparing makes a snapshot with an engine that only seems to boot,
// and says how often it did.
func helpWithPreparing(dir string) error {
	_, k, err := openShelf(dir)
	if err != nil {
		return err
	}
	engine := &fakeEngine{}
	shelf := &machine.Shelf{Dir: dir, Engine: engine}
	fmt.Println("ready")
	if _, err := fmt.Scanln(); err != nil { // the start for all
		return err
	}
	snapshot, err := shelf.Snapshot(context.Background(), k)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	if err := snapshot.Wait(context.Background()); err != nil {
		return err
	}
	fmt.Println(engine.boots.Load())
	return nil
}
