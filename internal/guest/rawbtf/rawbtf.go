// Package rawbtf walks over encoded BTF without decoding it: all that is
// looked at are kinds and names. Decoding every type of a kernel costs more
// memory than a small machine has.
//
// The format is that of Documentation/bpf/btf.rst.
package rawbtf

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Kinds that callers look for.
const (
	KindTypedef = 8
	KindFunc    = 12
	KindDatasec = 15
)

// Offsets in struct btf_header, and its least size.
const (
	headerLen  = 4
	typeOffset = 8
	typeLen    = 12
	strOffset  = 16
	strLen     = 20
	minHeader  = 24
)

const typeSize = 12

// trailer is how many bytes follow struct btf_type: a fixed number, and one
// for each of its members.
var trailer = [...]struct{ fixed, each uint64 }{
	1: {4, 0}, 3: {12, 0}, 4: {0, 12}, 5: {0, 12}, 6: {0, 8}, 13: {0, 8},
	14: {4, 0}, 15: {0, 12}, 17: {4, 0}, 19: {0, 12},
}

// Errors of BTF that is not what it says.
var (
	ErrShort = errors.New("BTF is cut off")
	ErrKind  = errors.New("BTF has a type of unknown kind")
)

// A Blob is encoded BTF.
type Blob struct {
	data                 []byte
	order                binary.ByteOrder
	typesFrom, typesTo   uint64
	stringsFrom, strings uint64
}

// Parse reads the header. The blob aliases data.
func Parse(data []byte, order binary.ByteOrder) (*Blob, error) {
	if len(data) < minHeader {
		return nil, ErrShort
	}
	base := uint64(order.Uint32(data[headerLen:]))
	b := &Blob{data: data, order: order}
	b.typesFrom = base + uint64(order.Uint32(data[typeOffset:]))
	b.typesTo = b.typesFrom + uint64(order.Uint32(data[typeLen:]))
	b.stringsFrom = base + uint64(order.Uint32(data[strOffset:]))
	b.strings = uint64(order.Uint32(data[strLen:]))
	if b.typesTo > uint64(len(data)) || b.stringsFrom+b.strings > uint64(len(data)) {
		return nil, ErrShort
	}
	return b, nil
}

// Walk calls visit for every type with its kind, its name, and the place of
// its name's offset in the blob.
func (b *Blob) Walk(visit func(kind int, name []byte, nameAt uint64)) error {
	for at := b.typesFrom; at+typeSize <= b.typesTo; {
		info := b.order.Uint32(b.data[at+4:])
		kind, members := int(info>>24&0x1f), uint64(info&0xffff)
		if kind >= len(trailer) {
			return ErrKind
		}
		visit(kind, b.name(b.order.Uint32(b.data[at:])), at)
		at += typeSize + trailer[kind].fixed + members*trailer[kind].each
	}
	return nil
}

func (b *Blob) name(offset uint32) []byte {
	if uint64(offset) >= b.strings {
		return nil
	}
	text := b.data[b.stringsFrom+uint64(offset) : b.stringsFrom+b.strings]
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return text[:i]
	}
	return nil
}

// Rename gives the types of one kind and name another one, and returns the
// new encoding. Strings have to be the blob's last part, as compilers write it.
func (b *Blob) Rename(kind int, from, to string) ([]byte, error) {
	if b.stringsFrom+b.strings != uint64(len(b.data)) {
		return nil, ErrShort
	}
	out := bytes.Clone(b.data)
	err := b.Walk(func(k int, name []byte, nameAt uint64) {
		if k == kind && string(name) == from {
			b.order.PutUint32(out[nameAt:], uint32(b.strings))
		}
	})
	if err != nil {
		return nil, err
	}
	out = append(out, to+"\x00"...)
	b.order.PutUint32(out[strLen:], uint32(b.strings)+uint32(len(to))+1)
	return out, nil
}
