// Package btfvalue turns bytes and a BTF type into a value with named fields,
// and text into bytes.
//
// BPF programs hand out records, map entries and global variables as plain
// memory; BTF (the kernel's type information, Documentation/bpf/btf.rst)
// describes its layout. [Decode] puts the two together. The result is a tree of
// [Value] which prints as one line ([Value.String]), as a table with offsets
// ([Value.Pretty]), as JSON ([Value.MarshalJSON]) and as plain Go values
// ([Value.Interface]). [Parse] goes the other way, for setting variables.
//
// # Shapes
//
//   - Integers of 1 to 16 bytes are read in the given byte order, bitfields of
//     any of them bit by bit: a member's bit offset counts from the least
//     significant bit on little-endian targets and from the most significant
//     one on big-endian targets, as compilers emit it.
//   - An enumeration shows the name of its value, or the number if it has none.
//     Where all enumerators are single bits, and there are at least three, a
//     combination shows as "A|B".
//   - An array of char is text up to its first NUL. An array of unsigned char
//     (u8) is bytes. Any other array is a list.
//   - Members of anonymous structs and unions appear among the members of the
//     struct around them, as they do in C. Unions show every member.
//   - An array of length zero at the end of a type takes the bytes that remain.
//   - Typedefs, qualifiers and tags do not show in values, only in type names.
//   - Network byte order is a convention that BTF does not know: a __be16 shows
//     the number that the program sees in the variable.
//   - Floats of 2, 4 and 8 bytes are IEEE 754. Longer ones differ between
//     architectures and are shown as their bytes.
//
// # JSON
//
// Objects keep the order of members. Integers from -2^53 to 2^53 are numbers;
// those beyond are decimal strings, because JavaScript would round them.
// Pointers are strings such as "0xffff888003a5c000". An enumeration is its
// name, or a number. Text is a string in which bytes that are not UTF-8 appear
// as \xNN; bytes, also those of values without a readable form, are a list of
// numbers. Floats that are not finite are the
// strings "NaN", "+Inf" and "-Inf". What the data was too short for is null.
//
// # Foreign input
//
// Neither types nor data are trusted. Decode never panics; its time and memory
// are bounded by [Limits] and the length of the data, also for types that
// contain themselves. What a limit cut off is counted in [Value.Omitted]. Text
// and JSON contain only printable characters: control characters, terminal
// sequences and marks that reorder text are escaped.
package btfvalue
