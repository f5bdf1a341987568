package kernel

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// aptPackage is one entry of `apt-cache show`.
type aptPackage struct {
	name    string
	version string
	depends string
	size    int64 // of the .deb, in bytes
}

// packageForm is a way in which Debian spreads a kernel over packages. In the
// names, %s is the release.
type packageForm struct {
	image  string
	others []string
	signed bool
}

// packageForms, best first. Up to 6.18 one package holds all. From 6.19 on the
// image is in linux-binary, and linux-image only depends on the parts.
var packageForms = []packageForm{
	{image: "linux-image-%s", signed: true},
	{image: "linux-binary-%s", others: []string{"linux-modules-%s", "linux-base-%s"}, signed: true},
	{image: "linux-binary-unsigned-%s", others: []string{"linux-modules-%s", "linux-base-%s"}},
}

// cloudPackage finds the release in an image package's name. Three numbers:
// linux-image-6.12-cloud-amd64 is a name for whatever release is the newest.
var cloudPackage = regexp.MustCompile(
	`^linux-(?:image|binary|binary-unsigned)-([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+~-]*-cloud-amd64)$`)

// candidate is a kernel that can be fetched.
type candidate struct {
	release  string
	series   string
	version  string
	signed   bool
	packages []aptPackage // the image's first
}

func (c candidate) size() int64 {
	var size int64
	for _, p := range c.packages {
		size += p.size
	}
	return size
}

// candidates returns every kernel of which all packages are listed in one
// version, oldest first. The suites keep images for longer than modules.
func candidates(packages []aptPackage) []candidate {
	listed := map[[2]string]aptPackage{}
	releases := map[[2]string]bool{} // release, version
	for _, p := range packages {
		if match := cloudPackage.FindStringSubmatch(p.name); match != nil {
			releases[[2]string{match[1], p.version}] = true
		}
		listed[[2]string{p.name, p.version}] = p
	}
	var found []candidate
	for key := range maps.Keys(releases) {
		if c, ok := complete(key[0], key[1], listed); ok {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		if order := compareVersionPart(a.series, b.series); order != 0 {
			return order
		}
		if a.signed != b.signed {
			if a.signed {
				return 1
			}
			return -1
		}
		if order := compareVersions(a.version, b.version); order != 0 {
			return order
		}
		return compareVersionPart(a.release, b.release)
	})
	return found
}

func complete(release, version string, listed map[[2]string]aptPackage) (candidate, bool) {
	series, err := seriesOf(release)
	if err != nil {
		return candidate{}, false
	}
	for _, form := range packageForms {
		c := candidate{release: release, series: series, version: version, signed: form.signed}
		for _, name := range append([]string{form.image}, form.others...) {
			p, ok := listed[[2]string{fmt.Sprintf(name, release), version}]
			if !ok || strings.Contains(p.depends, "linux-binary-") {
				break
			}
			c.packages = append(c.packages, p)
		}
		if len(c.packages) == 1+len(form.others) {
			return c, true
		}
	}
	return candidate{}, false
}

// choose picks the newest candidate that a name asks for. A kernel that Debian
// did not sign yet counts only where the name leaves no other series to take.
func choose(name string, found []candidate) (candidate, error) {
	for _, c := range slices.Backward(found) {
		if matches(name, c.release) && (c.signed || isSeries(name)) {
			return c, nil
		}
	}
	var offered []string
	for _, c := range found {
		if !slices.Contains(offered, c.series) {
			offered = append(offered, c.series)
		}
	}
	return candidate{}, fmt.Errorf("%w: Debian's suites have no cloud kernel %s; they have %s",
		ErrNotFound, name, strings.Join(offered, ", "))
}

// parsePackages reads the stanzas that `apt-cache show` prints: deb822, as in
// deb-control(5).
func parsePackages(r io.Reader) ([]aptPackage, error) {
	var packages []aptPackage
	var current aptPackage
	end := func() {
		if current.name != "" && current.version != "" {
			packages = append(packages, current)
		}
		current = aptPackage{}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			end()
			continue
		}
		field, value, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, " ") {
			continue // goes on with a description
		}
		value = strings.TrimSpace(value)
		switch field {
		case "Package":
			current.name = value
		case "Version":
			current.version = value
		case "Depends":
			current.depends = value
		case "Size":
			current.size, _ = strconv.ParseInt(value, 10, 64) // only the progress bar needs it
		}
	}
	end()
	return packages, lines.Err()
}
