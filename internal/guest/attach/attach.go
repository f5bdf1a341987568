//go:build linux

// Package attach puts loaded programs where their section names say. The
// table in table.go maps the part of a section name before the first slash to
// the function that attaches, one file for each family of hooks.
package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/wire"
)

// Surroundings are what programs attach to.
type Surroundings struct {
	// Cgroup is the path of the cgroup of the scene.
	Cgroup string
	// Interface is the machine's end of the veth pair.
	Interface string
	// Map gives a map of the object by its name, Maps all definitions.
	Map  func(name string) *ebpf.Map
	Maps []*ebpf.MapSpec
	// Sockets, if not nil, is told what to do with every socket that the
	// scene opens from now on.
	Sockets func(use func(fd int, kind string) error)
	// FillsSockets says that a program of the object puts sockets into maps
	// itself.
	FillsSockets bool
	// Probes counts the USDT probes of the run, whose numbers are cookies.
	Probes *int
}

// A Request asks to attach one program.
type Request struct {
	Spec    *ebpf.ProgramSpec
	Program *ebpf.Program
	// Target is the part of the section name after the first slash, or what
	// the user wants instead.
	Target string
	// Wanted says that Target is the user's.
	Wanted bool
	Surroundings
}

// An Attached is one place in which a program is now.
type Attached struct {
	// To and How are for people: the hook, and the mechanism.
	To, How string
	// Detach takes the program off again. nil if nothing has to be done.
	Detach func() error
	// Iterate runs an iterator and gives its text. nil for other programs.
	Iterate func(limit int) (text []byte, truncated bool, err error)
}

// Skip is the target with which a user leaves a program unattached.
const Skip = "none"

// Attach attaches one program. It returns every place that it reached, also
// when an error follows, which then is a *end.Error.
func Attach(r Request) ([]Attached, error) {
	section := strings.TrimPrefix(r.Spec.SectionName, "?")
	attacher := lookup(section)
	if attacher == nil {
		return nil, end.New(wire.StateBadObject, nil, "program %s: no hook is known for section %q", r.Spec.Name, section).Of(r.Spec.Name)
	}
	if !r.Wanted {
		_, r.Target, _ = strings.Cut(section, "/")
	} else if r.Target == Skip {
		return []Attached{{To: "nothing", How: "not attached, as asked"}}, nil
	}
	attached, err := attacher(r)
	if err != nil {
		return attached, failed(r, section, err)
	}
	return attached, nil
}

// failed makes the typed end of an attach error.
func failed(r Request, section string, err error) error {
	if typed, ok := errors.AsType[*end.Error](err); ok {
		return typed.Of(r.Spec.Name)
	}
	kernel := feature.Running()
	head, _, _ := strings.Cut(section, "/")
	for _, f := range needs(head, r.Spec) {
		if kernel.Before(f.Since) || errors.Is(err, ebpf.ErrNotSupported) || f.Option != "" && noSuchCall(err) {
			return end.New(wire.StateUnsupported, err, "program %s: %s", r.Spec.Name, kernel.Lacks(f)).
				Of(r.Spec.Name).Lacking(f.Name, f.Since)
		}
	}
	reason := err.Error()
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		reason = "the kernel denies it: " + reason
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		reason = "another program is there already"
	case errors.Is(err, fs.ErrNotExist):
		reason = "there is no such hook"
	case errors.Is(err, unix.ENOMEM):
		return end.New(wire.StateOutOfMemory, err, "program %s was not attached: the machine has no more memory", r.Spec.Name).Of(r.Spec.Name)
	}
	return end.New(wire.StateCannotAttach, err, "program %s cannot attach to %s: %s", r.Spec.Name, section, reason).Of(r.Spec.Name)
}

// needs lists the features that attaching asks of the kernel beyond loading.
func needs(head string, spec *ebpf.ProgramSpec) []feature.Feature {
	var list []feature.Feature
	if f, ok := feature.Section(head); ok {
		list = append(list, f)
	}
	if f, ok := feature.AttachType(spec.AttachType); ok {
		list = append(list, f)
	}
	return list
}

// noSuchCall says whether an error is how a kernel without the code behind a
// link answers.
func noSuchCall(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.Errno(524))
}

// noHook is the end for a hook that this kernel has not.
func noHook(r Request, noun, name, suggestion string, err error) error {
	return end.New(wire.StateCannotAttach, err, "program %s: this kernel (%s) has no %s %q%s",
		r.Spec.Name, feature.Running().Release, noun, name, suggestion)
}

// noTarget is the end for a section that does not say what to attach to.
func noTarget(r Request, example string) error {
	return end.New(wire.StateCannotAttach, nil, "program %s: its section %q does not say where to attach; write for example SEC(%q)",
		r.Spec.Name, r.Spec.SectionName, example)
}

// cannot is the end for what this loader does not do.
func cannot(r Request, format string, arguments ...any) error {
	return end.New(wire.StateUnsupported, nil, "program %s: %s", r.Spec.Name, fmt.Sprintf(format, arguments...)).
		Lacking("section "+r.Spec.SectionName, "")
}
