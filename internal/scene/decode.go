package scene

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"

	"github.com/skep-dev/skep/internal/scene/plan"
)

// A rule is a field's scene tag, as package plan documents it.
type rule struct {
	required, name, short, skip bool
	min, max                    *int64
}

func ruleOf(field reflect.StructField) rule {
	var r rule
	for word := range strings.SplitSeq(field.Tag.Get("scene"), ",") {
		key, number, _ := strings.Cut(word, "=")
		switch key {
		case "required":
			r.required = true
		case "name":
			r.name = true
		case "short":
			r.short = true
		case "-":
			r.skip = true
		case "min":
			value, _ := strconv.ParseInt(number, 10, 64)
			r.min = &value
		case "max":
			value, _ := strconv.ParseInt(number, 10, 64)
			r.max = &value
		}
	}
	return r
}

// A field is one key that a struct takes in a scene.
type field struct {
	key   string
	index []int
	rule
}

// fieldsOf lists the fields of a struct, those of embedded structs among them,
// as encoding/json sees them.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		r := ruleOf(f)
		if key == "" || key == "-" || r.skip {
			continue
		}
		fields = append(fields, field{key: key, index: f.Index, rule: r})
	}
	return fields
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// A decoder turns nodes into values, with variables put in.
type decoder struct {
	values Values
}

// decode sets the value that into points to.
func (d *decoder) decode(n *node, into any) error {
	return d.value(n, reflect.ValueOf(into).Elem(), rule{})
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func (d *decoder) value(n *node, v reflect.Value, r rule) error {
	if n.form == absent {
		return n.errorf("a value is missing here")
	}
	if v.Addr().Type().Implements(textUnmarshaler) {
		text, err := d.scalar(n)
		if err != nil {
			return err
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return n.errorf("%v", err)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), r)
	case reflect.Struct:
		return d.structure(n, v)
	case reflect.Slice:
		return d.slice(n, v, r)
	case reflect.Map:
		return d.table(n, v)
	case reflect.String:
		return d.text(n, v, r)
	case reflect.Bool:
		return d.boolean(n, v)
	case reflect.Int, reflect.Int64:
		return d.integer(n, v, r)
	}
	return n.errorf("scenes cannot hold a %s", v.Type()) // a mistake in package plan; a test decodes every kind
}

func (d *decoder) structure(n *node, v reflect.Value) error {
	fields := fieldsOf(v.Type())
	if n.form != mapping {
		for _, f := range fields {
			if f.short {
				return d.field(n, v, f)
			}
		}
		return n.errorf("a mapping with %s is needed here, not %s", strings.Join(keysOf(fields), ", "), n.form)
	}
	for _, e := range n.entries {
		f, known := find(fields, e.key.text)
		if !known {
			return e.key.errorf("%s", unknown("field", e.key.text, keysOf(fields)))
		}
		if err := d.field(e.value, v, f); err != nil {
			return err
		}
	}
	return d.complete(n, v, fields)
}

func find(fields []field, key string) (field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func (d *decoder) field(n *node, v reflect.Value, f field) error {
	return d.value(n, v.FieldByIndex(f.index), f.rule)
}

func (d *decoder) complete(n *node, v reflect.Value, fields []field) error {
	for _, f := range fields {
		if f.required && n.get(f.key) == nil {
			return n.errorf("%s is missing", f.key)
		}
	}
	if checker, checks := v.Addr().Interface().(plan.Checker); checks {
		if err := checker.Check(); err != nil {
			return n.errorf("%v", err)
		}
	}
	return nil
}

func (d *decoder) slice(n *node, v reflect.Value, r rule) error {
	items := n.items
	switch n.form {
	case mapping:
		return n.errorf("a list is needed here, not %s", n.form)
	case scalar: // a list of one
		items = []*node{n}
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := d.value(item, list.Index(i), r); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (d *decoder) table(n *node, v reflect.Value) error {
	if n.form != mapping {
		return n.errorf("a mapping is needed here, not %s", n.form)
	}
	table := reflect.MakeMap(v.Type())
	for _, e := range n.entries {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(e.value, value, rule{}); err != nil {
			return err
		}
		table.SetMapIndex(reflect.ValueOf(e.key.text), value)
	}
	v.Set(table)
	return nil
}

// scalar is a scalar's text with variables put in.
func (d *decoder) scalar(n *node) (string, error) {
	if n.form != scalar {
		return "", n.errorf("a single value is needed here, not %s", n.form)
	}
	return substitute(n, d.values)
}

func (d *decoder) text(n *node, v reflect.Value, r rule) error {
	text, err := d.scalar(n)
	if err != nil {
		return err
	}
	limit := int64(plan.MaxText)
	if r.max != nil {
		limit = *r.max
	}
	if r.name {
		limit = plan.MaxName
		if !isName(text) {
			return n.errorf("%q is not a name: letters, digits, - and _", shorten(text))
		}
	}
	if int64(len(text)) > limit {
		return n.errorf("%d bytes; at most %d are allowed", len(text), limit)
	}
	if strings.ContainsRune(text, 0) && r.max != nil {
		return n.errorf("a zero byte cannot be part of it")
	}
	v.SetString(text)
	return nil
}

func isName(text string) bool {
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return text != ""
}

func (d *decoder) boolean(n *node, v reflect.Value) error {
	text, err := d.scalar(n)
	if err != nil {
		return err
	}
	switch text {
	case "true", "yes":
		v.SetBool(true)
	case "false", "no":
		v.SetBool(false)
	default:
		return n.errorf("%q is neither true nor false", shorten(text))
	}
	return nil
}

func (d *decoder) integer(n *node, v reflect.Value, r rule) error {
	text, err := d.scalar(n)
	if err != nil {
		return err
	}
	value, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return n.errorf("%q is not a whole number", shorten(text))
	}
	if r.min != nil && value < *r.min {
		return n.errorf("%d is less than %d", value, *r.min)
	}
	if r.max != nil && value > *r.max {
		return n.errorf("%d is more than %d", value, *r.max)
	}
	v.SetInt(value)
	return nil
}
