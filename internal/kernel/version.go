package kernel

import (
	"cmp"
	"strings"
)

// compareVersions orders two Debian package versions as dpkg does: negative if
// a is older than b, 0 if they are equal, positive if a is newer. The rules are
// in deb-version(7).
func compareVersions(a, b string) int {
	epochA, restA := splitEpoch(a)
	epochB, restB := splitEpoch(b)
	upstreamA, revisionA := splitRevision(restA)
	upstreamB, revisionB := splitRevision(restB)
	return cmp.Or(
		compareVersionPart(epochA, epochB),
		compareVersionPart(upstreamA, upstreamB),
		compareVersionPart(revisionA, revisionB),
	)
}

func splitEpoch(version string) (epoch, rest string) {
	if before, after, ok := strings.Cut(version, ":"); ok {
		return before, after
	}
	return "0", version
}

func splitRevision(version string) (upstream, revision string) {
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[:i], version[i+1:]
	}
	return version, "0"
}

// compareVersionPart compares alternating runs of non-digits and digits.
func compareVersionPart(a, b string) int {
	for a != "" || b != "" {
		for (a != "" && !isDigit(a[0])) || (b != "" && !isDigit(b[0])) {
			if order := cmp.Compare(versionWeight(a), versionWeight(b)); order != 0 {
				return order
			}
			a, b = a[1:], b[1:] // equal weights above zero: neither is empty
		}
		var digitsA, digitsB string
		digitsA, a = cutDigits(a)
		digitsB, b = cutDigits(b)
		if order := compareDigits(digitsA, digitsB); order != 0 {
			return order
		}
	}
	return 0
}

// versionWeight orders the first byte of s: a tilde before the end of the part,
// the end (and a digit) before letters, letters before all else.
func versionWeight(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case s[0] >= 'A' && s[0] <= 'Z', s[0] >= 'a' && s[0] <= 'z':
		return int(s[0])
	default:
		return int(s[0]) + 256
	}
}

func cutDigits(s string) (digits, rest string) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	return s[:end], s[end:]
}

// compareDigits compares decimal numbers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
