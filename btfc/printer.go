package btfc

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

const (
	// maxOutput is some ten times a whole kernel's header. BTF is a graph that C
	// has to spell out as a tree where types have no name, so that a hostile one of
	// a kilobyte could fill any disk.
	maxOutput = 32 << 20
	// maxSteps bounds the work likewise; a whole kernel takes half a million.
	maxSteps = 4 << 20
)

// progress is how far a type's declaration has come.
type progress uint8

const (
	untouched progress = iota
	begun              // its parts are being declared
	done
)

// printer writes declarations in an order that C accepts.
type printer struct {
	out      bytes.Buffer
	names    *names
	layouts  layouts
	progress map[btf.Type]progress
	// forward holds the tags that a reader of out knows, with their keyword.
	forward map[string]bool
	// spelled holds the enums without tag whose constants are declared.
	spelled map[*btf.Enum]bool
	// current is the struct or union whose own members are looked at: it may be
	// mentioned without a forward declaration.
	current btf.Type
	offsets bool
	gap     int  // number of the last __gap_ member
	started bool // there is a declaration in out,
	block   bool // and the last one had several lines
	records bool // structs or unions are defined in out
	depth   int
	steps   int
	spent   int
}

func newPrinter(offsets bool) *printer {
	return &printer{
		names:    newNames(),
		layouts:  layouts{done: make(map[btf.Type]*layout)},
		progress: make(map[btf.Type]progress),
		forward:  make(map[string]bool),
		spelled:  make(map[*btf.Enum]bool),
		offsets:  offsets,
	}
}

// spend accounts for a step and n bytes of text.
func (p *printer) spend(n int) error {
	p.steps++
	p.spent += n
	if p.steps > maxSteps || p.spent > maxOutput || p.out.Len() > maxOutput {
		return fmt.Errorf("output longer than %d bytes: %w", maxOutput, ErrNotC)
	}
	return nil
}

func (p *printer) write(s *selection, o Options) error {
	if err := p.claimNames(s); err != nil {
		return err
	}
	for _, t := range s.types {
		if err := p.require(t, true); err != nil {
			return err
		}
	}
	for _, e := range s.constants {
		if p.spelled[e] {
			continue
		}
		var b bytes.Buffer
		if err := p.anonymousEnum(&b, e, place{}); err != nil {
			return err
		}
		b.WriteString(";\n")
		p.emit(b.Bytes())
	}
	if len(s.kfuncs) > 0 {
		if err := p.kfuncs(s.kfuncs); err != nil {
			return err
		}
	}
	if !o.Bare {
		p.surround(o.Guard)
	}
	return p.spend(0)
}

// emit writes a declaration at the top level. Those of one line stand together, others
// have blank lines around them.
func (p *printer) emit(declaration []byte) {
	p.separate(bytes.Count(declaration, []byte("\n")) > 1)
	p.out.Write(declaration)
}

// separate writes a blank line if what comes next, or what was before, is a block.
func (p *printer) separate(block bool) {
	if (block || p.block) && p.started {
		p.out.WriteString("\n")
	}
	p.block, p.started = block, true
}

// claimNames hands out names in the selection's order rather than in the order of
// output, where a dependency could take the plain name from an earlier type.
func (p *printer) claimNames(s *selection) error {
	for _, f := range s.kfuncs {
		p.names.idents.claim(f.Name)
	}
	for _, t := range s.named {
		switch v := t.(type) {
		case *btf.Struct, *btf.Union, *btf.Typedef, *btf.Fwd:
			if t.TypeName() == "" {
				continue
			}
			if _, err := p.names.of(t); err != nil {
				return fmt.Errorf("%s: %w", describe(t), err)
			}
		case *btf.Enum:
			if v.Name != "" {
				if _, err := p.names.of(t); err != nil {
					return fmt.Errorf("%s: %w", describe(t), err)
				}
			}
			if _, err := p.names.ofConstants(v); err != nil {
				return fmt.Errorf("%s: %w", describe(t), err)
			}
		}
	}
	return nil
}

// require declares what must stand before a use of t: t itself if the use needs its
// size (complete), else just enough to name it.
func (p *printer) require(t btf.Type, complete bool) error {
	if p.depth++; p.depth > maxNesting {
		return fmt.Errorf("types nested more than %d deep: %w", maxNesting, ErrNotC)
	}
	defer func() { p.depth-- }()
	if err := p.spend(0); err != nil {
		return err
	}
	switch t := t.(type) {
	case *btf.Typedef:
		if err := p.typedef(t); err != nil || !complete {
			return err
		}
	case *btf.Struct, *btf.Union:
		if t.TypeName() == "" {
			return p.requireMembers(t)
		}
		if complete {
			return p.define(t)
		}
		return p.declareForward(t)
	case *btf.Enum:
		if t.Name == "" {
			return nil
		}
		return p.enum(t)
	case *btf.Fwd:
		return p.declareForward(t)
	case *btf.Pointer:
		return p.require(t.Target, false)
	case *btf.Array:
		return p.require(t.Type, true)
	case *btf.FuncProto:
		complete = false
	}
	for _, c := range contained(t) {
		if err := p.require(c, complete); err != nil {
			return err
		}
	}
	return nil
}

func (p *printer) requireMembers(t btf.Type) error {
	members, _ := composite(t)
	for _, m := range members {
		if err := p.require(m.Type, true); err != nil {
			return err
		}
	}
	return nil
}

// begin marks a declaration as begun. It returns false if there is nothing to do.
func (p *printer) begin(t btf.Type) (bool, error) {
	switch p.progress[t] {
	case done:
		return false, nil
	case begun:
		return false, fmt.Errorf("%s needs itself: %w", describe(t), ErrNotC)
	}
	p.progress[t] = begun
	return true, nil
}

// define writes a struct or union with a tag.
func (p *printer) define(t btf.Type) error {
	if ok, err := p.begin(t); !ok {
		return err
	}
	outer := p.current
	p.current = t
	err := p.requireMembers(t)
	p.current = outer
	if err != nil {
		return err
	}
	var b bytes.Buffer
	p.gap = 0
	if err := p.body(&b, t, place{}); err != nil {
		return fmt.Errorf("%s: %w", describe(t), err)
	}
	p.end(&b, t)
	p.progress[t] = done
	p.emit(b.Bytes())
	return nil
}

func (p *printer) declareForward(t btf.Type) error {
	if t == p.current || p.progress[t] == done {
		return nil
	}
	var b bytes.Buffer
	if err := p.tagged(&b, t); err != nil {
		return fmt.Errorf("%s: %w", describe(t), err)
	}
	if p.forward[b.String()] {
		return nil
	}
	p.forward[b.String()] = true
	b.WriteString(";\n")
	p.emit(b.Bytes())
	return nil
}

func (p *printer) typedef(t *btf.Typedef) error {
	if t.Name == vaList {
		return nil
	}
	if ok, err := p.begin(t); !ok {
		return err
	}
	outer := p.current
	p.current = nil
	err := p.require(t.Type, false)
	p.current = outer
	if err != nil {
		return err
	}
	name, err := p.names.of(t)
	if err != nil {
		return fmt.Errorf("%s: %w", describe(t), err)
	}
	var b bytes.Buffer
	b.WriteString("typedef ")
	if err := p.declaration(&b, t.Type, name, place{}); err != nil {
		return fmt.Errorf("%s: %w", describe(t), err)
	}
	p.end(&b, t.Type)
	p.progress[t] = done
	p.emit(b.Bytes())
	return nil
}

// end closes a declaration at the top level, with the size of a struct or union.
func (p *printer) end(b *bytes.Buffer, t btf.Type) {
	b.WriteString(";")
	if _, size := composite(t); p.offsets && keyword(t) != "" && bytes.Contains(b.Bytes(), []byte("\n")) {
		fmt.Fprintf(b, " /* size: %d */", size/8)
	}
	b.WriteString("\n")
}

// body writes "struct name" with its members in braces. The name is missing where the
// type has none, and where the members become those of the struct around them.
func (p *printer) body(b *bytes.Buffer, t btf.Type, at place) error {
	if p.depth++; p.depth > maxNesting {
		return fmt.Errorf("types nested more than %d deep: %w", maxNesting, ErrNotC)
	}
	defer func() { p.depth-- }()

	lay, err := p.layouts.of(t)
	if err != nil {
		return err
	}
	p.records = true
	b.WriteString(keyword(t) + " ")
	if t.TypeName() != "" && at.indent == "" {
		name, err := p.names.of(t)
		if err != nil {
			return err
		}
		p.forward[keyword(t)+" "+name] = true
		b.WriteString(name + " ")
	}
	b.WriteString("{\n")
	members, _ := composite(t)
	inner := place{indent: at.indent + "\t"}
	for i, m := range members {
		start := b.Len()
		p.padding(b, lay.gaps[i], inner.indent)
		inner.offset = at.offset + int64(m.Offset)
		if err := p.member(b, m, inner); err != nil {
			return err
		}
		if err := p.spend(b.Len() - start); err != nil {
			return err
		}
	}
	p.padding(b, lay.tail, inner.indent)
	b.WriteString(at.indent + "}")
	switch {
	case lay.raise > 0:
		fmt.Fprintf(b, " __attribute__((packed, aligned(%d)))", lay.raise/8)
	case lay.packed:
		b.WriteString(" __attribute__((packed))")
	}
	return p.spend(0)
}

func (p *printer) member(b *bytes.Buffer, m btf.Member, at place) error {
	name := m.Name
	if name != "" {
		if err := checkName(name); err != nil {
			return fmt.Errorf("member %s: %w", quote(m.Name), err)
		}
		if keywords[name] {
			name += "_"
		}
	}
	b.WriteString(at.indent)
	var err error
	if t := embedded(m); t != nil {
		// Kernels since 7.0 are built with -fms-extensions, where "struct foo;" in a
		// struct adds the members of foo. Spelled out, that works without the option.
		err = p.body(b, t, at)
	} else {
		err = p.declaration(b, m.Type, name, at)
	}
	if err != nil {
		return fmt.Errorf("member %s: %w", quote(m.Name), err)
	}
	if m.BitfieldSize > 0 {
		fmt.Fprintf(b, ": %d", m.BitfieldSize)
	}
	b.WriteString(";")
	if p.offsets {
		line := b.Bytes()[bytes.LastIndexByte(b.Bytes(), '\n')+1:]
		width := len(line) + 7*len(at.indent)
		b.WriteString(strings.Repeat(" ", max(1, 64-width)))
		if err := p.memberComment(b, m, at.offset); err != nil {
			return err
		}
	}
	b.WriteString("\n")
	return nil
}

func (p *printer) memberComment(b *bytes.Buffer, m btf.Member, offset int64) error {
	e, err := p.layouts.measure(m.Type)
	if err != nil {
		return err
	}
	if m.BitfieldSize > 0 {
		// As in pahole: the unit of the field's type that it lies in.
		fmt.Fprintf(b, "/* %5d:%2d %4d */", offset/e.align*e.align/8, offset%e.align, e.size/8)
		return nil
	}
	fmt.Fprintf(b, "/* %5d %7d */", offset/8, e.size/8)
	return nil
}

// units are the types of unnamed bit-fields, which pad without becoming members.
var units = []struct {
	name string
	bits int64
}{{"long", 64}, {"int", 32}, {"short", 16}, {"char", 8}}

// padding fills a gap. Each unnamed bit-field starts at a multiple of its type's
// size, for else the compiler would move it.
func (p *printer) padding(b *bytes.Buffer, gap span, indent string) {
	pos := gap.from
	for pos < gap.to {
		if pos%8 == 0 && gap.to-pos > 64*8 {
			p.gap++
			fmt.Fprintf(b, "%schar __gap_%d[%d];\n", indent, p.gap, (gap.to-pos)/8)
			pos += (gap.to - pos) / 8 * 8
			continue
		}
		name, bits := "char", min(8-pos%8, gap.to-pos)
		for _, u := range units {
			if pos%u.bits == 0 && gap.to-pos >= u.bits {
				name, bits = u.name, u.bits
				break
			}
		}
		fmt.Fprintf(b, "%s%s: %d;\n", indent, name, bits)
		pos += bits
	}
}
