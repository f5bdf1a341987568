package object

import (
	"github.com/cilium/ebpf/asm"
)

// A function is one program or subprogram of the object, once, however many
// programs it was linked into.
type function struct {
	name     string
	section  int    // index of its section
	start    uint64 // in the section, in bytes
	code     asm.Instructions
	programs []string // entry points that reach it
}

// readFunctions splits a linked program at its function symbols.
func (o *Object) readFunctions(p *Program, code asm.Instructions) {
	start := 0
	for i := 1; i <= len(code); i++ {
		if i < len(code) && code[i].Symbol() == "" {
			continue
		}
		if name := code[start].Symbol(); name != "" {
			o.addFunction(name, p.Name, code[start:i:i])
		}
		start = i
	}
}

func (o *Object) addFunction(name, program string, code asm.Instructions) {
	f := o.functions[name]
	if f == nil {
		f = &function{name: name, section: -1, code: code}
		for i := range o.symbols {
			s := &o.symbols[i]
			if s.name == name && int(s.section) < len(o.img.sections) && o.img.sections[s.section].executable() {
				f.section, f.start = int(s.section), s.value
				break
			}
		}
		o.functions[name] = f
	}
	if n := len(f.programs); n == 0 || f.programs[n-1] != program {
		f.programs = append(f.programs, program)
	}
}
