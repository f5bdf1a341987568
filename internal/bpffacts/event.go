package bpffacts

import (
	"slices"
	"strings"
	"sync"
)

// An Event is a tracepoint whose struct is named after another one: events
// that are declared alike share it (DECLARE_EVENT_CLASS).
type Event struct {
	Name string `json:"name"` // "sched/sched_wakeup"
	// Class is the struct's name behind struct trace_event_raw_. Of several
	// structs with the same fields it is the one that is named most alike.
	Class string `json:"class"`
	// On are the series of the kernels where it is so.
	On []string `json:"on"`
}

// EventTable is the content of EventsFile, by name.
type EventTable struct {
	Events []Event `json:"events"`
}

var (
	eventTable = table[EventTable](EventsFile)

	eventsByName = sync.OnceValue(func() map[string][]Event {
		places := make(map[string][]Event)
		for _, e := range eventTable().Events {
			places[e.Name] = append(places[e.Name], e)
		}
		return places
	})
)

// Events are all of which that is known. Those of system calls are not among
// them: they all have struct trace_event_raw_sys_enter or sys_exit.
func Events() []Event { return eventTable().Events }

// eventStruct gives the struct of a tracepoint: the program's context.
func (k *Kernel) eventStruct(target string) string {
	category, name, _ := strings.Cut(target, "/")
	switch {
	case name == "":
		return ""
	case category == "syscalls" && strings.HasPrefix(name, "sys_enter_"):
		return eventPrefix + "sys_enter"
	case category == "syscalls" && strings.HasPrefix(name, "sys_exit_"):
		return eventPrefix + "sys_exit"
	}
	for _, e := range eventsByName()[target] {
		if slices.Contains(e.On, k.Series) {
			return eventPrefix + e.Class
		}
	}
	return eventPrefix + name
}
