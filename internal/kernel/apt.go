package kernel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Suites that have cloud kernels. Those that a mirror does not have are left
// out.
var (
	mainSuites     = []string{"bookworm", "bookworm-backports", "trixie", "trixie-backports"}
	securitySuites = []string{"bookworm-security", "trixie-security"}
)

// keyrings are where the packages debian-archive-keyring of the releases put
// Debian's keys.
var keyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/usr/share/keyrings/debian-archive-keyring.pgp",
}

// freshFor is how long the lists of packages are taken as they are within one
// process: several series are pulled in a row.
const freshFor = 10 * time.Minute

// aptState is what a Store remembers of apt.
type aptState struct {
	found   []candidate
	updated time.Time
}

// mirrors are the addresses of a Debian archive, as sources.list(5) has them.
type mirrors struct {
	archive  string
	security string // may be empty
}

// apt runs apt with folders and sources of its own. The machine's proxy and
// authentication settings apply, its sources, lists and hooks do not.
type apt struct {
	dir string
}

// prepare writes the private configuration.
func (a apt) prepare(m mirrors, keyring string) error {
	if strings.ContainsAny(a.dir, "\"\n") {
		return fmt.Errorf("apt cannot work in %q: the path has a quotation mark", a.dir)
	}
	for _, dir := range []string{"lists/partial", "cache/archives/partial", "state", "log"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return fmt.Errorf("prepare apt: %w", err)
		}
	}
	for name, content := range map[string]string{
		"apt.conf":     a.configuration(),
		"sources.list": sources(m, keyring),
		"state/status": "",
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("prepare apt: %w", err)
		}
	}
	return nil
}

// configuration is described in apt.conf(5). "#clear" forgets what the
// machine's own configuration set.
func (a apt) configuration() string {
	var b strings.Builder
	for _, hook := range []string{"Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"} {
		fmt.Fprintf(&b, "#clear APT::Update::%s;\n", hook)
	}
	b.WriteString("#clear APT::Architectures;\n")
	for _, setting := range [][2]string{
		{"APT::Architecture", "amd64"},
		{"APT::Architectures::", "amd64"},
		{"APT::Default-Release", ""},
		{"Acquire::Languages", "none"},
		{"Acquire::GzipIndexes", "true"},
		{"Dir::State", a.dir + "/state"},
		{"Dir::State::Lists", a.dir + "/lists"},
		{"Dir::State::status", a.dir + "/state/status"},
		{"Dir::Etc::SourceList", a.dir + "/sources.list"},
		{"Dir::Etc::SourceParts", "/dev/null"},
		{"Dir::Etc::Preferences", "/dev/null"},
		{"Dir::Etc::PreferencesParts", "/dev/null"},
		{"Dir::Cache", a.dir + "/cache"},
		{"Dir::Cache::pkgcache", "pkgcache.bin"},
		{"Dir::Cache::srcpkgcache", ""},
		{"Dir::Log", a.dir + "/log"},
	} {
		fmt.Fprintf(&b, "%s %q;\n", setting[0], setting[1])
	}
	if os.Getuid() == 0 {
		// apt would become the user _apt, who may not enter root's home, and
		// would warn and go on as root.
		b.WriteString("APT::Sandbox::User \"root\";\n")
	}
	return b.String()
}

func sources(m mirrors, keyring string) string {
	var b strings.Builder
	add := func(address string, suites []string) {
		if address == "" {
			return
		}
		for _, suite := range suites {
			// target: nothing but the lists of packages is needed.
			fmt.Fprintf(&b, "deb [arch=amd64 target=Packages signed-by=%s] %s %s main\n", keyring, address, suite)
		}
	}
	add(m.archive, mainSuites)
	add(m.security, securitySuites)
	return b.String()
}

// findKeyring returns the first file of Debian's archive keys.
func findKeyring() (string, error) {
	for _, path := range keyrings {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("the keys of Debian's archive are not on this machine, so nothing can be checked; " +
		"install them with: apt-get install debian-archive-keyring")
}

// findMirrors asks the machine's apt where it gets Debian from.
func findMirrors(ctx context.Context) (mirrors, error) {
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return mirrors{}, fmt.Errorf("%s is not on this machine: kernels are fetched with Debian's tools; "+
				"elsewhere give a kernel of your own with --kernel ./vmlinuz", tool)
		}
	}
	// With the lists that the machine fetched, apt knows who publishes a mirror.
	// Where there are none yet (a new container), its address must do.
	for _, arguments := range [][]string{nil, {"--no-release-info"}} {
		var out, complaints bytes.Buffer
		cmd := command(ctx, "apt-get", append(arguments, "indextargets",
			"--format", "$(SITE) $(RELEASE) $(COMPONENT) $(LABEL)", "Created-By: Packages")...)
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := run(cmd); err != nil {
			return mirrors{}, aptError("ask apt for its mirrors", err, complaints.String())
		}
		if m := parseMirrors(out.String()); m.archive != "" {
			return m, nil
		}
	}
	return mirrors{}, errors.New("this machine's apt knows no Debian mirror; add one to /etc/apt/sources.list.d")
}

var (
	debianSuite = regexp.MustCompile(
		`^(bookworm|trixie|forky|duke|sid|unstable|testing|stable|oldstable)(-updates|-backports|-proposed-updates)?$`)
	debianSecuritySuite = regexp.MustCompile(`^(bookworm|trixie|forky|duke|testing|stable|oldstable)-security$`)
)

// debianAddress is how addresses of whole mirrors end: a folder debian, or the
// list of mirrors that Debian's cloud images have.
var debianAddress = regexp.MustCompile(`debian(-security)?(\.list)?/?$`)

// parseMirrors takes lines of address, suite, component and label, and prefers
// what is most surely Debian's. Whatever it takes, apt checks with Debian's
// keys.
func parseMirrors(lines string) mirrors {
	var m mirrors
	var archiveRank, securityRank int
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "main" || strings.HasPrefix(fields[0], "cdrom:") {
			continue
		}
		rank := 1
		switch {
		case len(fields) > 3 && (fields[3] == "Debian" || fields[3] == "Debian-Security"):
			rank = 3
		case len(fields) > 3 && !strings.HasPrefix(fields[3], "$"):
			continue // somebody else's label
		case debianAddress.MatchString(fields[0]):
			rank = 2
		}
		switch {
		case debianSuite.MatchString(fields[1]) && rank > archiveRank:
			m.archive, archiveRank = fields[0], rank
		case debianSecuritySuite.MatchString(fields[1]) && rank > securityRank:
			m.security, securityRank = fields[0], rank
		}
	}
	return m
}

// update fetches the lists of packages and returns a sentence for each suite
// that could not be reached. It fails if none could.
func (a apt) update(ctx context.Context, percent func(float64)) (problems []string, err error) {
	var out, complaints bytes.Buffer
	ctx, stop := whileSpace(ctx, a.dir)
	defer stop()
	cmd := command(ctx, "apt-get", "-c", a.dir+"/apt.conf", "-q", "-o", "APT::Status-Fd=3", "update")
	cmd.Stdout, cmd.Stderr = &out, &complaints
	runErr := runWithStatus(cmd, percent)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	reached, failed := parseUpdate(out.String())
	if len(reached) == 0 {
		return nil, aptError("fetch the lists of packages", runErr, complaints.String())
	}
	return failed, nil
}

// updateLine is what apt-get update prints for an index: "Err:3 ADDRESS SUITE
// Release" and, indented, why.
var updateLine = regexp.MustCompile(`^(Hit|Get|Err):[0-9]+ (\S+) (\S+)`)

// parseUpdate tells the suites of which all was fetched or unchanged from those
// that had an error.
func parseUpdate(out string) (reached, failed []string) {
	for line := range strings.Lines(out) {
		match := updateLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		suite, _, _ := strings.Cut(match[3], "/")
		list := &reached
		if match[1] == "Err" {
			list = &failed
		}
		if !slices.Contains(*list, suite) {
			*list = append(*list, suite)
		}
	}
	reached = slices.DeleteFunc(reached, func(suite string) bool { return slices.Contains(failed, suite) })
	return reached, failed
}

// list returns all cloud kernel packages of all suites.
func (a apt) list(ctx context.Context) ([]aptPackage, error) {
	names, err := a.cache(ctx, "pkgnames", "linux-")
	if err != nil {
		return nil, err
	}
	show := []string{"show"}
	for name := range strings.Lines(names) {
		name = strings.TrimSpace(name)
		if strings.HasSuffix(name, "-cloud-amd64") {
			show = append(show, name)
		}
	}
	if len(show) == 1 {
		return nil, nil
	}
	out, err := a.cache(ctx, show...)
	if err != nil {
		return nil, err
	}
	return parsePackages(strings.NewReader(out))
}

func (a apt) cache(ctx context.Context, arguments ...string) (string, error) {
	var out, complaints bytes.Buffer
	cmd := command(ctx, "apt-cache", append([]string{"-c", a.dir + "/apt.conf"}, arguments...)...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := run(cmd); err != nil {
		return "", aptError("search the lists of packages", err, complaints.String())
	}
	return out.String(), nil
}

// download fetches packages into dir. apt checks them against the signed lists.
func (a apt) download(ctx context.Context, dir string, packages []aptPackage, percent func(float64)) error {
	arguments := []string{"-c", a.dir + "/apt.conf", "-q=2", "-o", "APT::Status-Fd=3", "download"}
	for _, p := range packages {
		arguments = append(arguments, p.name+"="+p.version)
	}
	var complaints bytes.Buffer
	ctx, stop := whileSpace(ctx, dir)
	defer stop()
	cmd := command(ctx, "apt-get", arguments...)
	cmd.Dir, cmd.Stderr = dir, &complaints
	if err := runWithStatus(cmd, percent); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return aptError("download "+packages[0].name, err, complaints.String())
	}
	return nil
}

// command is a child that is killed with its children when ctx ends.
func command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second // apt's methods end when apt does
	return cmd
}

// run keeps the thread that started the child: Pdeathsig fires when it ends.
func run(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

// statusLine is a line of APT::Status-Fd: kind, item, percentage, text
// (README.progress-reporting in apt's documentation).
var statusLine = regexp.MustCompile(`^dlstatus:[^:]*:([0-9.]+):`)

// runWithStatus runs apt and reports its percentages, which it writes to file
// descriptor 3.
func runWithStatus(cmd *exec.Cmd, percent func(float64)) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	var reader sync.WaitGroup
	reader.Go(func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if match := statusLine.FindStringSubmatch(lines.Text()); match != nil {
				if value, err := strconv.ParseFloat(match[1], 64); err == nil {
					percent(min(value, 100))
				}
			}
		}
		_, _ = io.Copy(io.Discard, r) // a line too long: keep apt from blocking
	})
	err = run(cmd)
	w.Close()
	// A method of apt that lingers would hold the pipe open.
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	reader.Wait()
	return err
}

// aptCauses turn what apt complains about into what the reader can do.
var aptCauses = []struct{ says, means string }{
	{"No space left on device", "the disk is full"},
	{"Temporary failure resolving", "there is no network, or no name service"},
	{"Could not resolve", "there is no network, or no name service"},
	{"Could not connect", "the mirror cannot be reached"},
	{"Unable to connect", "the mirror cannot be reached"},
	{"Connection timed out", "the mirror cannot be reached"},
	{"Network is unreachable", "there is no network"},
	{"Cannot initiate the connection", "there is no network"},
	{"NO_PUBKEY", "the mirror's signature is by a key that debian-archive-keyring does not have; update that package"},
	{"is not signed", "the mirror's lists are not signed by Debian"},
	{"Hash Sum mismatch", "the mirror is being updated; try again in some minutes"},
	{"Permission denied", "a folder may not be written"},
}

// aptError makes one sentence of what apt complains about.
func aptError(doing string, err error, complaints string) error {
	if err == nil {
		err = errors.New("no suite could be reached")
	}
	var text string
	for line := range strings.Lines(complaints) {
		for _, cause := range aptCauses {
			if strings.Contains(line, cause.says) {
				return fmt.Errorf("%s: %s (apt says: %s)", doing, cause.means, strings.TrimSpace(line))
			}
		}
		if text == "" || strings.HasPrefix(line, "E: ") {
			text = strings.TrimSpace(line)
		}
	}
	if text == "" {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w (apt says: %s)", doing, err, text)
}
