package compile

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asHelper makes the test binary compile for ever, by the compiler that it names: "bpfcc", "clang" or "waiting".
const asHelper = "SKEP_TEST_COMPILE_AS"

// help compiles until it is killed. It says a word when it begins.
func help(what, cache string) error {
	program := ""
	if what != "clang" {
		program, _ = filepath.Abs(bpfccPath)
	}
	c, err := New(Options{CacheDir: cache, Program: program})
	if err != nil {
		return err
	}
	fmt.Println("compiling")
	for i := 0; ; i++ {
		if what == "waiting" {
			c.waiting.calm = 0
			c.waiting.keep(c.partnerCommand(nil, scan{}), 2)
			if err := c.Ready(context.Background()); err != nil {
				return err
			}
		}
		source := fmt.Sprintf("int f(void) { return %d; }\n", i)
		if _, err := c.Compile(context.Background(), Request{Name: "a.c", Source: []byte(source)}); err != nil {
			return err
		}
	}
}

// When our process is killed, so are its compilers, at whatever moment.
func TestKilledHostLeavesNothing(t *testing.T) {
	programs(t)
	// Orphans become our children, so that we see what is left.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	for _, what := range []string{"bpfcc", "clang", "waiting"} {
		t.Run(what, func(t *testing.T) {
			for range 20 {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), asHelper+"="+what)
				cmd.Stderr = os.Stderr
				words, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if word, err := bufio.NewReader(words).ReadString('\n'); err != nil {
					t.Errorf("the helper said %q: %v", word, err)
				}
				time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond) // any moment
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				end := time.Now().Add(20 * time.Second)
				for left := reap(); len(left) > 0; left = reap() {
					if time.Now().After(end) {
						t.Fatalf("there are still %v", left)
					}
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
}

// reap takes leave of children that have ended and names those that have not.
func reap() []string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var left []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		name, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if parent, _ := strconv.Atoi(fields[1]); parent != os.Getpid() {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if fields[0] == "Z" {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			continue
		}
		left = append(left, name)
	}
	return left
}
