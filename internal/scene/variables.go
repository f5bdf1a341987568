package scene

import (
	"fmt"
	"maps"
	"slices"

	"github.com/skep-dev/skep/internal/scene/plan"
)

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}

// alphabets of random text, by name.
var alphabets = map[string]string{
	"lower":    "abcdefghijklmnopqrstuvwxyz",
	"upper":    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"letters":  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"digits":   "0123456789",
	"hex":      "0123456789abcdef",
	"alphanum": "abcdefghijklmnopqrstuvwxyz0123456789",
}

// kindsOfVariable is the table of what a variable can be. Each entry is given
// the node below its word.
var kindsOfVariable = map[string]func(*decoder, *node) (func(*drawing) (any, error), error){
	"text":    randomText,
	"number":  randomNumber,
	"path":    randomPath,
	"port":    randomPort,
	"pid":     randomPID,
	"choice":  choice,
	"literal": literal,
}

// bareKinds need no fields, so that their word alone is enough. A text that is
// just one of these words is written as literal.
var bareKinds = []string{"text", "path", "port", "pid"}

// textVariable is random text.
type textVariable struct {
	Length   int    `json:"length" scene:"short,min=1,max=1024"` // 8
	Alphabet string `json:"alphabet" scene:"max=256"`            // a name from alphabets, or the characters themselves
	Prefix   string `json:"prefix" scene:"max=256"`
	Suffix   string `json:"suffix" scene:"max=256"`
}

func randomText(d *decoder, n *node) (func(*drawing) (any, error), error) {
	t := textVariable{Length: 8, Alphabet: "lower"}
	if n.form != absent {
		if err := d.decode(n, &t); err != nil {
			return nil, err
		}
	}
	characters, named := alphabets[t.Alphabet]
	if !named {
		characters = t.Alphabet
	}
	if characters == "" {
		return nil, n.errorf("the alphabet is empty")
	}
	for _, c := range []byte(characters) {
		if c < ' ' || c > '~' {
			return nil, n.errorf("the alphabet must be printable ASCII")
		}
	}
	return func(d *drawing) (any, error) {
		text, err := d.letters(characters, t.Length)
		return t.Prefix + text + t.Suffix, err
	}, nil
}

// numberVariable is a whole number.
type numberVariable struct {
	From int64 `json:"from"` // 1
	To   int64 `json:"to" scene:"required,short"`
}

func randomNumber(d *decoder, n *node) (func(*drawing) (any, error), error) {
	v := numberVariable{From: 1}
	if err := d.decode(n, &v); err != nil {
		return nil, err
	}
	if v.From > v.To {
		return nil, n.errorf("from %d is more than to %d", v.From, v.To)
	}
	return func(d *drawing) (any, error) { return d.between(v.From, v.To) }, nil
}

// pathVariable is a path that does not exist yet.
type pathVariable struct {
	Dir    string `json:"dir" scene:"short,max=1024"` // /tmp
	Prefix string `json:"prefix" scene:"max=100"`
	Suffix string `json:"suffix" scene:"max=100"`
}

func randomPath(d *decoder, n *node) (func(*drawing) (any, error), error) {
	p := pathVariable{Dir: "/tmp"}
	if n.form != absent {
		if err := d.decode(n, &p); err != nil {
			return nil, err
		}
	}
	return func(d *drawing) (any, error) {
		text, err := d.letters(alphabets["alphanum"], 10)
		return p.Dir + "/" + p.Prefix + text + p.Suffix, err
	}, nil
}

// The ports that are drawn lie below those that the kernel hands out by
// itself (ip_local_port_range begins at 32768).
const (
	firstPort = 10_000
	lastPort  = 29_999
)

func randomPort(_ *decoder, n *node) (func(*drawing) (any, error), error) {
	if n.form == mapping && len(n.entries) > 0 || n.form == sequence {
		return nil, n.errorf("port takes no fields")
	}
	return func(d *drawing) (any, error) {
		for {
			port, err := d.between(firstPort, lastPort)
			if err != nil {
				return nil, err
			}
			if !d.ports[port] {
				d.ports[port] = true
				return port, nil
			}
		}
	}, nil
}

// A drawn pid belongs to no process: the machine has one processor, with which
// the kernel counts pids to 32768 (pid_idr_init in kernel/pid.c).
const (
	firstPID = 100_000
	lastPID  = 4_000_000
)

func randomPID(_ *decoder, n *node) (func(*drawing) (any, error), error) {
	if n.form == mapping && len(n.entries) > 0 || n.form == sequence {
		return nil, n.errorf("pid takes no fields")
	}
	return func(d *drawing) (any, error) { return d.between(firstPID, lastPID) }, nil
}

func choice(d *decoder, n *node) (func(*drawing) (any, error), error) {
	if n.form != sequence || len(n.items) == 0 || len(n.items) > maxChoices {
		return nil, n.errorf("choice needs a list of 1 to %d values", maxChoices)
	}
	var options []string
	if err := d.decode(n, &options); err != nil {
		return nil, err
	}
	return func(d *drawing) (any, error) {
		at, err := d.below(uint64(len(options)))
		return options[at], err
	}, nil
}

func literal(d *decoder, n *node) (func(*drawing) (any, error), error) {
	text, err := d.scalar(n)
	if err != nil {
		return nil, err
	}
	return func(*drawing) (any, error) { return text, nil }, nil
}

// drawVariables draws in the order of the text, so that a variable can be made
// of those before it.
func drawVariables(n *node, d *drawing) error {
	if n == nil || n.form == absent {
		return nil
	}
	if n.form != mapping {
		return n.errorf("variables is a mapping of names, not %s", n.form)
	}
	if len(n.entries) > maxVariables {
		return n.errorf("%d variables; at most %d are allowed", len(n.entries), maxVariables)
	}
	for _, e := range n.entries {
		if !isName(e.key.text) || len(e.key.text) > plan.MaxName {
			return e.key.errorf("%q is not a name: letters, digits, - and _", shorten(e.key.text))
		}
		value, err := drawVariable(e.value, d)
		if err != nil {
			return err
		}
		d.values[e.key.text] = value
	}
	return nil
}

func drawVariable(n *node, d *drawing) (any, error) {
	word, below := "literal", n
	switch {
	case n.form == mapping:
		if len(n.entries) != 1 {
			return nil, n.errorf("a variable is one of %s", kindsOfVariableText())
		}
		word, below = n.entries[0].key.text, n.entries[0].value
	case n.form == scalar && slices.Contains(bareKinds, n.text):
		word, below = n.text, &node{line: n.line, column: n.column, form: absent}
	}
	prepare := kindsOfVariable[word]
	if prepare == nil {
		return nil, n.entries[0].key.errorf("%s", unknown("kind of variable", word, sorted(slices.Collect(maps.Keys(kindsOfVariable)))))
	}
	draw, err := prepare(&decoder{values: d.values}, below)
	if err != nil {
		return nil, err
	}
	value, err := draw(d)
	if err != nil {
		return nil, err
	}
	if len(textOf(value)) > plan.MaxText {
		return nil, n.errorf("longer than %d bytes", plan.MaxText)
	}
	return value, nil
}

func kindsOfVariableText() string {
	return fmt.Sprint(sorted(slices.Collect(maps.Keys(kindsOfVariable))))
}
