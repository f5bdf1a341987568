package btfvalue

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/cilium/ebpf/btf"
)

// ErrNoLayout is returned, wrapped, for types that occupy no memory or whose
// layout is not described: void, functions, forward declarations.
var ErrNoLayout = errors.New("type has no layout")

const (
	// maxQualifiers is how many typedefs, qualifiers and array dimensions are
	// followed; libbpf's btf__resolve_size allows as many.
	maxQualifiers = 32
	// maxTypeSize in bytes keeps arithmetic on offsets in bits far from
	// overflow: BTF's own sizes are 32 bits wide, only arrays go beyond.
	maxTypeSize = 1 << 40
	// maxName is the kernel's KSYM_NAME_LEN, which bounds names in loaded BTF.
	maxName = 512
	// pointerSize is that of the BPF target, whatever the host's.
	pointerSize = 8
)

// peel follows typedefs, qualifiers, tags and variables to the type that has
// the layout. It returns nil for chains that are too long or end nowhere.
func peel(t btf.Type) btf.Type {
	for range maxQualifiers {
		switch q := t.(type) {
		case *btf.Typedef:
			t = q.Type
		case *btf.Const:
			t = q.Type
		case *btf.Volatile:
			t = q.Type
		case *btf.Restrict:
			t = q.Type
		case *btf.TypeTag:
			t = q.Type
		case *btf.Var:
			t = q.Type
		default:
			return t
		}
	}
	return nil
}

// sizeOf returns the size of a type in bytes.
func sizeOf(t btf.Type) (uint64, error) {
	count := uint64(1)
	for range maxQualifiers {
		var size uint32
		switch u := peel(t).(type) {
		case *btf.Array:
			hi, n := bits.Mul64(count, uint64(u.Nelems))
			if hi != 0 || n > maxTypeSize {
				return 0, fmt.Errorf("size of %s: larger than %d bytes", TypeName(t), uint64(maxTypeSize))
			}
			count, t = n, u.Type
			continue
		case *btf.Int:
			size = u.Size
		case *btf.Enum:
			size = u.Size
		case *btf.Float:
			size = u.Size
		case *btf.Pointer:
			size = pointerSize
		case *btf.Struct:
			size = u.Size
		case *btf.Union:
			size = u.Size
		case *btf.Datasec:
			size = u.Size
		default:
			return 0, fmt.Errorf("size of %s: %w", TypeName(t), ErrNoLayout)
		}
		if hi, n := bits.Mul64(count, uint64(size)); hi == 0 && n <= maxTypeSize {
			return n, nil
		}
		return 0, fmt.Errorf("size of %s: larger than %d bytes", TypeName(t), uint64(maxTypeSize))
	}
	return 0, fmt.Errorf("size of %s: more than %d dimensions", TypeName(t), maxQualifiers)
}

// element returns the kind of an array of these: text, bytes or a list. Clang
// marks plain char only by its name; its signedness is the target's.
func element(t btf.Type) Kind {
	i, ok := peel(t).(*btf.Int)
	switch {
	case !ok || i.Size != 1 || i.Encoding&btf.Bool != 0:
		return KindArray
	case isChar(i):
		return KindText
	case i.Encoding == btf.Unsigned:
		return KindBytes
	default:
		return KindArray
	}
}

func isChar(i *btf.Int) bool {
	return i.Size == 1 && (i.Encoding&btf.Char != 0 || i.Name == "char")
}

// clip bounds a name, which comes with every value of a hostile array.
func clip(name string) string {
	if len(name) > maxName {
		return name[:maxName] + "…"
	}
	return name
}
