package run

// A State is how a run ended.
type State string

// Every run ends in exactly one of these.
const (
	Done           State = "done"
	CompileError   State = "compile error"
	BadObject      State = "bad object"
	MapFailed      State = "map create failed"
	Rejected       State = "rejected"
	CannotAttach   State = "cannot attach"
	Unsupported    State = "unsupported on this kernel"
	WorkloadFailed State = "workload failed"
	GuestDied      State = "guest died"
	OutOfMemory    State = "out of memory"
	TimedOut       State = "timed out"
	OutputLimit    State = "output limit"
	NoCapacity     State = "no capacity"
	Cancelled      State = "cancelled"
	OurFault       State = "our fault"
)

// Exit codes of every command.
const (
	ExitFine    = 0
	ExitProgram = 1 // the program's fault
	ExitUsage   = 2
	ExitOurs    = 3
)

// states that are not the program's fault.
var exitCodes = map[State]int{
	Done:       ExitFine,
	NoCapacity: ExitOurs,
	Cancelled:  ExitOurs,
	OurFault:   ExitOurs,
}

// ExitCode is that of a state, where no option is at fault: see End.
func (s State) ExitCode() int {
	if code, ok := exitCodes[s]; ok {
		return code
	}
	return ExitProgram
}
