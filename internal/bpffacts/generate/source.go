package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"
)

// suites are the releases of Debian of which libbpf is looked at: every
// version that one of them has counts. Those that a mirror lacks are left out.
var suites = []string{"bookworm", "trixie", "trixie-backports", "forky", "sid"}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// wanted are the files that are read of libbpf's source.
var wanted = []string{"src/libbpf.c", "src/libbpf_version.h", "src/bpf_helper_defs.h"}

// A tree is one version of libbpf: path to content.
type tree map[string]string

// fetchLibbpf gets every version of Debian's source package libbpf, oldest
// first. As internal/kernel does it, apt works with folders and sources of its
// own, and takes the mirror from the machine's configuration; it checks what
// it fetches with Debian's keys.
func fetchLibbpf(ctx context.Context, dir string) ([]tree, error) {
	mirror, err := findMirror(ctx)
	if err != nil {
		return nil, err
	}
	if err := configureApt(dir, mirror); err != nil {
		return nil, err
	}
	if _, err := apt(ctx, dir, "apt-get", "-q=2", "update"); err != nil {
		return nil, err
	}
	listing, err := apt(ctx, dir, "apt-cache", "showsrc", "--only-source", "libbpf")
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, m := range regexp.MustCompile(`(?m)^Version: (\S+)$`).FindAllStringSubmatch(listing, -1) {
		if !slices.Contains(versions, m[1]) {
			versions = append(versions, m[1])
		}
	}
	slices.SortFunc(versions, olderFirst)
	var trees []tree
	for _, version := range versions {
		t, err := fetchVersion(ctx, dir, version)
		if err != nil {
			return nil, err
		}
		trees = append(trees, t)
	}
	if len(trees) == 0 {
		return nil, errors.New("no suite has a source package libbpf")
	}
	return trees, nil
}

// olderFirst orders by dpkg's rules.
func olderFirst(a, b string) int {
	if a == b {
		return 0
	}
	if exec.Command("dpkg", "--compare-versions", a, "lt", b).Run() == nil {
		return -1
	}
	return 1
}

func findMirror(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(SITE) $(LABEL)", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("ask apt for its mirrors: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if site, ok := strings.CutSuffix(strings.TrimSpace(line), " Debian"); ok {
			return site, nil
		}
	}
	return "", errors.New("this machine's apt knows no Debian mirror; run apt-get update")
}

func configureApt(dir, mirror string) error {
	for _, folder := range []string{"lists/partial", "cache/archives/partial", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return err
		}
	}
	var sources strings.Builder
	for _, suite := range suites {
		fmt.Fprintf(&sources, "deb-src [signed-by=%s target=Sources] %s %s main\n", keyring, mirror, suite)
	}
	var settings strings.Builder
	for _, s := range [][2]string{
		{"Dir::State", dir + "/state"},
		{"Dir::State::Lists", dir + "/lists"},
		{"Dir::State::status", dir + "/state/status"},
		{"Dir::Etc::SourceList", dir + "/sources.list"},
		{"Dir::Etc::SourceParts", "/dev/null"},
		{"Dir::Cache", dir + "/cache"},
		{"Acquire::Languages", "none"},
	} {
		fmt.Fprintf(&settings, "%s %q;\n", s[0], s[1])
	}
	if os.Getuid() == 0 { // apt would become a user who may not enter dir
		settings.WriteString("APT::Sandbox::User \"root\";\n")
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "sources.list"), []byte(sources.String()), 0o644),
		os.WriteFile(filepath.Join(dir, "apt.conf"), []byte(settings.String()), 0o644),
		os.WriteFile(filepath.Join(dir, "state", "status"), nil, 0o644))
}

func apt(ctx context.Context, dir, tool string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, append([]string{"-c", filepath.Join(dir, "apt.conf")}, arguments...)...)
	var out, complaints bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", tool, strings.Join(arguments, " "), err, complaints.String())
	}
	return out.String(), nil
}

func fetchVersion(ctx context.Context, dir, version string) (tree, error) {
	if _, err := apt(ctx, dir, "apt-get", "-q=2", "--download-only", "source", "libbpf="+version); err != nil {
		return nil, err
	}
	upstream, _, _ := strings.Cut(version, "-")
	archives, err := filepath.Glob(filepath.Join(dir, "libbpf_"+upstream+".orig.tar.*"))
	if err != nil || len(archives) != 1 {
		return nil, fmt.Errorf("libbpf %s has %d archives of that name", version, len(archives))
	}
	file, err := os.Open(archives[0])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var raw io.Reader
	if strings.HasSuffix(archives[0], ".xz") {
		raw, err = xz.NewReader(file)
	} else {
		raw, err = gzip.NewReader(file)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack libbpf %s: %w", version, err)
	}
	t, err := readTree(tar.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("unpack libbpf %s: %w", version, err)
	}
	return t, nil
}

func readTree(archive *tar.Reader) (tree, error) {
	t := make(tree)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		_, name, _ := strings.Cut(path.Clean(header.Name), "/")
		if !slices.Contains(wanted, name) {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		t[name] = string(content)
	}
	for _, name := range wanted {
		if t[name] == "" {
			return nil, fmt.Errorf("it has no %s", name)
		}
	}
	return t, nil
}
