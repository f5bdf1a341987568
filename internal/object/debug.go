package object

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"strings"
)

// Relocations of BPF objects (LLVM's BPF ABI, "Relocations"). All keep their
// addend in place.
const (
	relocAbs64    = 2  // R_BPF_64_ABS64
	relocAbs32    = 3  // R_BPF_64_ABS32
	relocNoDyld32 = 4  // R_BPF_64_NODYLD32
	relocOld32    = 10 // R_BPF_64_32, in DWARF of LLVM before 13
	relocOld64    = 1  // R_BPF_64_64, likewise
)

// maxEntries bounds how many DWARF entries are read.
const maxEntries = 2_000_000

// A debugInfo is the object's DWARF: the functions with their variables and
// the types that the source declares.
type debugInfo struct {
	data      *dwarf.Data
	raw       map[string][]byte // relocated sections
	functions map[uint64]*scope // by first address, see sectionBase
	declared  []declaredType    // named types, in the order of the file
	types     *typeReader
}

// A unit is what the entries of one compile unit need to be understood.
type unit struct {
	version      int
	low          uint64
	addrBase     uint64
	loclistsBase uint64
	name         string
	files        []string
}

// A scope is a function, an inlined function or a block, with its variables.
type scope struct {
	unit      *unit
	parent    *scope
	ranges    [][2]uint64
	variables []*variable
	children  []*scope
}

// A variable is a local variable or a parameter.
type variable struct {
	name      string
	typ       dwarf.Offset
	scope     *scope
	locations []location
}

// A location says where a variable is while the program counter is within
// [low, high).
type location struct {
	low, high  uint64
	expression []byte
}

// A declaredType is a named struct, union, enum or typedef.
type declaredType struct {
	name   string
	offset dwarf.Offset
	tag    dwarf.Tag
	size   int64 // of a struct or union; -1 otherwise
	file   string
	own    bool // declared in the author's files, not in a header of kernel or libbpf
}

// sectionBase gives each section addresses of its own: in an object every
// section begins at 0, so that DWARF's addresses would name several places.
func sectionBase(section int) uint64 { return uint64(section+1) << 32 }

// readDebug parses the DWARF. It gives nil and no error if there is none.
func readDebug(img *image, symbols []symbol) (d *debugInfo, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("read DWARF: %w: %v", errPanic, r)
		}
	}()
	d = &debugInfo{raw: make(map[string][]byte), functions: make(map[uint64]*scope)}
	budget := uint64(maxDebugData)
	for i := range img.sections {
		s := &img.sections[i]
		if s.typ != elf.SHT_PROGBITS || !strings.HasPrefix(s.name, ".debug_") {
			continue
		}
		data, err := s.contents(&budget)
		if err != nil {
			return nil, err
		}
		d.raw[s.name] = relocate(img, symbols, i, data)
	}
	if len(d.raw[".debug_info"]) == 0 {
		return nil, nil
	}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("read DWARF: %w", err)
	}
	d.types = newTypeReader(d.data)
	if err := d.readUnits(); err != nil {
		return nil, fmt.Errorf("read DWARF: %w", err)
	}
	return d, nil
}

// relocate gives a copy of data with its relocations applied. debug/elf knows
// none of BPF's.
func relocate(img *image, symbols []symbol, target int, data []byte) []byte {
	relocations := img.relocations(target)
	if len(relocations) == 0 {
		return data
	}
	data = append([]byte(nil), data...)
	order := binary.LittleEndian
	for _, r := range relocations {
		if int(r.symbol) >= len(symbols) {
			continue
		}
		s := &symbols[r.symbol]
		value := s.value
		if int(s.section) < len(img.sections) && img.sections[s.section].executable() {
			value += sectionBase(int(s.section))
		}
		switch r.typ {
		case relocAbs64, relocOld64:
			if place, ok := slice(data, r.offset, 8); ok {
				order.PutUint64(place, order.Uint64(place)+value)
			}
		case relocAbs32, relocNoDyld32, relocOld32:
			if place, ok := slice(data, r.offset, 4); ok {
				order.PutUint32(place, order.Uint32(place)+uint32(value))
			}
		}
	}
	return data
}

func (d *debugInfo) open() error {
	var err error
	d.data, err = dwarf.New(d.raw[".debug_abbrev"], nil, nil, d.raw[".debug_info"],
		d.raw[".debug_line"], nil, d.raw[".debug_ranges"], d.raw[".debug_str"])
	if err != nil {
		return err
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
		if data := d.raw[name]; data != nil {
			if err := d.data.AddSection(name, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// readUnits walks all entries once.
func (d *debugInfo) readUnits() error {
	reader := d.data.Reader()
	var u *unit
	// open holds, per level of nesting, the scope that entries belong to;
	// nil outside of code.
	var open []*scope
	for range maxEntries {
		entry, err := reader.Next()
		if err != nil {
			return err
		}
		if entry == nil {
			return nil
		}
		if entry.Tag == 0 {
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
			continue
		}
		var parent *scope
		if len(open) > 0 {
			parent = open[len(open)-1]
		}
		inner := parent
		switch entry.Tag {
		case dwarf.TagCompileUnit:
			u, open, inner = d.readUnit(entry), open[:0], nil
		case dwarf.TagSubprogram:
			inner = d.readScope(u, nil, entry)
		case dwarf.TagInlinedSubroutine, dwarf.TagLexDwarfBlock:
			if parent != nil {
				inner = d.readScope(u, parent, entry)
			}
		case dwarf.TagVariable, dwarf.TagFormalParameter:
			if parent != nil {
				d.readVariable(parent, entry)
			}
		case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagTypedef, dwarf.TagEnumerationType:
			d.readDeclaration(u, entry)
		}
		if entry.Children {
			open = append(open, inner)
		}
	}
	return errors.New("it has too many entries")
}

func (d *debugInfo) readUnit(entry *dwarf.Entry) *unit {
	u := &unit{version: 4}
	u.low, _ = entry.Val(dwarf.AttrLowpc).(uint64)
	u.name, _ = entry.Val(dwarf.AttrName).(string)
	if base, ok := entry.Val(dwarf.AttrAddrBase).(int64); ok {
		u.addrBase = uint64(base)
	}
	if base, ok := entry.Val(dwarf.AttrLoclistsBase).(int64); ok {
		u.version, u.loclistsBase = 5, uint64(base)
	}
	if d.raw[".debug_loclists"] != nil {
		u.version = 5
	}
	lines, err := d.data.LineReader(entry)
	if err != nil || lines == nil {
		return u
	}
	for _, file := range lines.Files() {
		name := ""
		if file != nil {
			name = file.Name
		}
		u.files = append(u.files, name)
	}
	return u
}

// readScope gives nil for what has no code, such as a declaration or the
// abstract origin of inlined functions.
func (d *debugInfo) readScope(u *unit, parent *scope, entry *dwarf.Entry) *scope {
	ranges, err := d.data.Ranges(entry)
	if err != nil || u == nil || (len(ranges) == 0 && parent == nil) {
		return nil
	}
	s := &scope{unit: u, parent: parent, ranges: ranges}
	if parent != nil {
		parent.children = append(parent.children, s)
		return s
	}
	for _, r := range ranges {
		if _, taken := d.functions[r[0]]; !taken {
			d.functions[r[0]] = s
		}
	}
	return s
}

func (d *debugInfo) readVariable(s *scope, entry *dwarf.Entry) {
	locations := d.locations(s, entry)
	if len(locations) == 0 {
		return
	}
	v := &variable{scope: s, locations: locations}
	v.name, v.typ = d.nameAndType(entry)
	if v.typ != 0 {
		s.variables = append(s.variables, v)
	}
}

// nameAndType follows the abstract origin of an inlined variable.
func (d *debugInfo) nameAndType(entry *dwarf.Entry) (string, dwarf.Offset) {
	for range 4 {
		typ, _ := entry.Val(dwarf.AttrType).(dwarf.Offset)
		name, _ := entry.Val(dwarf.AttrName).(string)
		if typ != 0 {
			return name, typ
		}
		origin, ok := entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			break
		}
		next, err := d.types.entry(origin)
		if err != nil || next == nil {
			break
		}
		entry = next
	}
	return "", 0
}

func (d *debugInfo) readDeclaration(u *unit, entry *dwarf.Entry) {
	name, _ := entry.Val(dwarf.AttrName).(string)
	if declaration, _ := entry.Val(dwarf.AttrDeclaration).(bool); name == "" || declaration || u == nil {
		return
	}
	t := declaredType{name: name, offset: entry.Offset, tag: entry.Tag, size: -1}
	if size, ok := entry.Val(dwarf.AttrByteSize).(int64); ok && entry.Tag != dwarf.TagEnumerationType {
		t.size = size
	}
	if file, ok := entry.Val(dwarf.AttrDeclFile).(int64); ok && file >= 0 && file < int64(len(u.files)) {
		t.file = u.files[file]
	}
	t.own = isOwnFile(t.file)
	d.declared = append(d.declared, t)
}

// foreignFolders and foreignFiles hold what comes with kernel, libbpf,
// compiler and skep rather than from the author.
var (
	// The system's headers, and where internal/compile's jail has them.
	foreignRoots   = []string{"/usr/include/", "/usr/lib/", "/include/", "/clang/", "/kernel/", "/uapi/"}
	foreignFolders = []string{"bpf", "linux", "asm", "asm-generic", "uapi", "sys", "bits"}
	foreignFiles   = []string{"vmlinux.h", "skep.h", "<built-in>", "<command line>", ""}
)

func isOwnFile(file string) bool {
	base := path.Base(file)
	for _, name := range foreignFiles {
		if base == name || file == name {
			return false
		}
	}
	if strings.HasPrefix(base, "vmlinux") || strings.HasPrefix(base, "bpf_helper") ||
		strings.HasPrefix(base, "bpf_core_read") || strings.HasPrefix(base, "bpf_tracing") ||
		strings.Contains(file, "/lib/clang/") {
		return false
	}
	for _, root := range foreignRoots {
		if strings.HasPrefix(file, root) {
			return false
		}
	}
	if !strings.HasSuffix(base, ".h") {
		return true
	}
	folder := path.Base(path.Dir(file))
	for _, name := range foreignFolders {
		if folder == name {
			return false
		}
	}
	return true
}
