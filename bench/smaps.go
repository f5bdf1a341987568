package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A footprint is what a process and its children have in memory, in bytes.
type footprint struct {
	snapshot int64 // pages of the snapshot's mapping that were changed
	heap     int64 // anonymous memory: QEMU's heap and stacks, and the translated code
	files    int64 // proportional share of programs and libraries
}

func (f footprint) own() int64 { return f.snapshot + f.heap + f.files }

func (f footprint) String() string {
	return fmt.Sprintf("guest memory changed %.0f, QEMU's heap and translated code %.0f, programs and libraries %.0f",
		megabytes(f.snapshot), megabytes(f.heap), megabytes(f.files))
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// footprintOf adds up a process and all that descend from it: bubblewrap is
// what we start, QEMU is its child's child.
func footprintOf(pid int) (footprint, error) {
	var sum footprint
	pids, err := descendants(pid)
	if err != nil {
		return sum, err
	}
	for _, p := range pids {
		file, err := os.Open(fmt.Sprintf("/proc/%d/smaps", p))
		if err != nil {
			return sum, err
		}
		f, err := readSmaps(file)
		_ = file.Close()
		if err != nil {
			return sum, err
		}
		sum.snapshot += f.snapshot
		sum.heap += f.heap
		sum.files += f.files
	}
	return sum, nil
}

// snapshotMapping is how the snapshot's memory file is called in smaps.
const snapshotMapping = "/memfd:ram"

// readSmaps sorts one process's mappings (Documentation/filesystems/proc.rst).
// Pages of the snapshot that a machine only reads are the snapshot's, though
// smaps calls them private where there is a single clone; what a machine has
// written became an anonymous copy.
func readSmaps(r io.Reader) (footprint, error) {
	var f footprint
	var name string
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-") && !strings.HasSuffix(fields[0], ":"):
			name = strings.Join(fields[5:], " ")
		case len(fields) == 3 && fields[2] == "kB":
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return f, fmt.Errorf("read smaps: %w", err)
			}
			f.count(name, fields[0], kib<<10)
		}
	}
	return f, scanner.Err()
}

func (f *footprint) count(mapping, what string, bytes int64) {
	switch {
	case strings.HasPrefix(mapping, snapshotMapping):
		if what == "Anonymous:" {
			f.snapshot += bytes
		}
	case what != "Pss:":
	case strings.HasPrefix(mapping, "/"):
		f.files += bytes
	default:
		f.heap += bytes
	}
}

// descendants lists a process and its children's children, by their parents in
// /proc/PID/stat.
func descendants(pid int) ([]int, error) {
	children := make(map[int][]int)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		child, parent, ok := parseStat(string(text))
		if ok {
			children[parent] = append(children[parent], child)
		}
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list, nil
}

// parseStat takes the first, and after the name, which may hold anything, the
// second field behind the last parenthesis.
func parseStat(text string) (pid, parent int, ok bool) {
	first, _, _ := strings.Cut(text, " ")
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	pid, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err == nil
}

// allocated is what a file with holes takes on disk.
func allocated(path string) (int64, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return 0, err
	}
	return stat.Blocks * 512, nil
}
