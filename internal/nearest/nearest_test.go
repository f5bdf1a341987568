package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/nearest"
)

func TestNames(t *testing.T) {
	known := []string{"task_struct", "task_group", "sock", "sk_buff", "skb", "event", "exec_event", "write_event", "EVENT", "event"}
	for _, c := range []struct {
		name, word string
		count      int
		want       []string
	}{
		{"a letter is missing", "task_strct", 3, []string{"task_struct"}},
		{"two are swapped", "sk_bfuf", 3, []string{"sk_buff"}},
		{"two are swapped in three letters", "sbk", 3, []string{"skb"}},
		{"the case is another, and names come once", "Event", 3, []string{"EVENT", "event"}},
		{"no more than asked for", "Event", 1, []string{"EVENT"}},
		{"a part of longer names, if nothing is close", "ask_", 2, []string{"task_group", "task_struct"}},
		{"nothing is like it", "xdp_md", 3, nil},
		{"a short word is not like every other short word", "x", 3, nil},
		{"the empty word", "", 3, nil},
		{"a word without end", strings.Repeat("event", 1000), 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := nearest.Names(c.word, slices.Values(known), c.count); !slices.Equal(got, c.want) {
				t.Errorf("Names(%q) = %q, want %q", c.word, got, c.want)
			}
		})
	}
}
