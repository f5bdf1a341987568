//go:build linux

package probe

import (
	"slices"
	"testing"
)

func TestFields(t *testing.T) {
	const format = "name: sched_wakeup\nID: 300\nformat:\n" +
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" +
		"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" +
		"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n" +
		"\tfield:const char * name;\toffset:24;\tsize:8;\tsigned:0;\n" +
		"\tfield:__data_loc char[] path;\toffset:32;\tsize:4;\tsigned:0;\n\n" +
		"print fmt: \"comm=%s\", REC->comm\n"
	want := []string{"comm:8:16", "name:24:8", "path:32:4"}
	if got := fields(format); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
