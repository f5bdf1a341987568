package scene

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/skep-dev/skep/internal/scene/plan"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestDefaultSceneDrawn(t *testing.T) {
	p, values, err := Draw(Default(), Seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(struct {
		Values Values
		Plan   Plan
	}{values, p}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/default.golden.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("go test -update writes it anew:\n%s", diff)
	}
}

// TestMistakes holds what an author is told, and where.
func TestMistakes(t *testing.T) {
	steps := func(text string) string { return "steps:\n  - " + text + "\n" }
	tests := map[string]struct{ scene, says string }{
		"empty":               {"", "the scene is empty"},
		"only a comment":      {"# nothing\n", "the scene is empty"},
		"not YAML":            {"steps: [\n", "line 1, column 8: not YAML"},
		"a word":              {"hello", "line 1, column 1: a scene is a mapping"},
		"no steps":            {"variables: {a: b}\n", "has no steps"},
		"key":                 {"stepz: []\n", `line 1, column 1: unknown field "stepz": did you mean "steps"?`},
		"twice":               {"steps: []\nsteps: []\n", "steps"},
		"two documents":       {"steps: []\n---\nsteps: []\n", "second YAML document"},
		"kind":                {steps("mkdirr: /x"), `line 2, column 5: unknown step "mkdirr": did you mean "mkdir"?`},
		"field":               {steps("write_file: {pth: /x}"), `line 2, column 18: unknown field "pth": did you mean "path"?`},
		"nothing alike":       {steps("write_file: {quux: /x}"), "it is one of path, content, hex, mode, append"},
		"expectation":         {steps("{sleep: 1, expect: {erno: EIO}}"), `did you mean "errno"?`},
		"field is missing":    {steps("write_file: {content: x}"), "line 2, column 18: path is missing"},
		"value is missing":    {steps("unlink:"), "line 2, column 13: a value is missing here"},
		"nothing to do":       {steps("{name: a}"), "says nothing to do"},
		"two things":          {steps("{sleep: 1, unlink: /a}"), "a step does one thing"},
		"not a list":          {"steps: {sleep: 1}\n", "steps is a list, not a mapping"},
		"a word for a step":   {steps("sleep"), "a step is a mapping"},
		"list for a word":     {steps("unlink: [/a]"), "a single value is needed here, not a list"},
		"variable":            {"variables: {word: a}\nsteps:\n  - unlink: ${wrd}\n", `line 3, column 13: unknown variable "wrd": did you mean "word"?`},
		"variable in a block": {steps("write_file:\n      path: /a\n      content: |\n        one\n        ${two}\n"), `unknown variable "two"`},
		"variable not closed": {steps("unlink: ${a"), "${ has no }; write $${"},
		"variable before":     {"variables: {a: \"${b}\", b: c}\nsteps: [{sleep: 1}]\n", `unknown variable "b"`},
		"kind of variable":    {"variables: {a: {txt: 3}}\nsteps: [{sleep: 1}]\n", `did you mean "text"?`},
		"number range":        {"variables: {a: {number: {from: 3, to: 2}}}\nsteps: [{sleep: 1}]\n", "from 3 is more than to 2"},
		"empty choice":        {"variables: {a: {choice: []}}\nsteps: [{sleep: 1}]\n", "choice needs a list"},
		"alphabet":            {"variables: {a: {text: {alphabet: \"é\"}}}\nsteps: [{sleep: 1}]\n", "printable ASCII"},
		"name of a variable":  {"variables: {a b: c}\nsteps: [{sleep: 1}]\n", "is not a name"},
		"actor":               {steps("{actor: man, sleep: 1}"), `unknown actor "man": did you mean "main"?`},
		"signalled actor":     {steps("{signal: {signal: TERM, actor: pear}}"), `unknown actor "pear"`},
		"two of a name":       {"actors: [a, a]\nsteps: [{sleep: 1}]\n", `two actors are named "a"`},
		"time":                {steps("sleep: soon"), `"soon" is not a time`},
		"long time":           {steps("sleep: 1h"), "not between 0 and 600 seconds"},
		"NaN":                 {steps("sleep: NaN"), "not between"},
		"mode":                {steps("chmod: {path: /a, mode: rwx}"), "write it in octal"},
		"port":                {steps("listen: {address: 127.0.0.1, port: 65536, as: a}"), "65536 is more than 65535"},
		"address":             {steps("listen: {address: localhost, port: 1, as: a}"), "scenes have no name service"},
		"network":             {steps("listen: {network: sctp, address: 127.0.0.1, as: a}"), `unknown network "sctp"`},
		"udp listens":         {steps("listen: {network: udp, address: 127.0.0.1, as: a}"), "use bind"},
		"name":                {steps("wait: a b"), "is not a name"},
		"hex":                 {steps("write_file: {path: /a, hex: xyz}"), "not hexadecimal"},
		"content and hex":     {steps("write_file: {path: /a, content: a, hex: 00}"), "exclude each other"},
		"repeat":              {steps("{repeat: 0, sleep: 1}"), "0 is less than 1"},
		"repeat too often":    {steps("{repeat: 100001, sleep: 1}"), "more than 100000"},
		"huge number":         {steps("{repeat: 99999999999999999999999, sleep: 1}"), "not a whole number"},
		"group in a group":    {steps("parallel: [{parallel: [{sleep: 1}]}]"), "a group cannot be inside a group"},
		"group with an actor": {steps("{actor: main, parallel: [{sleep: 1}]}"), "belongs to the steps of the group"},
		"too many lanes":      {steps("parallel: [" + strings.Repeat("{sleep: 1}, ", 9) + "]"), "more than 8 steps of one group"},
		"alias":               {"steps: &a [{sleep: 1}]\n", "no anchors and aliases"},
		"alias bomb":          {"a: &a [x]\nb: &b [*a, *a]\nsteps: *b\n", "no anchors and aliases"},
		"merge":               {"steps:\n  - <<: {sleep: 1}\n", "no anchors and aliases"},
		"tag":                 {steps("sleep: !!int 3"), "no YAML tags"},
		"deep":                {"a: " + strings.Repeat("[", 101), "nested too deep"},
		"deep in one line":    {strings.Repeat("- ", 30_000), "nested too deep"},
		"too long":            {strings.Repeat("#", MaxSceneBytes+1), "65537 bytes; 65536 are allowed"},
		"not UTF-8":           {"steps: \xff", "not UTF-8"},
		"frame":               {steps("send_frame: {interface: v0, udp: {source: 1, destination: 2}}"), "need ipv4 or ipv6"},
		"frame's address":     {steps("send_frame: {interface: v0, ipv4: {source: \"::1\", destination: 10.0.0.1}}"), "not an address of this version"},
		"frame's flag":        {steps("send_frame: {interface: v0, ipv4: {source: 10.0.0.1, destination: 10.0.0.1}, tcp: {source: 1, destination: 2, flags: [sin]}}"), `did you mean "syn"?`},
		"short frame":         {steps("send_frame: {interface: v0, hex: 00}"), "a frame has 14 to"},
		"zero byte in a path": {steps(`unlink: "/a\0b"`), "zero byte"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.scene))
			var mistake *Error
			if !errors.As(err, &mistake) {
				t.Fatalf("%v is no *Error", err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("says %q, not %q", err, test.says)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	s, err := Parse([]byte(`
variables:
  text: text
  short: {text: 3}
  full: {text: {length: 5, alphabet: hex, prefix: a-, suffix: -z}}
  own: {text: {length: 4, alphabet: xy}}
  number: {number: {from: -5, to: 5}}
  upto: {number: 9}
  path: path
  below: {path: {dir: "/tmp/${short}", prefix: p, suffix: .txt}}
  port: port
  other: port
  pid: pid
  choice: {choice: [red, green]}
  literal: as it is
  word: {literal: port}
  combined: "${literal}, $${literal}, $5 and ${upto}"
steps:
  - write_file: {path: "${path}", content: "${combined}"}
  - {listen: {address: 127.0.0.1, port: "${port}", as: a}, repeat: "${upto}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string]string{
		"text": `^[a-z]{8}$`, "short": `^[a-z]{3}$`, "full": `^a-[0-9a-f]{5}-z$`, "own": `^[xy]{4}$`,
		"number": `^-?[0-5]$`, "upto": `^[1-9]$`, "path": `^/tmp/[a-z0-9]{10}$`,
		"below": `^/tmp/[a-z]{3}/p[a-z0-9]{10}\.txt$`, "port": `^[12][0-9]{4}$`, "other": `^[12][0-9]{4}$`,
		"pid": `^[1-9][0-9]{5,6}$`, "choice": `^(red|green)$`, "literal": `^as it is$`, "word": `^port$`,
		"combined": `^as it is, \$\{literal\}, \$5 and [1-9]$`,
	}
	seen := map[string]bool{}
	for range 50 {
		p, values, err := Draw(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, shape := range shapes {
			if text := textOf(values[name]); !regexp.MustCompile(shape).MatchString(text) {
				t.Errorf("%s is %q, not %s", name, text, shape)
			}
		}
		if len(values) != len(shapes) {
			t.Errorf("%d values, want %d", len(values), len(shapes))
		}
		if values["port"] == values["other"] {
			t.Error("one port twice")
		}
		if int64(p.Steps[1].Repeat) != values["upto"] {
			t.Errorf("repeat is %d, the variable %v", p.Steps[1].Repeat, values["upto"])
		}
		seen[textOf(values["text"])] = true
	}
	if len(seen) < 50 {
		t.Errorf("50 draws gave %d texts", len(seen))
	}
}

func TestSeededDrawsAreAlike(t *testing.T) {
	first, _, _ := Draw(Default(), Seeded(3))
	second, _, _ := Draw(Default(), Seeded(3))
	third, _, _ := Draw(Default(), Seeded(4))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(first, third) {
		t.Error("two seeds gave one plan")
	}
}

// TestStepsDecode holds what a scene's text becomes.
func TestStepsDecode(t *testing.T) {
	tests := []struct {
		step string
		want any
	}{
		{`run: /bin/true`, &plan.Run{Command: plan.Command{Argv: []string{"/bin/true"}}}},
		{`run: [a, 1, yes]`, &plan.Run{Command: plan.Command{Argv: []string{"a", "1", "yes"}}}},
		{`start: {argv: a, as: b, env: {A: 1}, uid: 0}`, &plan.Start{Command: plan.Command{Argv: []string{"a"}, Env: map[string]string{"A": "1"}, UID: new(int)}, As: "b"}},
		{`sleep: 1.5`, &plan.Sleep{For: 1.5}},
		{`sleep: {for: 250us}`, &plan.Sleep{For: 0.00025}},
		{`write_file: {path: /a, hex: "de:ad be\nef"}`, &plan.WriteFile{Path: "/a", Payload: plan.Payload{Hex: plan.Hex{0xde, 0xad, 0xbe, 0xef}}}},
		{`{mkdir: {path: /a, parents: yes}}`, &plan.Mkdir{Path: "/a", Parents: true}},
		{`send_frame: {interface: v0, hex: 00112233445566778899aabbccdd}`, &plan.SendFrame{Interface: "v0", Frame: plan.Hex{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd}}},
	}
	for _, test := range tests {
		s, err := Parse([]byte("steps:\n  - " + test.step + "\n"))
		if err != nil {
			t.Errorf("%s: %v", test.step, err)
			continue
		}
		p, _, err := Draw(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := plan.NewArgs(p.Steps[0].Kind)
		if err := json.Unmarshal(p.Steps[0].Args, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.step, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(defaultYAML)
	for _, text := range []string{
		"steps: [{sleep: 1}]", "a: &a [*a]", "steps:\n- - - -", "variables: {a: {number: {from: -9223372036854775808, to: 9223372036854775807}}}\nsteps: [{sleep: 1}]",
		"steps: [{run: [\"${a}\"]}]", "variables: {a: text, b: \"${a}${a}\"}\nsteps: [{unlink: \"${b}\"}]",
		"steps: [{send_frame: {interface: a, ipv6: {source: \"::\", destination: \"::\"}, icmp: {}, payload: {hex: 00}}}]",
		"steps: [{parallel: [{wait: a}, {ping: \"::1\"}]}]", "? a\n: b", "%YAML 1.2\n---\na", "a: |\n  b\n c", "\"\\x", "!!binary a",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			var mistake *Error
			if !errors.As(err, &mistake) {
				t.Errorf("%v is no *Error", err)
			}
			return
		}
		p, _, err := Draw(s, Seeded(uint64(len(data))))
		if err != nil {
			return // a rule that depends on the value drawn
		}
		encoded, err := json.Marshal(p)
		if err != nil || len(encoded) > plan.MaxBytes {
			t.Errorf("a plan of %d bytes, %v", len(encoded), err)
		}
	})
}
