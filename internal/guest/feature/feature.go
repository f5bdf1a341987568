// Package feature knows which kernel version brought what a program asks for.
package feature

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A Feature is something that a kernel has or lacks.
type Feature struct {
	// Name in the words of the field: "netfilter programs".
	Name string
	// Since is the first mainline version with it: "6.4". Empty if unknown.
	Since string
	// Option is the kernel configuration option that it needs beyond its
	// version, if there is one: "CONFIG_FPROBE".
	Option string
}

// Program gives the feature behind a program type.
func Program(t ebpf.ProgramType) Feature {
	return named(programTypes[t], t.String()+" programs")
}

// Map gives the feature behind a map type.
func Map(t ebpf.MapType) Feature {
	return named(mapTypes[t], t.String()+" maps")
}

// AttachType gives the feature behind an attach type. ok is false for types
// that are as old as their program type.
func AttachType(t ebpf.AttachType) (f Feature, ok bool) {
	f, ok = attachTypes[t]
	return f, ok
}

// Section gives the feature behind the part of a section name before the
// first slash. ok is false if the section needs nothing beyond its program
// type.
func Section(head string) (f Feature, ok bool) {
	f, ok = sections[head]
	return f, ok
}

// Helper gives the feature behind a helper's number.
func Helper(number int) Feature {
	return named(helpers[number], fmt.Sprintf("helper #%d", number))
}

// Kfunc gives the feature behind a kernel function that programs may call.
func Kfunc(name string) Feature {
	f := named(kfuncs[name], "kfunc "+name)
	f.Name = "kfunc " + name
	if f.Since == "" {
		for prefix, since := range kfuncFamilies {
			if strings.HasPrefix(name, prefix) {
				f.Since, f.Option = since.Since, since.Option
			}
		}
	}
	return f
}

// StructOps gives the feature behind a struct_ops type.
func StructOps(typeName string) Feature {
	f := structOps[typeName]
	f.Name = "struct_ops " + typeName
	return f
}

func named(f Feature, name string) Feature {
	if f.Name == "" {
		f.Name = name
	}
	return f
}

// A Version is a kernel's.
type Version struct {
	Major, Minor int
	// Release as uname says it.
	Release string
}

// Running asks the kernel.
func Running() Version {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Version{}
	}
	return Parse(unix.ByteSliceToString(name.Release[:]))
}

// Parse takes the first two numbers of a release.
func Parse(release string) Version {
	major, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	v := Version{Release: release}
	v.Major, _ = strconv.Atoi(major)
	v.Minor, _ = strconv.Atoi(rest[:end])
	return v
}

// Before says whether v is older than since. False if since is empty.
func (v Version) Before(since string) bool {
	if since == "" || v.Major == 0 {
		return false
	}
	s := Parse(since)
	return v.Major < s.Major || v.Major == s.Major && v.Minor < s.Minor
}

// Lacks makes the sentence for a kernel that lacks the feature.
func (v Version) Lacks(f Feature) string {
	switch {
	case v.Before(f.Since):
		return fmt.Sprintf("%s: in Linux since %s, and this kernel is %s", f.Name, f.Since, v.Release)
	case f.Option != "":
		return fmt.Sprintf("%s: not built into this kernel (%s), which lacks %s", f.Name, v.Release, f.Option)
	case f.Since != "":
		return fmt.Sprintf("%s: not built into this kernel (%s), although Linux has it since %s", f.Name, v.Release, f.Since)
	}
	return fmt.Sprintf("this kernel (%s) has no %s", v.Release, f.Name)
}
