package scene

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/skep-dev/skep/internal/scene/plan"
)

// A Scene is a scene's text, found to be without mistakes.
type Scene struct {
	root *node
}

// Parse reads a scene. Mistakes are *Error with their place.
func Parse(data []byte) (*Scene, error) {
	root, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	s := &Scene{root: root}
	// What values the variables have is no matter for most rules, so one
	// draw finds nearly every mistake.
	if _, _, err := Draw(s, Seeded(1)); err != nil {
		return nil, err
	}
	return s, nil
}

// keys of a scene's outermost mapping.
var sceneKeys = []string{"timeout", "variables", "actors", "setup", "steps"}

// Draw gives each variable a value and returns the plan that results. random
// is where the values come from; nil means the system's source of
// cryptographic randomness, for values that nobody can foresee.
func Draw(s *Scene, random io.Reader) (Plan, Values, error) {
	if s.root.form != mapping {
		return Plan{}, nil, s.root.errorf("a scene is a mapping with %v, not %s", sceneKeys, s.root.form)
	}
	for _, e := range s.root.entries {
		if !slices.Contains(sceneKeys, e.key.text) {
			return Plan{}, nil, e.key.errorf("%s", unknown("field", e.key.text, sceneKeys))
		}
	}
	variables := &drawing{random: fresh(random), values: Values{}, ports: map[int64]bool{}}
	if err := drawVariables(s.root.get("variables"), variables); err != nil {
		return Plan{}, nil, err
	}
	b := builder{decoder: decoder{values: variables.values}}
	p, err := b.plan(s.root)
	if err != nil {
		return Plan{}, nil, err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return Plan{}, nil, fmt.Errorf("encode the plan: %w", err)
	}
	if len(data) > plan.MaxBytes {
		return Plan{}, nil, &Error{Message: fmt.Sprintf("the plan has %d bytes; %d are allowed", len(data), plan.MaxBytes)}
	}
	return p, variables.values, nil
}

// builder makes a plan from a scene's tree.
type builder struct {
	decoder
	timeout   plan.Seconds // of steps that give none
	actors    []string
	steps     int
	performed int
}

func (b *builder) plan(root *node) (Plan, error) {
	var p Plan
	var err error
	if n := root.get("timeout"); n != nil {
		if err := b.decode(n, &b.timeout); err != nil {
			return Plan{}, err
		}
	}
	if p.Actors, err = b.cast(root.get("actors")); err != nil {
		return Plan{}, err
	}
	if p.Setup, err = b.list("setup", root.get("setup")); err != nil {
		return Plan{}, err
	}
	if p.Steps, err = b.list("steps", root.get("steps")); err != nil {
		return Plan{}, err
	}
	if b.steps == 0 {
		return Plan{}, root.errorf("the scene has no steps")
	}
	return p, nil
}

func (b *builder) cast(n *node) ([]Actor, error) {
	actors := []Actor{{Name: plan.DefaultActor}}
	if n != nil {
		if n.form != sequence || len(n.items) == 0 || len(n.items) > plan.MaxActors {
			return nil, n.errorf("actors is a list of 1 to %d", plan.MaxActors)
		}
		if err := b.decode(n, &actors); err != nil {
			return nil, err
		}
	}
	for i, actor := range actors {
		if slices.Contains(b.actors, actor.Name) {
			return nil, n.items[i].errorf("two actors are named %q", actor.Name)
		}
		if actor.User != "" && actor.UID != nil {
			return nil, n.items[i].errorf("user and uid exclude each other")
		}
		b.actors = append(b.actors, actor.Name)
	}
	return actors, nil
}

func (b *builder) list(what string, n *node) ([]Step, error) {
	if n == nil || n.form == absent {
		return nil, nil
	}
	if n.form != sequence {
		return nil, n.errorf("%s is a list, not %s", what, n.form)
	}
	steps := make([]Step, len(n.items))
	for i, item := range n.items {
		if err := b.step(item, &steps[i], true); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// stepFields are the keys that every step takes beside its kind.
var stepFields = fieldsOf(reflect.TypeFor[Step]())

// step reads one step. Members of a group are not groups themselves.
func (b *builder) step(n *node, s *Step, groups bool) error {
	if b.steps++; b.steps > plan.MaxSteps {
		return n.errorf("more than %d steps", plan.MaxSteps)
	}
	if n.form != mapping {
		return n.errorf("a step is a mapping with one of %v, not %s", plan.Kinds(), n.form)
	}
	s.Line = n.line
	args, err := b.stepKeys(n, s, groups)
	if err != nil {
		return err
	}
	if b.performed += max(s.Repeat, 1); b.performed > plan.MaxPerformed {
		return n.errorf("more than %d steps with their repeats", plan.MaxPerformed)
	}
	if s.Actor == "" {
		s.Actor = b.actors[0]
	} else if !slices.Contains(b.actors, s.Actor) {
		return n.get("actor").errorf("%s", unknown("actor", s.Actor, b.actors))
	}
	if s.Parallel != nil {
		return checkGroup(n, s)
	}
	if s.Timeout == 0 {
		s.Timeout = b.timeout
	}
	return b.args(args, s)
}

// stepKeys reads what every step has and returns the entry that names its
// kind, if it is not a group.
func (b *builder) stepKeys(n *node, s *Step, groups bool) (args *entry, err error) {
	for i, e := range n.entries {
		word := e.key.text
		if f, common := find(stepFields, word); common {
			if err := b.value(e.value, reflect.ValueOf(s).Elem().FieldByIndex(f.index), f.rule); err != nil {
				return nil, err
			}
			continue
		}
		isGroup := word == "parallel"
		if !isGroup && plan.NewArgs(word) == nil {
			known := append(append(plan.Kinds(), "parallel"), keysOf(stepFields)...)
			return nil, e.key.errorf("%s", unknown("step", word, known))
		}
		if args != nil || s.Parallel != nil {
			return nil, e.key.errorf("a step does one thing: %s needs a step of its own", word)
		}
		if !isGroup {
			args = &n.entries[i]
			continue
		}
		if !groups {
			return nil, e.key.errorf("a group cannot be inside a group")
		}
		if err := b.group(e.value, s); err != nil {
			return nil, err
		}
	}
	if args == nil && s.Parallel == nil {
		return nil, n.errorf("the step says nothing to do: it needs parallel or one of %v", plan.Kinds())
	}
	return args, nil
}

func (b *builder) group(n *node, s *Step) error {
	if n.form != sequence || len(n.items) == 0 || len(n.items) > plan.MaxParallel {
		return n.errorf("parallel is a list of 1 to %d steps", plan.MaxParallel)
	}
	s.Parallel = make([]Step, len(n.items))
	for i, item := range n.items {
		if err := b.step(item, &s.Parallel[i], false); err != nil {
			return err
		}
	}
	return nil
}

func checkGroup(n *node, s *Step) error {
	lanes := map[string]int{}
	for _, member := range s.Parallel {
		if lanes[member.Actor]++; lanes[member.Actor] > plan.MaxLanes {
			return n.errorf("actor %q performs more than %d steps of one group", member.Actor, plan.MaxLanes)
		}
	}
	for _, key := range []string{"actor", "netns", "repeat", "timeout", "expect"} {
		if at := n.get(key); at != nil {
			return at.errorf("%s belongs to the steps of the group", key)
		}
	}
	s.Actor = ""
	return nil
}

func (b *builder) args(e *entry, s *Step) error {
	args := plan.NewArgs(e.key.text)
	if err := b.decode(e.value, args); err != nil {
		return err
	}
	if frame, is := args.(*plan.SendFrame); is {
		if err := buildFrame(frame); err != nil {
			return e.key.errorf("%v", err)
		}
	}
	if signal, is := args.(*plan.Signal); is && signal.Actor != "" && !slices.Contains(b.actors, signal.Actor) {
		return e.value.get("actor").errorf("%s", unknown("actor", signal.Actor, b.actors))
	}
	return s.SetArgs(e.key.text, args)
}
