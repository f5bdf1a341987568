// Command generate makes the tables of internal/bpffacts. It needs the network,
// for libbpf's source, and the kernels of skep setup, which it boots:
//
//	go run ./internal/bpffacts/generate
//
// With -kernels only what comes from the kernels is made anew.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skep-dev/skep/internal/bpffacts"
	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
	"github.com/skep-dev/skep/internal/kernel"
)

// Where files are written, from the root of the checkout.
const (
	factsDir    = "internal/bpffacts"
	testdataDir = "internal/bpffacts/generate/testdata"
)

func main() {
	onlyKernels := flag.Bool("kernels", false, "leave what comes from libbpf as it is")
	answers := flag.String("answers", "", "a folder to keep the kernels' own words in, for looking at")
	flag.Parse()
	if err := generate(context.Background(), *onlyKernels, *answers); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(ctx context.Context, onlyKernels bool, answers string) error {
	if _, err := os.Stat(factsDir); err != nil {
		return fmt.Errorf("%w (run it in the root of the checkout)", err)
	}
	sections := bpffacts.SectionTable{}
	helpers := bpffacts.HelperTable{}
	var err error
	if onlyKernels {
		err = errors.Join(readTable(bpffacts.SectionsFile, &sections), readTable(bpffacts.HelpersFile, &helpers))
	} else {
		sections, helpers, err = fromLibbpf(ctx)
	}
	if err != nil {
		return err
	}
	g := &generator{sections: sections.Sections, helpers: helpers, answers: answers}
	if err := g.kernels(ctx); err != nil {
		return err
	}
	return errors.Join(
		writeTable(bpffacts.HelpersFile, g.helpers),
		writeTable(bpffacts.KfuncsFile, g.kfuncs),
		writeTable(bpffacts.EventsFile, g.events),
		writeTable(bpffacts.KernelsFile, g.facts))
}

// fromLibbpf fetches libbpf's source and writes what is found in it alone.
func fromLibbpf(ctx context.Context) (sections bpffacts.SectionTable, helpers bpffacts.HelperTable, err error) {
	work, err := os.MkdirTemp("", "skep-bpffacts-")
	if err != nil {
		return sections, helpers, err
	}
	defer os.RemoveAll(work)
	trees, err := fetchLibbpf(ctx, work)
	if err != nil {
		return sections, helpers, err
	}
	if err := keepSource(trees); err != nil {
		return sections, helpers, err
	}
	sections, err = sectionTable(trees)
	if err != nil {
		return sections, helpers, err
	}
	newest := trees[len(trees)-1]
	list, docs, err := parseHelpers(newest["src/bpf_helper_defs.h"])
	if err != nil {
		return sections, helpers, err
	}
	helpers = bpffacts.HelperTable{Libbpf: sections.Libbpf, Helpers: list}
	return sections, helpers, errors.Join(
		writeTable(bpffacts.SectionsFile, sections),
		writeTable(bpffacts.DocsFile, bpffacts.DocTable{Libbpf: sections.Libbpf, License: "LGPL-2.1 OR BSD-2-Clause", Docs: docs}))
}

// sectionTable is the newest version's list, with the oldest version that has
// each.
func sectionTable(trees []tree) (bpffacts.SectionTable, error) {
	newest, err := parseSections(trees[len(trees)-1]["src/libbpf.c"])
	if err != nil {
		return bpffacts.SectionTable{}, err
	}
	t := bpffacts.SectionTable{Sections: newest}
	for _, tree := range trees {
		list, err := parseSections(tree["src/libbpf.c"])
		if err != nil {
			return t, err
		}
		if t.Libbpf, err = parseVersion(tree["src/libbpf_version.h"]); err != nil {
			return t, err
		}
		addSince(t.Sections, t.Libbpf, list)
	}
	return t, nil
}

// keepSource keeps the parsed tables of every version for the tests, which
// have no network.
func keepSource(trees []tree) error {
	for _, tree := range trees {
		version, err := parseVersion(tree["src/libbpf_version.h"])
		if err != nil {
			return err
		}
		text := "/* Of libbpf " + version + ", src/libbpf.c. SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)\n" +
			" * Made by go run ./internal/bpffacts/generate */\n"
		for _, name := range []string{"section_defs", "prog_type_name"} {
			body, err := table(tree["src/libbpf.c"], name)
			if err != nil {
				return err
			}
			text += name + "[] = {\n" + body + "\n};\n"
		}
		if err := os.WriteFile(filepath.Join(testdataDir, "libbpf-"+version+".c.txt"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A generator gathers what comes from the kernels.
type generator struct {
	sections []bpffacts.Section
	helpers  bpffacts.HelperTable
	kfuncs   bpffacts.KfuncTable
	facts    bpffacts.KernelTable
	events   bpffacts.EventTable
	answers  string // a folder, or empty
}

func (g *generator) kernels(ctx context.Context) error {
	list, err := installed()
	if err != nil {
		return err
	}
	if g.kfuncs, err = allKfuncs(list); err != nil {
		return err
	}
	for i := range g.helpers.Helpers {
		g.helpers.Helpers[i].GPL, g.helpers.Helpers[i].Since = false, ""
	}
	for _, k := range list {
		fmt.Fprintf(os.Stderr, "asking Linux %s\n", k.Release)
		facts, err := g.ask(ctx, k, list[len(list)-1])
		if err != nil {
			return err
		}
		g.facts.Kernels = append(g.facts.Kernels, facts)
	}
	return nil
}

// installed are the kernels that skep is tested with, oldest first.
func installed() ([]*kernel.Kernel, error) {
	var list []*kernel.Kernel
	store := kernel.Open(kernel.DefaultDir())
	for _, series := range kernel.DefaultSeries {
		k, err := store.Get(series)
		if err != nil {
			return nil, fmt.Errorf("%w (or run make setup)", err)
		}
		list = append(list, k)
	}
	return list, nil
}

// allKfuncs lists the kfuncs of all kernels by name.
func allKfuncs(list []*kernel.Kernel) (bpffacts.KfuncTable, error) {
	byName := make(map[string][]bpffacts.KfuncOn)
	for _, k := range list {
		spec, err := k.BTFSpec()
		if err != nil {
			return bpffacts.KfuncTable{}, err
		}
		own, ofModules, err := kernelKfuncs(k, spec)
		if err != nil {
			return bpffacts.KfuncTable{}, err
		}
		ofModules[""] = own
		for module, functions := range ofModules {
			for _, f := range functions {
				on, err := f.describe(k.Series, module)
				if err != nil {
					return bpffacts.KfuncTable{}, err
				}
				byName[f.function.Name] = append(byName[f.function.Name], on)
			}
		}
	}
	var t bpffacts.KfuncTable
	for name, on := range byName {
		t.Kfuncs = append(t.Kfuncs, bpffacts.Kfunc{Name: name, On: on})
	}
	slices.SortFunc(t.Kfuncs, func(a, b bpffacts.Kfunc) int { return strings.Compare(a.Name, b.Name) })
	return t, nil
}

// fromBTF is what of a kernel's facts comes without asking it.
func fromBTF(k *kernel.Kernel) (bpffacts.Kernel, error) {
	facts := bpffacts.Kernel{Series: k.Series, Release: k.Release}
	spec, err := k.BTFSpec()
	if err != nil {
		return facts, err
	}
	if facts.Contexts, err = contexts(spec); err != nil {
		return facts, err
	}
	facts.Iterators, err = iterators(spec)
	return facts, err
}

func (g *generator) ask(ctx context.Context, k, newest *kernel.Kernel) (bpffacts.Kernel, error) {
	facts, err := fromBTF(k)
	if err != nil {
		return facts, err
	}
	a, err := newAsked(k, newest)
	if err != nil {
		return facts, err
	}
	job := probe.Job{Helpers: len(g.helpers.Helpers)}
	names, err := a.kfuncNames(&job)
	if err != nil {
		return facts, err
	}
	same := make(map[string]string) // sections that load alike
	if job.Hooks, err = a.allHooks(g.sections, same); err != nil {
		return facts, err
	}
	answers, err := ask(ctx, k, job)
	if err != nil {
		return facts, err
	}
	if g.answers != "" {
		if err := writeJSON(filepath.Join(g.answers, k.Series+".json"), answers); err != nil {
			return facts, err
		}
	}
	d, err := digest(answers.Answers, job)
	if err != nil {
		return facts, err
	}
	classes, err := eventClasses(a.spec, answers.Events)
	if err != nil {
		return facts, err
	}
	g.addEvents(k.Series, classes)
	g.addHelpers(d, k.Series)
	g.addHooks(&facts, d, same, names, a)
	return facts, nil
}

// kfuncNames puts the kfuncs of vmlinux into the job and tells their names.
func (a *asked) kfuncNames(job *probe.Job) ([]string, error) {
	own, _, err := kernelKfuncs(a.kernel, a.spec)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, k := range own {
		job.Kfuncs = append(job.Kfuncs, uint32(k.id))
		names = append(names, k.function.Name)
	}
	return names, nil
}

// allHooks are the hooks of all sections. Of sections that load alike the
// first is asked for all.
func (a *asked) allHooks(sections []bpffacts.Section, same map[string]string) ([]probe.Hook, error) {
	var all []probe.Hook
	first := make(map[string]string)
	for _, s := range sections {
		key := fmt.Sprint(s.ProgramType, s.AttachType, s.Sleepable, s.Frags, s.AttachBTF)
		if pattern, ok := first[key]; ok {
			same[s.Pattern] = pattern
			continue
		}
		first[key] = s.Pattern
		hooks, err := a.hooks(s)
		if err != nil {
			return nil, err
		}
		all = append(all, hooks...)
	}
	return all, nil
}

func (g *generator) addHelpers(d *digested, series string) {
	for i := range g.helpers.Helpers {
		h := &g.helpers.Helpers[i]
		h.GPL = h.GPL || d.gpl[h.ID]
		if h.Since == "" && d.known[h.ID] {
			h.Since = series
		}
	}
}

func (g *generator) addHooks(facts *bpffacts.Kernel, d *digested, same map[string]string, names []string, a *asked) {
	places := make(map[string]int)
	for i, f := range g.kfuncs.Kfuncs {
		places[f.Name] = i
	}
	var helpers, kfuncs numbering
	helpers.place(nil)
	kfuncs.place(nil)
	add := func(s bpffacts.Section, name string, c *calls) {
		h := bpffacts.Hook{Name: name, Missing: c.refused, NeedsGPL: c.needsGPL, Unattached: a.lacks(s)}
		if c.refused != "" && h.Unattached != "" {
			h.Missing, h.Unattached = "it has no "+h.Unattached, ""
		}
		if c.refused == "" {
			callable := make(map[int]bool)
			for i, may := range c.kfuncs {
				// 6.1 asks last whether the program can sleep.
				if may && (s.Sleepable || !g.sleeps(names[i], facts.Series)) {
					callable[places[names[i]]] = true
				}
			}
			h.Helpers, h.Some, h.Kfuncs = helpers.place(c.helpers), helpers.place(c.some), kfuncs.place(callable)
		}
		facts.Hooks = append(facts.Hooks, h)
	}
	for _, s := range g.sections {
		pattern := s.Pattern
		if other, ok := same[pattern]; ok {
			pattern = other
		}
		if s.ProgramType == "STRUCT_OPS" {
			g.addOperations(s, pattern, d, add)
		} else if c := d.hooks[pattern]; c != nil {
			add(s, s.Pattern, c)
		}
	}
	facts.HelperSets, facts.KfuncSets = helpers.sets, kfuncs.sets
}

// sleeps says whether a kfunc of a kernel is for sleepable programs only.
func (g *generator) sleeps(name, series string) bool {
	for _, f := range g.kfuncs.Kfuncs {
		if on, ok := f.For(series); ok && f.Name == name {
			return slices.Contains(on.Flags, "SLEEPABLE")
		}
	}
	return false
}

// addOperations adds the hooks of each struct that programs implement, and one
// for when it is not known which: it may call whatever one of them may.
func (g *generator) addOperations(s bpffacts.Section, pattern string, d *digested, add func(bpffacts.Section, string, *calls)) {
	whole := &calls{refused: "no struct of functions that was tried", helpers: map[int]bool{}, some: map[int]bool{}, kfuncs: map[int]bool{}}
	var names []string
	for name, c := range d.hooks {
		if !strings.HasPrefix(name, pattern) {
			continue
		}
		names = append(names, name)
		if c.refused != "" {
			continue
		}
		whole.refused, whole.needsGPL = "", c.needsGPL
		for _, set := range []map[int]bool{c.helpers, c.some} {
			for id := range set {
				whole.some[id] = true
			}
		}
		for i := range c.kfuncs {
			whole.kfuncs[i] = true
		}
	}
	add(s, pattern, whole)
	slices.Sort(names)
	for _, name := range names {
		add(s, name, d.hooks[name])
	}
}

func readTable(name string, into any) error {
	text, err := os.ReadFile(filepath.Join(factsDir, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func writeTable(name string, table any) error {
	text, err := encode(table)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(factsDir, name), text, 0o644)
}

// encode writes an object whose lists have an element a line, so that a change
// shows as lines. The kernels' lists are one level deeper.
func encode(table any) ([]byte, error) {
	var compact bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(table); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	depth, inString, escaped := 0, false, false
	for _, c := range compact.Bytes() {
		if inString {
			inString = escaped || c != '"'
			escaped = !escaped && c == '\\'
			out.WriteByte(c)
			continue
		}
		switch c {
		case '"':
			inString = true
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		out.WriteByte(c)
		if (c == '[' || c == '{' || c == ',') && depth <= breakDepth(table) {
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), nil
}

// breakDepth is how deep brackets may be nested for lines to be broken.
func breakDepth(table any) int {
	if _, ok := table.(bpffacts.KernelTable); ok {
		return 4
	}
	return 2
}

func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
