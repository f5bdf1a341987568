package kernel

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseMirrors(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		want  mirrors
	}{
		"bookworm": {
			"http://mirror/debian bookworm main Debian\nhttp://mirror/debian bookworm-updates main Debian\n" +
				"http://security/debian-security bookworm-security main Debian-Security\n",
			mirrors{"http://mirror/debian", "http://security/debian-security"},
		},
		"sid": {"https://mirror/debian sid main Debian\n", mirrors{archive: "https://mirror/debian"}},
		"before the first update": {
			"https://vendor/debian/12/prod bookworm main $(LABEL)\nhttp://mirror/debian/ stable main $(LABEL)\n" +
				"http://mirror/debian-security stable-security main $(LABEL)\n",
			mirrors{"http://mirror/debian/", "http://mirror/debian-security"},
		},
		"a cloud image": {
			"mirror+file:/etc/apt/mirrors/debian.list trixie main\n" +
				"mirror+file:/etc/apt/mirrors/debian-security.list trixie-security main\n",
			mirrors{"mirror+file:/etc/apt/mirrors/debian.list", "mirror+file:/etc/apt/mirrors/debian-security.list"},
		},
		"others alone": {
			"https://vendor/debian bookworm main vendor\nhttps://vendor/node nodistro main .\n" +
				"cdrom:[Debian] bookworm main Debian\nhttps://docker/linux/debian bookworm stable Docker\n\nx\n",
			mirrors{},
		},
	} {
		if got := parseMirrors(test.lines); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSources(t *testing.T) {
	got := sources(mirrors{archive: "http://mirror/debian"}, "/keys.gpg")
	if strings.Contains(got, "security") || strings.Count(got, "\n") != len(mainSuites) ||
		!strings.HasPrefix(got, "deb [arch=amd64 target=Packages signed-by=/keys.gpg] http://mirror/debian bookworm main\n") {
		t.Error(got)
	}
}

func TestParseUpdate(t *testing.T) {
	reached, failed := parseUpdate(`Hit:1 http://mirror/debian bookworm InRelease
Ign:2 http://mirror/debian bookworm-backports InRelease
Get:3 http://mirror/debian trixie InRelease [140 kB]
Err:4 http://mirror/debian bookworm-backports Release
  404  Not Found
Get:5 http://mirror/debian trixie/main amd64 Packages [9,678 kB]
Get:6 http://security/debian-security trixie-security InRelease [43 kB]
Err:6 http://security/debian-security trixie-security InRelease
  The following signatures couldn't be verified
Reading package lists...
`)
	if !slices.Equal(reached, []string{"bookworm", "trixie"}) ||
		!slices.Equal(failed, []string{"bookworm-backports", "trixie-security"}) {
		t.Errorf("reached %v, failed %v", reached, failed)
	}
}

func TestAptError(t *testing.T) {
	exit := errors.New("exit status 100")
	for complaints, want := range map[string]string{
		"": "search: exit status 100",
		"W: Failed to fetch http://m  Temporary failure resolving 'm'\nW: Some index files failed\n": "search: there is no network, " +
			"or no name service (apt says: W: Failed to fetch http://m  Temporary failure resolving 'm')",
		"W: a warning\nE: Unable to locate package x\n": "search: exit status 100 (apt says: E: Unable to locate package x)",
	} {
		if got := aptError("search", exit, complaints).Error(); got != want {
			t.Error(got)
		}
	}
}

func TestParsePackages(t *testing.T) {
	packages, err := parsePackages(strings.NewReader("Package: a\nVersion: 1\nSize: 12\nDescription: x\n Package: not this\n\n\n" +
		"Package: no-version\n\nno field\nPackage: b\nVersion: 2\nSize: many"))
	want := []aptPackage{{name: "a", version: "1", size: 12}, {name: "b", version: "2"}}
	if err != nil || !slices.Equal(packages, want) {
		t.Errorf("%+v, %v", packages, err)
	}
}
