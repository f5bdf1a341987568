package scene

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Limits of variables.
const (
	maxVariables = 256
	maxChoices   = 1000
)

// Values are what variables were drawn as: a string, or an int64 for number,
// port and pid.
type Values map[string]any

// drawing is one draw of a scene's variables.
type drawing struct {
	random io.Reader
	values Values
	ports  map[int64]bool
}

// below returns a number from 0 to limit-1, each as likely as the others.
func (d *drawing) below(limit uint64) (uint64, error) {
	var word [8]byte
	for {
		if _, err := io.ReadFull(d.random, word[:]); err != nil {
			return 0, fmt.Errorf("draw a variable: %w", err)
		}
		// Lemire's method: the remainder that would favour small results
		// is drawn again.
		high, low := bits.Mul64(binary.LittleEndian.Uint64(word[:]), limit)
		if low >= -limit%limit {
			return high, nil
		}
	}
}

func (d *drawing) between(from, to int64) (int64, error) {
	span := uint64(to) - uint64(from) + 1
	if span == 0 { // all of them
		span = 1 << 63
	}
	offset, err := d.below(span)
	return int64(uint64(from) + offset), err
}

func (d *drawing) letters(alphabet string, count int) (string, error) {
	text := make([]byte, count)
	for i := range text {
		at, err := d.below(uint64(len(alphabet)))
		if err != nil {
			return "", err
		}
		text[i] = alphabet[at]
	}
	return string(text), nil
}

// Seeded returns a source for Draw that gives the same values each time. It is
// for tests: what a judge relies on must not be foreseeable.
func Seeded(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

func fresh(random io.Reader) io.Reader {
	if random == nil {
		return crand.Reader
	}
	return random
}

// substitute puts variables into a scalar's text: ${name} becomes the value,
// $${ becomes ${, and every other $ stays.
func substitute(n *node, values Values) (string, error) {
	rest := n.text
	if !strings.Contains(rest, "${") {
		return rest, nil
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			out.WriteString(rest)
			return out.String(), nil
		}
		if escaped, is := strings.CutSuffix(before, "$"); is {
			out.WriteString(escaped + "${")
			rest = after
			continue
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "", n.errorf("${ has no }; write $${ for the two characters themselves")
		}
		value, known := values[name]
		if !known {
			return "", n.errorf("%s", unknown("variable", name, keysOfValues(values)))
		}
		out.WriteString(before)
		out.WriteString(textOf(value))
		if out.Len() > maxSubstituted {
			return "", n.errorf("longer than %d bytes with its variables put in", maxSubstituted)
		}
		rest = tail
	}
}

// maxSubstituted bounds a text with variables put in: hexadecimal with spaces
// is the longest there is.
const maxSubstituted = 256 << 10

func textOf(value any) string {
	if number, is := value.(int64); is {
		return strconv.FormatInt(number, 10)
	}
	text, _ := value.(string)
	return text
}

func keysOfValues(values Values) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	return sorted(keys)
}
