//go:build linux

package hook

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	names := []string{
		"vfs_open", "vfs_read", "vfs_readv", "do_sys_openat2", "wake_up_new_task", "wake_up_process",
		"tcp_connect", "tcp_v4_connect", "tcp_v6_connect", "x",
	}
	for wanted, want := range map[string][]string{
		"wake_up_new_tusk": {"wake_up_new_task"},
		"vfs_rad":          {"vfs_read", "vfs_readv"},
		"connect":          {"tcp_connect", "tcp_v4_connect", "tcp_v6_connect"},
		"sys_openat2":      {"do_sys_openat2"},
		"vfs_open_by_us":   {"vfs_open"},
		"nothing_of_that":  nil,
	} {
		if diff := cmp.Diff(want, Nearest(wanted, names, 3)); diff != "" {
			t.Errorf("%s: %s", wanted, diff)
		}
	}
}

func TestSuggest(t *testing.T) {
	if got := Suggest("abcd", []string{"abce"}); got != "; the nearest are abce" {
		t.Errorf("%q", got)
	}
	if got := Suggest("abcd", nil); got != "" {
		t.Errorf("%q", got)
	}
}
