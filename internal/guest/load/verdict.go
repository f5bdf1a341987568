//go:build linux

package load

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/guest/hook"
	"github.com/skep-dev/skep/internal/wire"
)

// rejected finds out why a load failed and fetches the verifier's whole log.
// log and err are those of the attempt that failed.
func (l *Loader) rejected(prepared, spec *ebpf.ProgramSpec, log verifierLog, err error) (text string, truncated bool, verdict error) {
	if !fromKernel(err) {
		return "", false, l.beforeKernel(spec, err)
	}
	words := lastWords(log.text)
	whole := log
	// The library drops the log of a load that failed with EFAULT.
	if errors.Is(err, unix.EFAULT) || words != "" && !l.opts.WholeLog {
		whole = l.wholeLog(prepared, spec, log)
		if words == "" || reportTitle.MatchString(whole.text) {
			words = lastWords(whole.text)
		}
	}
	if missing := l.missing(spec, log.text, words, err); missing != nil {
		return whole.text, whole.truncated, missing
	}
	if words == "" {
		words = fmt.Sprintf("the kernel did not take it (%s) and gave no reason", reasonOf(err))
	}
	state := wire.StateRejected
	if errors.Is(err, unix.ENOMEM) {
		state, words = wire.StateOutOfMemory, "the machine's memory did not suffice to verify it"
	}
	return whole.text, whole.truncated, end.New(state, err, "program %s was rejected: %s", spec.Name, words).Of(spec.Name)
}

// fromKernel says whether the load reached the system call.
func fromKernel(err error) bool {
	var rejected *ebpf.VerifierError
	var errno unix.Errno
	return errors.As(err, &rejected) || errors.As(err, &errno)
}

func reasonOf(err error) string {
	if name := end.Errno(err); name != "" {
		return name
	}
	return err.Error()
}

// wholeLog loads once more, now with the log of the path that failed. Before
// 6.4 the kernel keeps the beginning of a log that does not fit, so the last
// words are put behind it.
func (l *Loader) wholeLog(prepared, spec *ebpf.ProgramSpec, short verifierLog) verifierLog {
	a := amendmentOf(spec)
	a.logLevel = uint32(ebpf.LogLevelBranch | ebpf.LogLevelStats)
	a.logBytes = l.opts.LogBytes
	program, whole, err := l.amended(prepared, a)
	if err == nil {
		_ = program.Close()
	}
	if len(whole.text) <= len(short.text) {
		return short
	}
	if whole.truncated && !strings.Contains(whole.text, lastWords(short.text)) {
		whole.text += "\n[...]\n" + short.text
	}
	return whole
}

// noise are lines of a verifier log that are not the reason of a rejection.
var noise = []*regexp.Regexp{
	regexp.MustCompile(`^processed \d+ insns`),
	regexp.MustCompile(`^verification time \d+ usec`),
	regexp.MustCompile(`^stack depth (max )?[\d+]+`),
	regexp.MustCompile(`^subprog \d+ \(`),
	regexp.MustCompile(`^insns processed`),
	regexp.MustCompile(`^max_states_per_insn`),
	regexp.MustCompile(`^mark_precise:`),
	regexp.MustCompile(`^func#\d+ @\d+`),
	regexp.MustCompile(`^arg#\d+ reference type\('UNKNOWN '\) size cannot be determined`),
	regexp.MustCompile(`^Validating \S+ func#\d+`),
}

// Linux 7.3 and later put a report under the log: a class and a name, then
// paragraphs with headings, of which Reason says it in words.
var (
	reportTitle  = regexp.MustCompile(`(?m)^Verification failed: (.+)$`)
	reportReason = regexp.MustCompile(`(?m)^Reason:\n((?:[ \t]+\S.*\n?)+)`)
)

// lastWords gives the reason of a rejection: of a report its title and reason,
// else the last line of the log that is not statistics.
func lastWords(log string) string {
	if title := reportTitle.FindStringSubmatch(log); title != nil {
		words := title[1]
		if reason := reportReason.FindStringSubmatch(log); reason != nil {
			words += ": " + strings.Join(strings.Fields(reason[1]), " ")
		}
		return words
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		if line != "" && !isNoise(line) {
			return line
		}
	}
	return ""
}

func isNoise(line string) bool {
	for _, pattern := range noise {
		if pattern.MatchString(line) {
			return true
		}
	}
	return false
}

// Constants that stand in calls which were made to fail: libbpf's and the
// library's poison for CO-RE relocations and weak kfuncs.
const (
	poisonCORE  = 0xbad2310
	poisonKfunc = 0xdedc0de
)

var unknownHelper = regexp.MustCompile(`invalid func unknown#(\d+)`)

// missing gives the end for a program that needs what the kernel lacks, or nil.
func (l *Loader) missing(spec *ebpf.ProgramSpec, log, words string, err error) error {
	if match := unknownHelper.FindStringSubmatch(log); match != nil {
		number, _ := strconv.Atoi(match[1])
		if number != poisonCORE && number != poisonKfunc {
			return l.lacks(spec, feature.Helper(number), err)
		}
	}
	if isRefusedTarget(words) {
		return end.New(wire.StateCannotAttach, err, "program %s cannot attach: %s", spec.Name, words).Of(spec.Name)
	}
	if words != "" {
		return nil
	}
	if f := feature.Program(spec.Type); l.kernel.Before(f.Since) {
		return l.lacks(spec, f, err)
	}
	if f, ok := l.sectionFeature(spec); ok && l.kernel.Before(f.Since) {
		return l.lacks(spec, f, err)
	}
	if f := feature.Program(spec.Type); f.Option != "" && errors.Is(err, unix.EINVAL) {
		return l.lacks(spec, f, err)
	}
	return nil
}

func (l *Loader) sectionFeature(spec *ebpf.ProgramSpec) (feature.Feature, bool) {
	if f, ok := feature.Section(sectionHead(spec.SectionName)); ok {
		return f, true
	}
	return feature.AttachType(spec.AttachType)
}

func (l *Loader) lacks(spec *ebpf.ProgramSpec, f feature.Feature, err error) error {
	return end.New(wire.StateUnsupported, err, "program %s: %s", spec.Name, l.kernel.Lacks(f)).
		Of(spec.Name).Lacking(f.Name, f.Since)
}

// refusals are the words with which check_attach_btf_id (kernel/bpf/verifier.c)
// turns down a target that exists.
var refusals = []string{
	"attach is not supported", "is not modifiable", "is not sleepable",
	"The address of function", "Tracing programs must provide btf_id",
	"Cannot replace kernel functions", "is not a function",
	"points to disabled hook", "points to wrong type name",
}

func isRefusedTarget(words string) bool {
	for _, refusal := range refusals {
		if strings.Contains(words, refusal) {
			return true
		}
	}
	return false
}

var missingKfunc = regexp.MustCompile(`kfunc "([^"]+)": not supported`)

// beforeKernel is for failures of the library before the system call.
func (l *Loader) beforeKernel(spec *ebpf.ProgramSpec, err error) error {
	if match := missingKfunc.FindStringSubmatch(err.Error()); match != nil {
		return l.lacks(spec, feature.Kfunc(match[1]), err)
	}
	unsupported := errors.Is(err, ebpf.ErrNotSupported)
	if spec.Type == ebpf.StructOps && (unsupported || errors.Is(err, btf.ErrNotFound)) {
		name, _, _ := strings.Cut(spec.AttachTo, ":")
		return l.lacks(spec, feature.StructOps(name), err)
	}
	if unsupported && spec.AttachTo != "" {
		if f, ok := l.sectionFeature(spec); ok && l.kernel.Before(f.Since) {
			return l.lacks(spec, f, err)
		}
		family := hook.Of(spec)
		return end.New(wire.StateCannotAttach, err, "program %s: this kernel (%s) has no %s %q%s",
			spec.Name, l.kernel.Release, family.Noun, spec.AttachTo, hook.Suggest(spec.AttachTo, family.Names())).Of(spec.Name)
	}
	if strings.Contains(err.Error(), "kernel is missing symbol") {
		return end.New(wire.StateUnsupported, err, "program %s: this kernel (%s) lacks a symbol that it needs: %v", spec.Name, l.kernel.Release, err).Of(spec.Name)
	}
	return end.New(wire.StateRejected, err, "program %s cannot be made ready for this kernel: %v", spec.Name, err).Of(spec.Name)
}

// sectionHead is the part of a section name before the first slash.
func sectionHead(section string) string {
	head, _, _ := strings.Cut(strings.TrimPrefix(section, "?"), "/")
	return head
}
