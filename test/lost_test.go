package test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skep-dev/skep/internal/run"
)

// A lostCase is a program that counts for itself, for each map in variables of
// its own: in sent_MAP what it tries to send, in lost_MAP what is refused.
type lostCase struct {
	name    string
	program string
	scene   string
	// nothing says that the program loses nothing.
	nothing bool
	// not names a kernel that cannot run it.
	not string
}

const ring = `struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } `

var lostCases = []lostCase{
	{name: "output", program: ring + `events SEC(".maps");
int sent_events, lost_events;
SEC("syscall") int flood(void *ctx)
{
	for (int i = 0; i < 1000; i++) {
		int record = i;
		sent_events++;
		if (bpf_ringbuf_output(&events, &record, sizeof(record), 0))
			lost_events++;
	}
	return 0;
}`},
	{name: "result unused", program: ring + `events SEC(".maps");
int sent_events;
SEC("syscall") int flood(void *ctx)
{
	for (int i = 0; i < 1000; i++) {
		int record = i;
		sent_events++;
		bpf_ringbuf_output(&events, &record, sizeof(record), BPF_RB_NO_WAKEUP);
	}
	return 0;
}`},
	{name: "reserve and submit", program: ring + `events SEC(".maps");
int sent_events, lost_events;
SEC("syscall") int flood(void *ctx)
{
	for (int i = 0; i < 1000; i++) {
		int *record = bpf_ringbuf_reserve(&events, sizeof(i), 0);
		sent_events++;
		if (!record) {
			lost_events++;
			continue;
		}
		*record = i;
		bpf_ringbuf_submit(record, 0);
	}
	return 0;
}`},
	{name: "dynptr", program: ring + `events SEC(".maps");
int sent_events, lost_events;
SEC("syscall") int flood(void *ctx)
{
	for (int i = 0; i < 1000; i++) {
		struct bpf_dynptr record;
		sent_events++;
		if (bpf_ringbuf_reserve_dynptr(&events, 24, 0, &record))
			lost_events++;
		bpf_ringbuf_submit_dynptr(&record, 0);
	}
	return 0;
}`},
	{name: "larger than the buffer", program: ring + `events SEC(".maps");
int sent_events, lost_events;
char large[8192];
SEC("syscall") int flood(void *ctx)
{
	sent_events += 3;
	lost_events += bpf_ringbuf_output(&events, large, sizeof(large), 0) != 0;
	lost_events += bpf_ringbuf_output(&events, large, 64, 0) != 0;
	char *record = bpf_ringbuf_reserve(&events, sizeof(large), 0);
	if (record)
		bpf_ringbuf_discard(record, 0);
	else
		lost_events++;
	return 0;
}`},
	{name: "nothing lost", nothing: true, program: ring + `events SEC(".maps");
int sent_events, lost_events;
SEC("syscall") int few(void *ctx)
{
	for (int i = 0; i < 100; i++) {
		int record = i;
		sent_events++;
		if (bpf_ringbuf_output(&events, &record, sizeof(record), 0))
			lost_events++;
	}
	return 0;
}`},
	// Nobody can tell from the instructions which ring buffer a call is about.
	{name: "which ring buffer", program: `#include <skep.h>
struct ring { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); };
struct ring one SEC(".maps"), two SEC(".maps"), three SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, int); __array(values, struct ring);
} rings SEC(".maps") = { .values = { &two, &three } };
int sent_one, sent_two, sent_three, lost_one, lost_two, lost_three;

static __attribute__((noinline)) long output(void *ring, const void *data, __u64 size, __u64 flags)
{
	return bpf_ringbuf_output(ring, (void *)data, size, flags);
}
static long each(__u32 i, void *ctx)
{
	int third = i % 3 == 0;
	void *inner = bpf_map_lookup_elem(&rings, &third);
	void *either = i % 5 ? (void *)&one : (void *)&three;
	__u32 *record;

	if (!inner)
		return 0;
	third ? sent_three++ : sent_two++;
	record = bpf_ringbuf_reserve(inner, sizeof(i), 0);
	if (record) {
		*record = i;
		bpf_ringbuf_submit(record, 0);
	} else {
		third ? lost_three++ : lost_two++;
	}
	i % 5 ? sent_one++ : sent_three++;
	if (output(either, &i, sizeof(i), 0))
		i % 5 ? lost_one++ : lost_three++;
	sent_two++;
	if (bpf_ringbuf_output(&two, &i, sizeof(i), 0))
		lost_two++;
	return 0;
}
SEC("syscall") int flood(void *ctx)
{
	bpf_loop(900, each, 0, 0);
	SHOW(lost_one);
	return 0;
}`},
	// The clock's program interrupts the others, while they are in the helper
	// too, and a kprobe's program runs within the helper's callees.
	{name: "programs that interrupt each other", scene: small, program: ring + `events SEC(".maps");
int sent_events, lost_events, runs;
static void flood(void)
{
	if (__sync_fetch_and_add(&runs, 1) >= 50)
		return;
	for (int i = 0; i < 200; i++) {
		int record = i;
		__sync_fetch_and_add(&sent_events, 1);
		if (bpf_ringbuf_output(&events, &record, sizeof(record), 0))
			__sync_fetch_and_add(&lost_events, 1);
	}
}
SEC("perf_event") int ticks(void *ctx) { flood(); return 0; }
SEC("raw_tp/sys_enter") int enters(void *ctx) { flood(); return 0; }
SEC("tp/sched/sched_process_exec") int execs(void *ctx) { flood(); return 0; }
SEC("kprobe/irq_work_queue") int wakes(void *ctx) { flood(); return 0; }`},
	// After its losses there comes no record that could tell of them.
	{name: "perf event array", scene: small, program: `
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, int); __type(value, int); } events SEC(".maps");
int sent_events, lost_events;
char large[2000];
static long each(__u32 i, void **ctx)
{
	sent_events++;
	large[0] = i;
	if (bpf_perf_event_output(*ctx, &events, BPF_F_CURRENT_CPU, large, sizeof(large)))
		lost_events++;
	return 0;
}
SEC("tp/sched/sched_process_exec") int execs(void *ctx)
{
	if (!sent_events)
		bpf_loop(300, each, &ctx, 0);
	return 0;
}`},
	{name: "perf event array, nothing lost", nothing: true, program: `
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, int); __type(value, int); } events SEC(".maps");
int sent_events, lost_events;
SEC("raw_tp/sys_enter") int enters(void *ctx)
{
	char odd[13] = "not aligned";
	if (sent_events < 1000) {
		sent_events++;
		if (bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, odd, sizeof(odd)))
			lost_events++;
	}
	return 0;
}`},
	{name: "struct_ops", not: "6.1", scene: connects, program: ring + `events SEC(".maps");
int sent_events, lost_events;
SEC("struct_ops/start") void start(__u64 *ctx)
{
	for (int i = 0; i < 500; i++) {
		int record = i;
		sent_events++;
		if (bpf_ringbuf_output(&events, &record, sizeof(record), 0))
			lost_events++;
	}
}
SEC("struct_ops/ssthresh") __u32 ssthresh(__u64 *ctx) { return 10; }
SEC("struct_ops/cong_avoid") void cong_avoid(__u64 *ctx) {}
SEC("struct_ops/undo_cwnd") __u32 undo_cwnd(__u64 *ctx) { return 10; }
SEC(".struct_ops.link") struct tcp_congestion_ops skep_test = {
	.init = (void *)start, .ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid, .undo_cwnd = (void *)undo_cwnd, .name = "skep_test",
};`},
}

// connects makes TCP sockets that use the congestion control of the program.
const connects = `
variables: {port: port}
steps:
  - {write_file: {path: /proc/sys/net/ipv4/tcp_congestion_control, content: skep_test}}
  - {listen: {address: 127.0.0.1, port: "${port}", as: server}}
  - {connect: {address: 127.0.0.1, port: "${port}", as: client}}`

// TestLost: what is told to be lost is, on each kernel, what the programs count
// themselves, and what is not lost comes.
func TestLost(t *testing.T) {
	series := []string{"6.1", "6.12", "7"}
	r := newRig(t, series...)
	for _, s := range series {
		for _, c := range lostCases {
			if c.not == s {
				continue
			}
			t.Run(s+" "+c.name, func(t *testing.T) {
				t.Parallel()
				request := run.Request{Program: cProgram(t, "lost.bpf.c", prelude+c.program), Kernel: r.kernels[s]}
				rec := r.play(t, t.Context(), request, c.scene)
				c.check(t, rec)
				if t.Failed() {
					t.Logf("%+v\n%s%s", rec.end, rec.logs("verifier"), rec.logs("loader"))
				}
			})
		}
	}
}

func (c lostCase) check(t *testing.T, rec *recording) {
	t.Helper()
	told, came := make(map[string]int), make(map[string]int)
	for _, l := range of[run.Lost](rec) {
		told[l.Map] += int(l.Count)
	}
	for _, e := range of[run.Record](rec) {
		came[e.Map]++
	}
	counts := make(map[string]int)
	for _, g := range of[run.Global](rec) {
		_, after, _ := strings.Cut(g.Text, " → ")
		counts[g.Name], _ = strconv.Atoi(after)
	}
	maps := 0
	for name, sent := range counts {
		m, ok := strings.CutPrefix(name, "sent_")
		if !ok {
			continue
		}
		maps++
		lost := sent - came[m]
		if counted, ok := counts["lost_"+m]; ok && counted != lost {
			t.Errorf("%s: %d of %d came, the program counted %d lost", m, came[m], sent, counted)
		}
		if told[m] != lost {
			t.Errorf("%s: %d of %d came, told: %d lost", m, came[m], sent, told[m])
		}
		if (lost == 0) != c.nothing {
			t.Errorf("%s: %d of %d are lost: the test tests nothing", m, lost, sent)
		}
		delete(told, m)
	}
	if maps == 0 || len(told) != 0 {
		t.Errorf("%d maps were used, lost: %v", maps, told)
	}
}

// TestCountingIsNotSeen: that programs count what ring buffers refuse changes
// nothing of what is told of them.
func TestCountingIsNotSeen(t *testing.T) {
	series := []string{"6.1", "6.12", "7"}
	r := newRig(t, series...)
	// Fewer rounds: the whole log of 1000 is much for a machine's memory.
	program := strings.Replace(prelude+lostCases[0].program, "i < 1000", "i < 300", 1)
	for _, s := range series {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			request := run.Request{
				Program: cProgram(t, "lost.bpf.c", program), Kernel: r.kernels[s], VerifierLog: true,
			}
			ran := r.play(t, t.Context(), request, small)
			request.LoadOnly = true
			loaded := r.play(t, t.Context(), request, small)
			programs := of[run.Program](ran)
			if len(programs) != 1 || len(of[run.Stats](ran)) != 1 || len(of[run.Lost](ran)) != 1 {
				t.Fatal(ran)
			}
			programs[0].Seconds = 0
			only := of[run.Program](loaded)
			only[0].Seconds = 0
			if diff := cmp.Diff(only, programs); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(of[run.Map](loaded), of[run.Map](ran)); diff != "" {
				t.Error(diff)
			}
			if log := ran.logs("verifier"); strings.Count(log, "\nprocessed ") != 1 || strings.Contains(log, "skep") {
				t.Errorf("the verifier's log:\n%s", log)
			}
		})
	}
}

// TestUncounted: a program that the kernel takes only as it was given, because
// it has as many maps as one may, runs, and it is said that nothing is counted.
func TestUncounted(t *testing.T) {
	r := newRig(t, "7")
	const most = 64 // MAX_USED_MAPS, include/linux/bpf.h
	var program strings.Builder
	program.WriteString(prelude + ring + "events SEC(\".maps\");\n")
	for i := range most - 1 {
		fmt.Fprintf(&program, "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); } m%d SEC(\".maps\");\n", i)
	}
	program.WriteString("SEC(\"syscall\") int flood(void *ctx)\n{\n\tint zero = 0;\n")
	for i := range most - 1 {
		fmt.Fprintf(&program, "\tbpf_map_delete_elem(&m%d, &zero);\n", i)
	}
	program.WriteString("\tfor (int i = 0; i < 1000; i++) {\n\t\tint record = i;\n\t\tbpf_ringbuf_output(&events, &record, sizeof(record), 0);\n\t}\n\treturn 0;\n}")
	rec := r.play(t, t.Context(), run.Request{Program: cProgram(t, "full.bpf.c", program.String()), Kernel: r.kernels["7"]}, small)
	if rec.end.State != run.Done || len(of[run.Record](rec)) == 0 || len(of[run.Lost](rec)) != 0 {
		t.Error(rec)
	}
	if said := rec.logs("loader"); !strings.Contains(said, "records of program flood that have no room in a ring buffer are not counted") {
		t.Errorf("said: %q", said)
	}
}

// TestCutShort: what is only sent in part says so.
func TestCutShort(t *testing.T) {
	r := newRig(t, "6.1")
	program := prelude + `
char large[2 << 20];
SEC("syscall") int change(void *ctx) { large[0] = 1; return 0; }`
	rec := r.play(t, t.Context(), run.Request{Program: cProgram(t, "cut.bpf.c", program), Kernel: r.kernels["6.1"]}, `
actors: [{name: main}, {name: peer, netns: peer}]
variables: {port: port, much: {text: {length: 1024}}}
steps:
  - {actor: peer, listen: {address: 10.77.0.2, port: "${port}", as: server}}
  - {connect: {address: 10.77.0.2, port: "${port}", as: client}}
  - {send: {on: client, content: "${much}${much}${much}${much}"}}
  - sleep: 50ms`)
	if said := rec.logs("loader"); !strings.Contains(said, "of section .bss only the variables in its first 1048576 bytes are shown") {
		t.Errorf("said: %q", said)
	}
	cut := 0
	for _, p := range of[run.Packet](rec) {
		if p.Length > len(p.Bytes) {
			cut++
		}
	}
	if cut == 0 {
		t.Errorf("no frame is longer than what was sent of it: %v", rec)
	}
}

// TestOverwrite: of a ring buffer that overwrites its oldest records come the
// newest, each once, and it is said that there were others.
func TestOverwrite(t *testing.T) {
	r := newRig(t, "7")
	program := prelude + `
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __uint(map_flags, 1 << 19);
} events SEC(".maps");
SEC("syscall") int flood(void *ctx)
{
	for (int i = 0; i < 1000; i++) {
		int record = i;
		bpf_ringbuf_output(&events, &record, sizeof(record), 0);
	}
	return 0;
}`
	rec := r.play(t, t.Context(), run.Request{Program: cProgram(t, "newest.bpf.c", program), Kernel: r.kernels["7"]}, small)
	records := of[run.Record](rec)
	const held = 255 // of 16 bytes each, in 4096, of which one stays free
	for i, e := range records {
		if want := strconv.Itoa(1000 - held + i); e.Text != want {
			t.Fatalf("record %d is %s, not %s", i, e.Text, want)
		}
	}
	if said := rec.logs("loader"); len(records) != held || !strings.Contains(said, fmt.Sprintf("%d bytes of older ones are gone", (1000-held)*16)) {
		t.Errorf("%d records, said: %q", len(records), said)
	}
}
