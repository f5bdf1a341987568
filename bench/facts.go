package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// printFacts says on what machine the figures were measured.
func printFacts(w io.Writer, l *lab) {
	var name unix.Utsname
	_ = unix.Uname(&name)
	fmt.Fprintln(w, "skep's benchmarks,", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(w, "machine: %d processors (%s), %s of memory, Linux %s\n",
		runtime.NumCPU(), processor(), totalMemory(), unix.ByteSliceToString(name.Release[:]))
	words := strings.Split(l.engine.Identity(), "\n")
	fmt.Fprintf(w, "engine:  %s", words[0])
	for i, word := range words[:len(words)-1] {
		if word == "-accel" || word == "-cpu" {
			fmt.Fprintf(w, " %s %s", word, words[i+1])
		}
	}
	fmt.Fprintln(w)
	for _, k := range l.kernels {
		fmt.Fprintf(w, "kernel:  %s\n", k)
	}
	printLoad(w)
	if l.quick {
		fmt.Fprintln(w, "-quick: few runs, do not quote these figures")
	}
}

// printLoad lets the reader judge how much else was going on.
func printLoad(w io.Writer) {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 2 {
		fmt.Fprintf(w, "load:    %s (average of 1, 5, 15 minutes)\n", strings.Join(fields[:3], " "))
	}
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func totalMemory() string {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
}
