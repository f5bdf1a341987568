//go:build linux

package load

import "testing"

// Logs as the kernels wrote them for the same program, which uses a map's value
// without a check; cut to their ends.
func TestLastWords(t *testing.T) {
	for name, test := range map[string]struct{ log, want string }{
		"6.1": {
			"7: (79) r1 = *(u64 *)(r0 +0)\nR0 invalid mem access 'map_value_or_null'\n" +
				"verification time 4083 usec\nstack depth 8\n" +
				"processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n",
			"R0 invalid mem access 'map_value_or_null'",
		},
		"7.2": {
			"7: (79) r1 = *(u64 *)(r0 +0)\nR0 invalid mem access 'map_value_or_null'\n" +
				"verification time 3585 usec\nstack depth 8 max 0\ninsns processed 7\n" +
				"processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n",
			"R0 invalid mem access 'map_value_or_null'",
		},
		"7.3": {
			"R0 invalid mem access 'map_value_or_null'\n\n" +
				"Verification failed: Register Type Safety: Invalid dereference\n\n" +
				"Reason:\n  R0 may be NULL here (a nullable map value pointer). The program could dereference NULL on this\n" +
				"  path, so the verifier cannot prove this access is safe.\n\n" +
				"At:\n  p @ reject.bpf.c:4:116\n\nSuggestion:\n  Add a NULL check.\n\n" +
				"verification time 19259 usec\nstack depth max 0\nsubprog 0 (p) main insns_self 7 insns_total 7 stack 8\n",
			"Register Type Safety: Invalid dereference: R0 may be NULL here (a nullable map value pointer). " +
				"The program could dereference NULL on this path, so the verifier cannot prove this access is safe.",
		},
		"7.3 without a report": {
			"unreachable insn 3\nsubprog 0 (p) main insns_self 7 insns_total 7 stack 8\n",
			"unreachable insn 3",
		},
		"empty": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lastWords(test.log); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
