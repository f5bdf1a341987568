package compile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// exitSignal is what bubblewrap adds to the number of the signal that ended its command.
const exitSignal = 128

// resultOf turns what the compiler left into a result. An error is a fault of ours or of the
// machine, or the end of the context.
func resultOf(out *outcome, r Request, l Limits) (*Result, error) {
	result := &Result{Diagnostics: parseDiagnostics(out.stderr, r.Source, r.Name)}
	if sentence := overLimit(out, l); sentence != "" {
		d := Diagnostic{File: r.Name, Severity: Error, Message: sentence, Range: lastPlace(out.stderr, r.Name)}
		if d.Line == 0 {
			d.Message = strings.Replace(sentence, " here", "", 1)
		}
		result.Diagnostics = append(result.Diagnostics, d)
		return result, nil
	}
	switch {
	case out.stopped != nil:
		return nil, out.stopped
	case out.exit == 0 && len(out.stdout) > 0:
		result.Object = out.stdout
	case countErrors(result.Diagnostics) == 0:
		return nil, fmt.Errorf("the compiler ended with status %d and said: %s", out.exit, excerpt(out.stderr))
	}
	return result, nil
}

// overLimit gives the sentence for a compile that was ended by a limit or by a crash, which with
// clang is a limit as well: its stack.
func overLimit(out *outcome, l Limits) string {
	switch {
	case errors.Is(out.stopped, errWallClock):
		return fmt.Sprintf("the compiler was stopped after %v: this source takes too long to compile", l.Wall)
	case errors.Is(out.stopped, errObjectSize):
		return fmt.Sprintf("the object is larger than %d MiB: something in this source is too large", l.Object>>20)
	case out.stopped != nil || out.exit <= exitSignal:
		return ""
	}
	switch syscall.Signal(out.exit - exitSignal) {
	case syscall.SIGXCPU, syscall.SIGKILL:
		return fmt.Sprintf("the compiler was stopped here after %v of processor time: this takes too long to compile", l.CPU)
	case syscall.SIGABRT:
		if bytes.Contains(out.stderr, []byte("out of memory")) || bytes.Contains(out.stderr, []byte("bad_alloc")) {
			return fmt.Sprintf("the compiler ran out of memory here (%d MiB): something is too large to compile", l.Memory>>20)
		}
		return "the compiler gave up here: " + fatalMessage(out.stderr)
	default:
		return fmt.Sprintf("the compiler crashed here (%v): this is too deep or too large to compile", syscall.Signal(out.exit-exitSignal))
	}
}

// On a signal LLVM prints what it was doing, outermost first:
//
//  1. prog.bpf.c:3:12: current parser token ';'
var tracePattern = regexp.MustCompile(`(?m)^\d+\.\s+([^:\n]+):(\d+):(\d+)`)

// lastPlace finds the innermost place in the user's file that the trace names.
func lastPlace(stderr []byte, name string) Range {
	for _, m := range slices.Backward(tracePattern.FindAllSubmatch(stderr, -1)) {
		if string(m[1]) == name {
			line, column := number(string(m[2])), number(string(m[3]))
			return Range{line, column, line, column + 1}
		}
	}
	return Range{}
}

var fatalPattern = regexp.MustCompile(`(?m)^LLVM ERROR: (.*)$|^.*Assertion .* failed.*$`)

func fatalMessage(stderr []byte) string {
	if m := fatalPattern.FindSubmatch(stderr); m != nil && len(m[1]) > 0 {
		return string(m[1])
	}
	return "it met something that it cannot translate"
}

func countErrors(list []Diagnostic) int {
	n := 0
	for _, d := range list {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

func excerpt(text []byte) string {
	return strings.TrimSpace(string(text[:min(len(text), 2000)]))
}

// missing are parts of clang's messages about names and types that it has not seen (the trimmed
// header may lack them) or has seen twice (the whole header may have one that the program also has).
var missing = []string{
	"unknown type name", "undeclared identifier", "undeclared function", "incomplete type",
	"incomplete definition", "incomplete element type", "forward declaration",
	"redefinition of", "conflicting types for", "redefinition as different kind",
	"declaration of anonymous", "typedef redefinition",
}

// otherHeaderMayHelp tells whether an error could be due to the choice between trimmed and whole
// header.
func otherHeaderMayHelp(list []Diagnostic) bool {
	return slices.ContainsFunc(list, func(d Diagnostic) bool {
		return d.Severity == Error && slices.ContainsFunc(missing, func(part string) bool {
			return strings.Contains(d.Message, part)
		})
	})
}

// suggestionsMissing tells whether a member was misspelt. clang does not look at the members of precompiled structs
// when it searches for what may have been meant; it is worth another compile to say it.
func suggestionsMissing(list []Diagnostic) bool {
	return slices.ContainsFunc(list, func(d Diagnostic) bool {
		return d.Severity == Error && strings.HasPrefix(d.Message, "no member named") && len(d.Fixes) == 0
	})
}
