package run

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/btfvalue"
	"github.com/skep-dev/skep/internal/object"
	"github.com/skep-dev/skep/internal/scene/plan"
	"github.com/skep-dev/skep/internal/wire"
)

// order is the byte order of every machine.
var order = binary.LittleEndian

// program is an object with what a run asks of it.
type program struct {
	object   *object.Object
	stripped []byte
	set      []wire.SetGlobal
	// forced are types that the user named for a map's records; "" is for
	// every map.
	forced map[string]btf.Type
	shows  map[uint32]object.ShowSite // by id
}

func newProgram(o *object.Object, stripped []byte, request Request) (*program, error) {
	p := &program{object: o, stripped: stripped, forced: make(map[string]btf.Type), shows: make(map[uint32]object.ShowSite)}
	for _, site := range o.ShowSites() {
		p.shows[site.ID] = site
	}
	for name := range request.AttachTo {
		if !slices.ContainsFunc(o.Programs, func(p object.Program) bool { return p.Name == name }) {
			return nil, fmt.Errorf("--attach %s: there is no such program; there are: %s", name, p.programNames())
		}
	}
	for name, typeName := range request.EventTypes {
		if _, ok := p.mapOf(name); !ok && name != "" {
			return nil, fmt.Errorf("--event %s=%s: there is no map %s; there are: %s", name, typeName, name, p.mapNames())
		}
		t, err := o.TypeByName(typeName)
		if err != nil {
			return nil, fmt.Errorf("--event %s=%s: %w", name, typeName, err)
		}
		p.forced[name] = t
	}
	for name, text := range request.Set {
		set, err := p.setGlobal(name, text, request.Scene)
		if err != nil {
			return nil, err
		}
		p.set = append(p.set, set)
	}
	slices.SortFunc(p.set, func(a, b wire.SetGlobal) int { return strings.Compare(a.Variable, b.Variable) })
	return p, nil
}

// setGlobal encodes the value of a global variable by its type.
func (p *program) setGlobal(name, text string, scene plan.Plan) (wire.SetGlobal, error) {
	at := slices.IndexFunc(p.object.Globals, func(g object.Global) bool { return g.Name == name && !g.Static })
	if at < 0 {
		return wire.SetGlobal{}, fmt.Errorf("--set %s: there is no such global variable; there are: %s", name, p.globalNames())
	}
	if actor, ok := strings.CutPrefix(text, "@"); ok {
		if actors := actorsOf(scene); !slices.Contains(actors, actor) {
			return wire.SetGlobal{}, fmt.Errorf("--set %s: the scene has no actor %q; there are: %s", name, actor, strings.Join(actors, ", "))
		}
		return wire.SetGlobal{Variable: name, ActorPID: actor}, nil
	}
	g := p.object.Globals[at]
	if g.Type == nil {
		return wire.SetGlobal{}, fmt.Errorf("--set %s: the object does not say the variable's type; compile it with -g", name)
	}
	value, err := btfvalue.Parse(g.Type, order, text)
	if err != nil {
		return wire.SetGlobal{}, fmt.Errorf("--set %s: %w", name, err)
	}
	return wire.SetGlobal{Variable: name, Value: value}, nil
}

// actorsOf names the actors that a scene has.
func actorsOf(scene plan.Plan) []string {
	if len(scene.Actors) == 0 {
		return []string{plan.DefaultActor}
	}
	names := make([]string, len(scene.Actors))
	for i, a := range scene.Actors {
		names[i] = a.Name
	}
	return names
}

func (p *program) globalNames() string {
	var list []string
	for _, g := range p.object.Globals {
		if !g.Static {
			list = append(list, g.Name)
		}
	}
	return listOf(list)
}

func (p *program) programNames() string {
	var list []string
	for _, program := range p.object.Programs {
		list = append(list, program.Name)
	}
	return listOf(list)
}

func (p *program) mapNames() string {
	var list []string
	for _, m := range p.object.Maps {
		if !isShowMap(m.Name) {
			list = append(list, m.Name)
		}
	}
	return listOf(list)
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// mapOf finds a map of the object.
func (p *program) mapOf(name string) (object.Map, bool) {
	for _, m := range p.object.Maps {
		if m.Name == name {
			return m, true
		}
	}
	return object.Map{}, false
}

// eventTypes tells what a record may be, by the user's word or the object's.
func (p *program) eventTypes(m wire.Map, size int) object.EventTypes {
	forced := p.forced[m.Name]
	if forced == nil {
		forced = p.forced[""]
	}
	var found object.EventTypes
	if m.Type == ebpf.PerfEventArray.String() {
		found = p.object.PerfEventTypes(m.Name, size)
	} else {
		found = p.object.EventTypes(m.Name, size)
	}
	if forced != nil {
		found.Exact, found.Candidates = []btf.Type{forced}, nil
	}
	return found
}
