package plan

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Seconds is a length of time. In a scene: a number of seconds, or a number
// with a unit as in 10ms.
type Seconds float64

// Duration rounds to nanoseconds. What does not fit becomes the nearest that
// does.
func (s Seconds) Duration() time.Duration {
	ns := float64(s) * float64(time.Second)
	switch {
	case math.IsNaN(ns) || ns <= 0:
		return 0
	case ns >= math.MaxInt64:
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// UnmarshalText reads a scene's scalar.
func (s *Seconds) UnmarshalText(text []byte) error {
	if number, err := strconv.ParseFloat(string(text), 64); err == nil {
		if math.IsNaN(number) || number < 0 || number > MaxTimeout {
			return fmt.Errorf("%q is not between 0 and %d seconds", text, MaxTimeout)
		}
		*s = Seconds(number)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time: write seconds as in 0.5, or a unit as in 10ms", text)
	}
	if d < 0 || d > MaxTimeout*time.Second {
		return fmt.Errorf("%q is not between 0 and %d seconds", text, MaxTimeout)
	}
	*s = Seconds(d.Seconds())
	return nil
}

// MarshalJSON writes a number, in spite of UnmarshalText.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(float64(s)) }

// UnmarshalJSON reads a number.
func (s *Seconds) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*float64)(s)) }

// Mode is a file's permissions, written in octal in scenes.
type Mode uint32

// UnmarshalText reads octal digits, with or without 0 or 0o before them.
func (m *Mode) UnmarshalText(text []byte) error {
	digits := strings.TrimPrefix(string(text), "0o")
	value, err := strconv.ParseUint(digits, 8, 12)
	if err != nil {
		return fmt.Errorf("%q is not a mode: write it in octal, as 0644", text)
	}
	*m = Mode(value)
	return nil
}

// MarshalJSON writes a number.
func (m Mode) MarshalJSON() ([]byte, error) { return json.Marshal(uint32(m)) }

// UnmarshalJSON reads a number.
func (m *Mode) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*uint32)(m)) }

// Or is m, or the default where none was given.
func (m *Mode) Or(fallback uint32) uint32 {
	if m == nil {
		return fallback
	}
	return uint32(*m)
}

// Hex is bytes, written in hexadecimal in scenes. Spaces, line breaks and
// colons between digits do not count.
type Hex []byte

// UnmarshalText reads hexadecimal digits.
func (h *Hex) UnmarshalText(text []byte) error {
	digits := strings.NewReplacer(" ", "", "\n", "", "\t", "", ":", "").Replace(string(text))
	value, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("not hexadecimal: %w", err)
	}
	*h = value
	return nil
}

// MarshalJSON writes base64, as for any bytes.
func (h Hex) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(h)) }

// UnmarshalJSON reads base64.
func (h *Hex) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*[]byte)(h)) }

// Payload is bytes given as text or in hexadecimal.
type Payload struct {
	Content string `json:"content,omitempty"`
	Hex     Hex    `json:"hex,omitempty"`
}

// Data returns the bytes.
func (p Payload) Data() []byte {
	if len(p.Hex) > 0 {
		return p.Hex
	}
	return []byte(p.Content)
}

func (p Payload) check() error {
	if p.Content != "" && len(p.Hex) > 0 {
		return fmt.Errorf("content and hex exclude each other")
	}
	return nil
}
