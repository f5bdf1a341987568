package object

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Names of what internal/compile/include/skep.h puts into an object.
const (
	// ShowMap is the ring buffer that SHOW and SUBMIT write to.
	ShowMap = "skep_show"
	// LostMap is the array that counts what found no room there.
	LostMap = "skep_lost"

	showSection  = ".skep.sites"
	maxShowSites = 1 << 16
)

// A ShowKind says which macro made a site.
type ShowKind uint32

// The kinds of skep.h's enum skep_kind.
const (
	Show ShowKind = iota + 1
	ShowString
	Submit
	SubmitString
)

var showMacros = map[ShowKind]string{Show: "SHOW", ShowString: "SHOW_STR", Submit: "SUBMIT", SubmitString: "SUBMIT_STR"}

// String gives the macro's name.
func (k ShowKind) String() string { return showMacros[k] }

// Submits says whether the value is an answer to a challenge.
func (k ShowKind) Submits() bool { return k == Submit || k == SubmitString }

// Text says whether the value is bytes of varying length, to be read as text.
func (k ShowKind) Text() bool { return k == ShowString || k == SubmitString }

// A ShowSite is one use of SHOW, SHOW_STR, SUBMIT or SUBMIT_STR. Its ID is in
// the records (skep.h, struct skep_record).
type ShowSite struct {
	ID   uint32
	Kind ShowKind
	File string // empty if the site's code is not there
	Line int    // from 1
	// Column is where the macro begins, from 1; 0 if unknown.
	Column     int
	Expression string
	// Size is the value's size in bytes; 0 for text.
	Size int
	// Type is the value's type, char for text. It is nil if the object's
	// BTF does not say.
	Type btf.Type
}

// ShowSites lists the uses of skep.h's macros, by their ID.
func (o *Object) ShowSites() []ShowSite {
	data := o.img.section(showSection)
	var variables *btf.Datasec
	if data == nil || o.Spec.Types == nil || o.Spec.Types.TypeByName(showSection, &variables) != nil {
		return nil
	}
	var sites []ShowSite
	for _, v := range variables.Vars {
		variable, ok := v.Type.(*btf.Var)
		if !ok || len(sites) >= maxShowSites {
			continue
		}
		layout, ok := underlying(variable.Type).(*btf.Struct)
		contents, inside := slice(data.data, uint64(v.Offset), uint64(v.Size))
		if !ok || !inside {
			continue
		}
		if site, ok := readShowSite(layout, contents); ok {
			sites = append(sites, site)
		}
	}
	slices.SortFunc(sites, func(a, b ShowSite) int { return cmp.Compare(a.ID, b.ID) })
	o.placeShowSites(sites)
	return sites
}

// readShowSite takes the members by name: their offsets vary.
func readShowSite(layout *btf.Struct, contents []byte) (ShowSite, bool) {
	var site ShowSite
	numbers := map[string]uint32{}
	for i := range layout.Members {
		m := &layout.Members[i]
		if array, ok := underlying(m.Type).(*btf.Array); ok && m.Name == "type" {
			site.Type = unqualified(array.Type)
			continue
		}
		offset := uint64(m.Offset / 8)
		if m.Name == "expression" && offset <= uint64(len(contents)) {
			text, _, _ := bytes.Cut(contents[offset:], []byte{0})
			site.Expression = strings.ToValidUTF8(string(text), "\uFFFD")
			continue
		}
		if word, ok := slice(contents, offset, 4); ok {
			numbers[m.Name] = binary.LittleEndian.Uint32(word)
		}
	}
	site.ID, site.Kind = numbers["id"], ShowKind(numbers["kind"])
	site.Line, site.Size = int(numbers["line"]), int(numbers["size"])
	return site, showMacros[site.Kind] != ""
}

// placeShowSites finds file and column of sites in the source lines that the
// object carries. Sites on one line have rising IDs from left to right.
func (o *Object) placeShowSites(sites []ShowSite) {
	type place struct{ file, text string }
	lines := make(map[int]place)
	for i := range o.Programs {
		for _, line := range o.Programs[i].Lines {
			if strings.Contains(line.Text, "SHOW") || strings.Contains(line.Text, "SUBMIT") {
				lines[line.Line] = place{line.File, line.Text}
			}
		}
	}
	searched := make(map[int]int) // by line: how far
	for i := range sites {
		s := &sites[i]
		where, ok := lines[s.Line]
		if !ok {
			continue
		}
		at := findMacro(where.text, s.Kind.String(), searched[s.Line])
		if at < 0 {
			continue
		}
		s.File, s.Column = where.file, at+1
		searched[s.Line] = at + 1
	}
}

// findMacro finds a use of a macro at or after a place in a line, -1 if there
// is none.
func findMacro(line, macro string, from int) int {
	for from < len(line) {
		at := strings.Index(line[from:], macro)
		if at < 0 {
			return -1
		}
		at += from
		rest := strings.TrimLeft(line[at+len(macro):], " \t")
		if strings.HasPrefix(rest, "(") && (at == 0 || !isNameByte(line[at-1])) {
			return at
		}
		from = at + len(macro)
	}
	return -1
}

func isNameByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
