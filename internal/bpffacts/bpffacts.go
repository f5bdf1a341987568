// Package bpffacts knows what libbpf and the kernels say of programs before
// any is loaded: which section names there are, what type a program's context
// has, and which helpers and kfuncs it may call on which kernel.
//
// All tables are data beside this file, made by
//
//	go run ./internal/bpffacts/generate
//
// from libbpf's source, from the kernels' BTF, and by asking the kernels
// themselves: every function is called, in a machine, by a program of every
// kind, and what the verifier says of that is kept.
package bpffacts

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"
)

// Files in data. Each is an object whose lists have an element a line.
const (
	SectionsFile = "data/sections.json"
	HelpersFile  = "data/helpers.json"
	DocsFile     = "data/helperdocs.json"
	KfuncsFile   = "data/kfuncs.json"
	KernelsFile  = "data/kernels.json"
	EventsFile   = "data/events.json"
)

//go:embed data/*.json
var files embed.FS

// File gives a table as it is embedded, for the page.
func File(name string) ([]byte, error) { return files.ReadFile(name) }

// table decodes an embedded file once. A file that cannot be decoded is a
// broken build, which the tests notice.
func table[T any](name string) func() *T {
	return sync.OnceValue(func() *T {
		value := new(T)
		text, err := files.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(text, value)
		}
		if err != nil {
			panic(fmt.Sprintf("bpffacts: %s: %v", name, err))
		}
		return value
	})
}
