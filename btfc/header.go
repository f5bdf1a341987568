package btfc

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// What surrounds the declarations, with the guard's name.
const (
	guardOpening = "#ifndef %[1]s\n#define %[1]s\n\n"
	guardClosing = "#endif /* %s */\n"
	// preserve_access_index makes clang record every access for CO-RE.
	attributeOpening = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`
	attributeClosing = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

`
	kfuncOpening = `#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

`
	kfuncClosing = "#endif /* BPF_NO_KFUNC_PROTOTYPES */\n"
)

// surround makes a header of the declarations. Clang warns of an attribute for structs
// where there are none.
func (p *printer) surround(guard string) {
	declarations := bytes.Clone(p.out.Bytes())
	p.out.Reset()
	fmt.Fprintf(&p.out, guardOpening, guard)
	if p.records {
		p.out.WriteString(attributeOpening)
	}
	p.out.Write(declarations)
	p.out.WriteString("\n")
	if p.records {
		p.out.WriteString(attributeClosing)
	}
	fmt.Fprintf(&p.out, guardClosing, guard)
}

// kfuncs declares kernel functions, after the types that they mention.
func (p *printer) kfuncs(list []*btf.Func) error {
	for _, f := range list {
		if err := p.require(f.Type, false); err != nil {
			return fmt.Errorf("function %s: %w", quote(f.Name), err)
		}
	}
	p.separate(true)
	p.out.WriteString(kfuncOpening)
	for _, f := range list {
		if err := p.kfunc(f); err != nil {
			return fmt.Errorf("function %s: %w", quote(f.Name), err)
		}
	}
	p.out.WriteString("\n" + kfuncClosing)
	return nil
}

func (p *printer) kfunc(f *btf.Func) error {
	proto, ok := f.Type.(*btf.FuncProto)
	if !ok {
		return fmt.Errorf("its type is %s: %w", describe(f.Type), ErrNotC)
	}
	if err := checkName(f.Name); err != nil {
		return err
	}
	params, err := p.params(proto, true)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("extern ")
	if err := p.declaration(&b, proto.Return, f.Name+params, place{}); err != nil {
		return err
	}
	b.WriteString(" __weak __ksym")
	if slices.Contains(f.Tags, "bpf_fastcall") {
		b.WriteString(" __bpf_fastcall")
	}
	b.WriteString(";\n")
	p.out.Write(b.Bytes())
	return p.spend(0)
}
