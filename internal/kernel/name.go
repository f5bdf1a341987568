package kernel

import (
	"fmt"
	"regexp"
)

const latest = "latest"

var (
	// releasePattern is what a kernel's release may look like. It becomes part
	// of paths, and a foreign image may claim anything.
	releasePattern = regexp.MustCompile(`^([0-9]{1,3}\.[0-9]{1,4})([.+~-][0-9A-Za-z.+~_-]{0,100})?$`)
	requestPattern = regexp.MustCompile(`^[0-9]{1,3}$|^[0-9]{1,3}\.[0-9]{1,4}$|^` + latest + `$`)
	majorPattern   = regexp.MustCompile(`^[0-9]+`)
)

// seriesOf returns the first two numbers of a release: "6.12" of
// "6.12.117+deb12-cloud-amd64".
func seriesOf(release string) (string, error) {
	match := releasePattern.FindStringSubmatch(release)
	if match == nil {
		return "", fmt.Errorf("%q is no kernel release", release)
	}
	return match[1], nil
}

// matches says whether a release is one that the name asks for: "latest", a
// major number, a series or the release itself.
func matches(name, release string) bool {
	series, err := seriesOf(release)
	if err != nil {
		return false
	}
	return name == latest || name == release || name == series || name == majorPattern.FindString(series)
}

// isSeries says whether a name asks for exactly one series or release, rather
// than for the newest of several series.
func isSeries(name string) bool {
	_, err := seriesOf(name)
	return err == nil
}
