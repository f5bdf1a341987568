package scene

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Limits of a scene's text.
const (
	MaxSceneBytes = 64 << 10
	maxDepth      = 24     // of nested mappings and sequences
	maxNodes      = 20_000 // of the tree
)

// A node is a part of a scene's text: a scalar, a mapping or a sequence. It is
// what is left of YAML: no anchors, aliases, tags or types of scalars. What a
// scalar means is up to the field that it is for.
type node struct {
	line, column int
	text         string // of a scalar
	entries      []entry
	items        []*node
	form         form
}

type form uint8

const (
	scalar form = iota
	mapping
	sequence
	absent // a key with nothing after it
)

func (f form) String() string {
	return [...]string{"a single value", "a mapping", "a list", "nothing"}[f]
}

// entry is one key of a mapping. The key is a node for its position.
type entry struct {
	key   *node
	value *node
}

// parseTree reads YAML. The library's parser has seen hostile input before,
// but not all of it: its panics become errors.
func parseTree(data []byte) (root *node, err error) {
	if len(data) > MaxSceneBytes {
		return nil, &Error{Message: fmt.Sprintf("the scene has %d bytes; %d are allowed", len(data), MaxSceneBytes)}
	}
	if !utf8.Valid(data) {
		return nil, &Error{Message: "the scene is not UTF-8 text"}
	}
	if err := checkNesting(data); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, &Error{Message: fmt.Sprintf("the scene is not YAML that can be read (%v)", p)}
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, syntaxError(err)
	}
	var body ast.Node
	for _, document := range file.Docs {
		switch {
		case document.Body == nil:
		case body != nil:
			position := document.Body.GetToken().Position
			return nil, &Error{Line: position.Line, Column: position.Column, Message: "a second YAML document: a scene is one"}
		default:
			body = document.Body
		}
	}
	if body == nil {
		return nil, &Error{Message: "the scene is empty: it needs at least steps"}
	}
	t := treeBuilder{left: maxNodes}
	return t.build(body, maxDepth)
}

// Nesting that the parser is given. Its time grows with the square of it.
const (
	maxBrackets   = 100 // open at once; those in texts count too
	maxIndicators = maxDepth
)

// checkNesting refuses deep nesting before the parser recurses into it. Only
// brackets and several indicators on one line ("- - - a") nest deeply in few
// bytes: all else needs indentation.
func checkNesting(data []byte) error {
	brackets, indicators, line := 0, 0, 1
	leading := true // nothing but indicators on this line yet
	for _, c := range data {
		switch c {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(brackets-1, 0)
		case '-', '?', ':':
			if leading {
				indicators++
			}
		case '\n', '\r':
			indicators, leading = 0, true
			if c == '\n' {
				line++
			}
		case ' ', '\t':
		default:
			leading = false
		}
		if brackets > maxBrackets || indicators > maxIndicators {
			return &Error{Line: line, Column: 1, Message: fmt.Sprintf("nested too deep: more than %d brackets or %d dashes", maxBrackets, maxIndicators)}
		}
	}
	return nil
}

func syntaxError(err error) error {
	var known yaml.Error
	if errors.As(err, &known) {
		if token := known.GetToken(); token != nil && token.Position != nil {
			return &Error{Line: token.Position.Line, Column: token.Position.Column, Message: "not YAML: " + shorten(known.GetMessage())}
		}
	}
	return &Error{Message: "not YAML: " + shorten(err.Error())}
}

type treeBuilder struct{ left int }

func (t *treeBuilder) build(n ast.Node, depth int) (*node, error) {
	at := &node{}
	if token := n.GetToken(); token != nil && token.Position != nil {
		at.line, at.column = token.Position.Line, token.Position.Column
	}
	if t.left--; t.left < 0 {
		return nil, at.errorf("the scene has more than %d values", maxNodes)
	}
	if depth == 0 {
		return nil, at.errorf("nested deeper than %d", maxDepth)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return t.mapping(at, n.Values, depth)
	case *ast.MappingValueNode:
		return t.mapping(at, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		at.form = sequence
		for _, value := range n.Values {
			item, err := t.build(value, depth-1)
			if err != nil {
				return nil, err
			}
			at.items = append(at.items, item)
		}
		return at, nil
	case *ast.StringNode:
		at.text = n.Value
	case *ast.LiteralNode:
		at.text = n.Value.Value
	case *ast.NullNode:
		at.form = absent
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		at.text = n.GetToken().Value
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return nil, at.errorf("scenes have no anchors and aliases: use variables, or write it twice")
	case *ast.TagNode:
		return nil, at.errorf("scenes have no YAML tags")
	default:
		return nil, at.errorf("scenes do not use this part of YAML (%s)", n.Type())
	}
	return at, nil
}

func (t *treeBuilder) mapping(at *node, values []*ast.MappingValueNode, depth int) (*node, error) {
	at.form = mapping
	seen := make(map[string]bool, len(values))
	for _, value := range values {
		key, err := t.build(value.Key, 1)
		if err != nil {
			return nil, err
		}
		if key.form != scalar {
			return nil, key.errorf("a key must be a word")
		}
		if seen[key.text] {
			return nil, key.errorf("%q is there twice", shorten(key.text))
		}
		seen[key.text] = true
		child, err := t.build(value.Value, depth-1)
		if err != nil {
			return nil, err
		}
		at.entries = append(at.entries, entry{key, child})
	}
	if len(values) > 0 { // the token of a block mapping is its first colon
		at.line, at.column = at.entries[0].key.line, at.entries[0].key.column
	}
	return at, nil
}

func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key.text == key {
			return e.value
		}
	}
	return nil
}
