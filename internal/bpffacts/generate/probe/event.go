//go:build linux

package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const eventsDir = "/sys/kernel/tracing/events"

// formatLine is a line of an event's format file, such as
//
//	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
var formatLine = regexp.MustCompile(`(?m)^\tfield:(.*?);\toffset:(\d+);\tsize:(\d+);`)

// Events reads what fields the kernel's tracepoints have.
func Events() ([]Event, error) {
	paths, err := filepath.Glob(eventsDir + "/*/*/format")
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("tracefs has no events (%w)", err)
	}
	var list []Event
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(eventsDir, filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		list = append(list, Event{Name: name, Fields: fields(string(text))})
	}
	return list, nil
}

// fields lists name, offset and size of what an event has of its own.
func fields(format string) []string {
	var list []string
	for _, m := range formatLine.FindAllStringSubmatch(format, -1) {
		declaration := m[1]
		if i := strings.IndexByte(declaration, '['); i >= 0 && !strings.HasPrefix(declaration, "__data_loc") && !strings.HasPrefix(declaration, "__rel_loc") {
			declaration = declaration[:i]
		}
		words := strings.FieldsFunc(declaration, func(r rune) bool { return r == ' ' || r == '*' })
		name := words[len(words)-1]
		if !strings.HasPrefix(name, "common_") {
			list = append(list, name+":"+m[2]+":"+m[3])
		}
	}
	return list
}
