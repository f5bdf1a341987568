package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/run"
)

// A program that does not come, from a pipe say, can be called off.
func TestReadingCanBeCalledOff(t *testing.T) {
	in, never := io.Pipe()
	defer never.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := (&terminal{in: in}).program(ctx, "-")
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if code := exitCode(err, &said); code != run.ExitOurs || said.String() != "skep: cancelled\n" {
		t.Errorf("code %d, %q", code, &said)
	}
}

// A second Ctrl-C ends what the first one cannot: here a write that nobody
// reads.
func TestSecondInterrupt(t *testing.T) {
	command := exec.Command("skep", "header") // see TestMain
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	defer hung.Stop()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // the rest does not fit in a pipe
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { // without reading
		_, err := command.Process.Wait()
		ended <- err
	}()
	sent := 0
	for waiting := true; waiting; {
		if err := command.Process.Signal(syscall.SIGINT); err == nil {
			sent++
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			waiting = false
		case <-time.After(patience / 4):
		}
	}
	if !hung.Stop() || sent < 2 {
		t.Errorf("it did not end by the second interrupt (%d were sent)", sent)
	}
}

// What the compiler says of several kernels alike is said once.
func TestDiagnosed(t *testing.T) {
	said := make(diagnosed)
	first := run.Diagnostic{File: "a.bpf.c", Line: 1, Column: 2, Message: "no"}
	other := first
	other.Line = 2
	var got []string
	for _, d := range []run.Diagnostic{first, other, first} {
		if said.first(d) {
			got = append(got, "said")
		} else {
			got = append(got, "known")
		}
	}
	if strings.Join(got, " ") != "said said known" {
		t.Error(got)
	}
}
