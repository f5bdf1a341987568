package scene

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/scene/plan"
)

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/scenes.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKindsAreDocumented finds kinds and fields that docs/scenes.md does not
// name.
func TestKindsAreDocumented(t *testing.T) {
	text := manual(t)
	for _, kind := range plan.Kinds() {
		_, section, found := strings.Cut(text, "### `"+kind+"`")
		if !found {
			t.Errorf("docs/scenes.md has no section on %s", kind)
			continue
		}
		section, _, _ = strings.Cut(section, "\n### ")
		for _, f := range fieldsOf(reflect.TypeOf(plan.NewArgs(kind)).Elem()) {
			if !strings.Contains(section, "`"+f.key+"`") {
				t.Errorf("docs/scenes.md says nothing of %s in %s", f.key, kind)
			}
		}
	}
}

// TestManualsExamples parses every example: whole scenes, variables, and lists
// of steps.
func TestManualsExamples(t *testing.T) {
	for i, block := range strings.Split(manual(t), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(text, "- "):
			text = "variables: {port: port, word: text}\nactors: [main, peer]\nsteps:\n" + text
		case !strings.Contains(text, "\nsteps:"):
			text += "\nsteps: [{sleep: 1}]\n"
		}
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("example %d: %v\n%s", i+1, err, text)
		}
	}
}

// TestEveryFieldDecodes fills in every field that a kind has, so that none has
// a type that scenes cannot hold.
func TestEveryFieldDecodes(t *testing.T) {
	for _, kind := range plan.Kinds() {
		args := reflect.ValueOf(plan.NewArgs(kind)).Elem()
		for _, f := range fieldsOf(args.Type()) {
			n := &node{text: "1"}
			field := args.FieldByIndex(f.index).Type()
			if field.Kind() == reflect.Map || field.Kind() == reflect.Pointer && field.Elem().Kind() == reflect.Struct {
				n.form = mapping
			}
			err := (&decoder{}).field(n, args, f)
			if err != nil && strings.Contains(err.Error(), "scenes cannot hold") {
				t.Errorf("%s of %s: %v", f.key, kind, err)
			}
		}
		if _, err := json.Marshal(args.Interface()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
