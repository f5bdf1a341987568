package kernel

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func debianPackages(t testing.TB) []aptPackage {
	t.Helper()
	file := must[*os.File](t)(os.Open("testdata/packages.txt"))
	defer file.Close()
	return must[[]aptPackage](t)(parsePackages(file))
}

func TestChoose(t *testing.T) {
	found := candidates(debianPackages(t))
	for _, test := range []struct {
		name     string
		packages string // or what the error says
		version  string // empty: an error
	}{
		{"6.1", "linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"},
		{"6.12", "linux-image-6.12.117+deb13-cloud-amd64", "6.12.117-1"},
		{
			"7", "linux-binary-7.2.12+deb13-cloud-amd64 linux-modules-7.2.12+deb13-cloud-amd64 " +
				"linux-base-7.2.12+deb13-cloud-amd64", "7.2.12-1~bpo13+1",
		},
		{
			"7.3", "linux-binary-unsigned-7.3.4+deb13-cloud-amd64 linux-modules-7.3.4+deb13-cloud-amd64 " +
				"linux-base-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1",
		},
		{
			"latest", "linux-binary-7.2.12+deb13-cloud-amd64 linux-modules-7.2.12+deb13-cloud-amd64 " +
				"linux-base-7.2.12+deb13-cloud-amd64", "7.2.12-1~bpo13+1",
		},
		{"6", "linux-image-6.18.15+deb13-cloud-amd64", "6.18.15-1~bpo13+1"},
		{"6.1.0-55-cloud-amd64", "linux-image-6.1.0-55-cloud-amd64", "6.1.192-1"},
		// Its image is listed, its modules are gone.
		{"7.1", "they have 6.1, 6.12, 6.16, 6.17, 6.18, 7.2, 7.3", ""},
		{"8", "no cloud kernel 8", ""},
		{"6.1.0", "no cloud kernel 6.1.0", ""},
	} {
		c, err := choose(test.name, found)
		if test.version == "" {
			if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), test.packages) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		var packages []string
		for _, p := range c.packages {
			packages = append(packages, p.name)
		}
		if err != nil || strings.Join(packages, " ") != test.packages || c.version != test.version || c.size() == 0 {
			t.Errorf("%s: %v %s, %v", test.name, packages, c.version, err)
		}
	}
	if _, err := choose("6.1", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestSeriesOf(t *testing.T) {
	for release, want := range map[string]string{
		"6.1.0-56-cloud-amd64":              "6.1",
		"6.12.117+deb13-cloud-amd64":        "6.12",
		"7.2.12+deb13-cloud-amd64":          "7.2",
		"7.3.0-rc4+":                        "7.3",
		"7.3-rc4":                           "7.3",
		"7.3":                               "7.3",
		"7":                                 "",
		"":                                  "",
		"6.1/..":                            "",
		"6.1.0 x":                           "",
		"../6.1":                            "",
		"6.1.0-" + strings.Repeat("x", 200): "",
	} {
		if got, err := seriesOf(release); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", release, got, err)
		}
	}
}
