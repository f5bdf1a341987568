package kernel

import (
	"os/exec"
	"testing"
)

func TestCompareVersions(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Log("dpkg is not here to agree")
	}
	for _, test := range []struct{ older, newer string }{
		{"6.1.9-1", "6.1.10-1"},
		{"6.1.192-1", "6.1.192-2"},
		{"6.12.117-1~deb12u1", "6.12.117-1"},
		{"6.12.90-1~deb12u1", "6.12.90.1-1~deb12u1"},
		{"7.2.12-1~bpo13+1", "7.2.12-1"},
		{"7.2.12-1~bpo13+1", "7.2.12-1~bpo13+2"},
		{"7.3~rc4-1~exp1", "7.3-1"},
		{"7.3~rc4-1", "7.3~rc10-1"},
		{"9.9-1", "1:0.1-1"},
		{"1.0", "1.0-1"},
		{"1.0-1", "1.0+b1-1"},
		{"1.0a-1", "1.0+-1"},
		{"0.1-1", "00.2-1"},
		{"2", "18446744073709551616000"},
	} {
		if compareVersions(test.older, test.newer) >= 0 || compareVersions(test.newer, test.older) <= 0 {
			t.Errorf("%s is not older than %s", test.older, test.newer)
		}
		if dpkg != "" && exec.Command(dpkg, "--compare-versions", test.older, "lt", test.newer).Run() != nil {
			t.Errorf("dpkg does not take %s for older than %s", test.older, test.newer)
		}
	}
	for _, same := range [][2]string{{"6.1-1", "6.1-1"}, {"6.01-1", "6.1-01"}, {"0:6.1", "6.1-0"}} {
		if compareVersions(same[0], same[1]) != 0 {
			t.Errorf("%s and %s are not equal", same[0], same[1])
		}
	}
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("6.12.117-1~deb12u1", "6.12.117-1", "7.2")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if compareVersions(a, a) != 0 {
			t.Errorf("%q differs from itself", a)
		}
		if compareVersions(a, b) > 0 != (compareVersions(b, a) < 0) {
			t.Errorf("%q and %q depend on their order", a, b)
		}
		if compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0 && compareVersions(a, c) > 0 {
			t.Errorf("%q ≤ %q ≤ %q, but not the first and the last", a, b, c)
		}
	})
}
