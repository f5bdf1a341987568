package btfc

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// maxName is KSYM_NAME_LEN, the kernel's limit for names in BTF
// (kernel/bpf/btf.c, __btf_name_valid).
const maxName = 512

// keywords are the names that C, or clang for the BPF target, keeps for itself.
// The last line holds types that clang knows without a declaration.
var keywords = set(`
	auto break case char const continue default do double else enum extern float for
	goto if inline int long register restrict return short signed sizeof static struct
	switch typedef union unsigned void volatile while
	_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn
	_Static_assert _Thread_local _BitInt _ExtInt
	asm typeof typeof_unqual __asm __asm__ __attribute __attribute__ __inline __inline__
	__const __const__ __volatile __volatile__ __restrict __restrict__ __signed __signed__
	__typeof __typeof__ __alignof __alignof__ __extension__ __label__ __real__ __imag__
	__thread __func__ __FUNCTION__ __PRETTY_FUNCTION__ __auto_type
	__int128 __float128 __fp16 __bf16 _Float16 _Float128 __builtin_va_list`)

// vaList is the type behind va_list, which compilers know without a declaration.
// Kernel BTF has the x86 one of 24 bytes, clang for BPF a pointer.
const vaList = "__builtin_va_list"

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// checkName refuses names that would not survive in C source. Nothing is escaped,
// for CO-RE could not find a renamed member again.
func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("name of %d bytes, the kernel's limit is %d: %w", len(name), maxName, ErrNotC)
	case !isIdentifier(name):
		return fmt.Errorf("name %q is no identifier: %w", name, ErrNotC)
	}
	return nil
}

// namespace hands out names, each once.
type namespace map[string]int

// claim returns name, or name___N if name is taken or reserved by C.
func (n namespace) claim(name string) string {
	n[name]++
	if n[name] == 1 && !keywords[name] {
		return name
	}
	for {
		n[name] = max(n[name], 2)
		candidate := fmt.Sprintf("%s___%d", name, n[name])
		// A kernel type may really be called so.
		if n[candidate] == 0 {
			n[candidate]++
			return candidate
		}
		n[name]++
	}
}

// tag is what follows the keyword in "struct foo", with the keyword.
type tag struct {
	keyword, name string
}

// sharedTag is the name that forward declarations share with the first definition
// of the same tag, whichever comes first.
type sharedTag struct {
	name    string
	defined bool
}

// names knows what every type is called in the output.
type names struct {
	tags      namespace // of structs, unions and enums: one space in C
	idents    namespace // of typedefs, constants and functions
	types     map[btf.Type]string
	constants map[*btf.Enum][]string
	shared    map[tag]*sharedTag
}

func newNames() *names {
	return &names{
		tags:      make(namespace),
		idents:    make(namespace),
		types:     make(map[btf.Type]string),
		constants: make(map[*btf.Enum][]string),
		shared:    make(map[tag]*sharedTag),
	}
}

// of returns the name of a type with a name, claiming one on first use.
func (n *names) of(t btf.Type) (string, error) {
	if name, ok := n.types[t]; ok {
		return name, nil
	}
	name := t.TypeName()
	if err := checkName(name); err != nil {
		return "", err
	}
	switch t.(type) {
	case *btf.Typedef:
		if name == vaList {
			n.types[t] = name
			break
		}
		n.types[t] = n.idents.claim(name)
	case *btf.Fwd:
		n.types[t] = n.ofTag(tag{keyword(t), name}, false)
	default:
		n.types[t] = n.ofTag(tag{keyword(t), name}, true)
	}
	return n.types[t], nil
}

func (n *names) ofTag(t tag, definition bool) string {
	s := n.shared[t]
	if s != nil && definition && s.defined {
		return n.tags.claim(t.name)
	}
	if s == nil {
		s = &sharedTag{name: n.tags.claim(t.name)}
		n.shared[t] = s
	}
	s.defined = s.defined || definition
	return s.name
}

// ofConstants returns the names of an enum's constants.
func (n *names) ofConstants(e *btf.Enum) ([]string, error) {
	if c, ok := n.constants[e]; ok {
		return c, nil
	}
	c := make([]string, len(e.Values))
	for i, v := range e.Values {
		if err := checkName(v.Name); err != nil {
			return nil, err
		}
		c[i] = n.idents.claim(v.Name)
	}
	n.constants[e] = c
	return c, nil
}
