package play

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

func TestEveryKindIsPerformed(t *testing.T) {
	for _, kind := range plan.Kinds() {
		if performers[kind] == nil {
			t.Errorf("nothing performs %s", kind)
		}
	}
	for kind := range performers {
		if !slices.Contains(plan.Kinds(), kind) {
			t.Errorf("%s is performed, but no scene can ask for it", kind)
		}
	}
}

// TestStepsGoWell plays scenes whose own expectations say what is right.
func TestStepsGoWell(t *testing.T) {
	scenes := map[string]string{
		"files": `
steps:
  - mkdir: {path: DIR/a/b, parents: true, mode: 0700}
  - {stat: DIR/a/b, name: mode}
  - {mkdir: DIR/a, expect: {errno: EEXIST}}
  - write_file: {path: DIR/f, content: one}
  - {write_file: {path: DIR/f, content: two, append: true}, expect: {bytes: 3}}
  - {read_file: DIR/f, expect: {text: onetwo}}
  - write_file: {path: DIR/f, hex: "00 ff:10", mode: 0600}
  - {read_file: DIR/f, expect: {hex: 00ff10}}
  - link: {target: DIR/f, path: DIR/g}
  - symlink: {target: g, path: DIR/h}
  - {read_file: DIR/h, expect: {bytes: 3}}
  - chmod: {path: DIR/f, mode: 0640}
  - chown: {path: DIR/f}
  - rename: {from: DIR/f, to: DIR/i}
  - {unlink: DIR/f, expect: {errno: ENOENT}}
  - {unlink: DIR/f, expect: {errno: any}}
  - {rmdir: DIR/a, expect: {errno: ENOTEMPTY}}
  - rmdir: DIR/a/b
`,
		"descriptors": `
steps:
  - open: {path: DIR/f, flags: [read, write, create, exclusive], as: f}
  - {write: {on: f, content: hello}, expect: {bytes: 5}}
  - {read: f, expect: {text: ""}}
  - close: f
  - {open: {path: DIR/f, flags: [create, exclusive, write]}, expect: {errno: EEXIST}}
  - open: {path: DIR/f, as: f}
  - {read: {on: f, bytes: 2}, expect: {text: he}}
  - {read: {on: f}, expect: {text: llo}}
  - {write: {on: f, content: x}, expect: {errno: EBADF}}
  - {open: {path: DIR/f}, repeat: 50}
`,
		"commands": `
steps:
  - {run: [sh, -c, "echo out; echo err >&2; exit 3"], expect: {exit: 3, text: "out\n"}}
  - {run: {argv: [cat], stdin: "in"}, expect: {text: in}}
  - {run: {argv: [sh, -c, "echo $0 $A $PWD"], env: {A: b}, dir: /tmp}, expect: {text: "sh b /tmp\n"}}
  - {run: {argv: [/bin/sh, -c, "cat /proc/$$/cmdline"], arg0: other}, expect: {contains: other}}
  - {run: [/nowhere/at/all], expect: {errno: ENOENT}}
  - {run: [nowhere-at-all], expect: {errno: ENOENT}}
  - {run: [sh, -c, "kill -TERM $$"], expect: {signal: SIGTERM}}
  - {run: /bin/true, repeat: 20}
  - start: {argv: [sleep, "100"], as: nap}
  - signal: {signal: KILL, command: nap}
  - {wait: nap, expect: {signal: KILL}}
  - {run: [sh, -c, "echo to stderr > /dev/stderr"]}
`,
		"signals": `
actors: [main, {name: other}]
steps:
  - signal: {signal: USR1, actor: other}
  - {signal: {signal: 0, pid: 4194304}, expect: {errno: ESRCH}}
  - {signal: KILL, expect: {signal: SIGKILL}}
`,
		"tcp": `
actors: [main, peer]
variables: {p: port, q: port, r: port}
steps:
  - listen: {address: 127.0.0.1, port: "${p}", as: l}
  - parallel:
      - accept: {on: l, as: s}
      - {actor: peer, connect: {address: 127.0.0.1, port: "${p}", as: c}}
  - parallel:
      - {receive: {on: s, bytes: 6, all: true}, expect: {text: abcabc}}
      - {actor: peer, send: {on: c, content: abc}, repeat: 2}
  - {actor: peer, shutdown: {on: c, how: write}}
  - {receive: s, expect: {text: ""}}
  - {connect: {address: 127.0.0.1, port: "${q}", as: x}, expect: {errno: ECONNREFUSED}}
  - listen: {address: "::1", port: "${r}", as: l}
  - parallel:
      - accept: {on: l, as: s}
      - connect: {address: "::1", port: "${r}", as: c}
  - close: c
`,
		"datagrams": `
variables: {p: port, q: port}
steps:
  - bind: {address: 127.0.0.1, port: "${p}", as: a}
  - bind: {address: 127.0.0.1, port: "${q}", as: b}
  - send: {on: b, address: 127.0.0.1, port: "${p}", content: Hello}
  - {receive: a, expect: {text: Hello}}
  - connect: {network: udp, address: 127.0.0.1, port: "${q}", as: c}
  - send: {on: c, hex: 0001}
  - {receive: b, expect: {hex: 0001}}
  - bind: {address: "::1", as: d}
`,
		"unix sockets": `
steps:
  - listen: {network: unix, path: DIR/s, as: l}
  - connect: {network: unix, path: DIR/s, as: c}
  - accept: {on: l, as: s}
  - send: {on: c, content: hi}
  - {receive: s, expect: {text: hi}}
  - bind: {network: unix, path: DIR/d, as: d}
  - {connect: {network: unix, path: DIR/d, as: e}, expect: {errno: EPROTOTYPE}}
  - send: {path: DIR/d, content: datagram}
  - {receive: d, expect: {text: datagram}}
`,
		"one name on all threads": `
actors: [{name: main, comm: worker}]
steps:
  - {read_file: /proc/thread-self/stat, expect: {contains: (worker)}}
  - parallel:
      - {read_file: /proc/thread-self/stat, expect: {contains: (worker)}}
      - {read_file: /proc/thread-self/stat, expect: {contains: (worker)}}
`,
	}
	for name, text := range scenes {
		t.Run(name, func(t *testing.T) {
			text = strings.ReplaceAll(text, "DIR", t.TempDir())
			allOK(t, playAll(t, draw(t, text), Options{}))
		})
	}
}

// TestStepsGoWrong holds what a reader is told.
func TestStepsGoWrong(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ step, says string }{
		{`{unlink: /nowhere}`, "unlink: no such file or directory"},
		{`{unlink: /nowhere, expect: {errno: EPERM}}`, "expected EPERM, saw ENOENT"},
		{`{stat: /, expect: {errno: ENOENT}}`, "expected ENOENT, saw no error"},
		{`{run: [sh, -c, "exit 2"]}`, "expected exit code 0, saw 2"},
		{`{run: [sh, -c, "kill -KILL $$"]}`, "expected no signal, saw SIGKILL"},
		{`{run: [echo, a], expect: {text: b}}`, `expected "b", saw "a\n"`},
		{`{run: [echo, a], expect: {contains: b}}`, `expected "b" in it, saw "a\n"`},
		{`{run: [sleep, "100"], timeout: 50ms}`, "timed out"},
		{`{sleep: 100, timeout: 20ms}`, "timed out"},
		{`{sleep: 20ms, repeat: 1000, timeout: 50ms}`, "timed out after"},
		{`{read: never}`, `no open file or socket named "never"`},
		{`{wait: never}`, `no command named "never"`},
		{`{signal: NOSUCH}`, "unknown signal"},
		{`{connect: {address: 127.0.0.1, port: 1, as: c}}`, "connection refused"},
		{`{send_frame: {interface: nope0, hex: 000000000000000000000000ffff}}`, `interface "nope0"`},
		{`{run: {argv: [id], user: nobody-here}}`, "no user"},
		{`{stat: /, netns: nowhere}`, `network namespace "nowhere"`},
		{`{open: {path: ` + fifo + `, flags: [write]}, timeout: 10ms}`, "its actor was killed"},
	}
	for _, test := range tests {
		t.Run(test.says, func(t *testing.T) {
			t.Parallel()
			p := draw(t, "steps:\n  - "+test.step+"\n")
			player, err := Start(p, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer player.Close()
			var results []plan.Result
			if err := player.Run(t.Context(), func(r plan.Result) { results = append(results, r) }); err != nil {
				t.Fatal(err)
			}
			if len(results) != 1 || results[0].OK || !strings.Contains(results[0].Error, test.says) {
				t.Errorf("%+v", results)
			}
		})
	}
}

// playUntil plays a scene until ctx ends. It tells of every step.
func playUntil(t *testing.T, ctx context.Context, text string, told ...func()) (results []plan.Result, err error) {
	t.Helper()
	before := children(t)
	player, err := Start(draw(t, text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = player.Run(ctx, func(r plan.Result) {
		results = append(results, r)
		for _, tell := range told {
			tell()
		}
	})
	if err := player.Close(); err != nil {
		t.Error(err)
	}
	if after := children(t); after != before {
		t.Errorf("%d processes below this one, %d before", after, before)
	}
	return results, err
}

func TestEndlessSceneIsCut(t *testing.T) {
	for _, step := range []string{`repeat: 100000, run: [sh, -c, "sleep 500 &"]`, `sleep: 500`, `run: [sleep, "500"]`, `run: [sh, -c, "while :; do :; done"]`} {
		// Counted from the first step: actors may take long to come up.
		ctx, cancel := context.WithCancel(t.Context())
		cut := func() { time.AfterFunc(200*time.Millisecond, cancel) }
		results, err := playUntil(t, ctx, "steps:\n  - stat: /\n  - {timeout: 600, "+step+"}\n  - stat: /\n", cut)
		cancel()
		if err == nil || len(results) != 2 || !results[0].OK || !strings.Contains(results[1].Error, "cut short") {
			t.Errorf("%s: %v, %+v", step, err, results)
		}
	}
}

// TestNothingIsLeft starts what scenes leave behind; playUntil counts.
func TestNothingIsLeft(t *testing.T) {
	tests := map[string]string{
		"started and forgotten":     `[{start: {argv: [sleep, "500"], as: a}}]`,
		"in the background":         `[{run: [sh, -c, "sleep 500 & sleep 501 &"]}]`,
		"in a session of its own":   `[{run: [setsid, -f, sleep, "500"]}]`,
		"deaf to all but SIGKILL":   `[{start: {argv: [sh, -c, "trap '' TERM INT HUP; while :; do sleep 1; done"], as: a}}]`,
		"grandchildren of the dead": `[{run: [sh, -c, "sleep 500 & sleep 501 &"]}, {signal: KILL, expect: {signal: KILL}}]`,
		"many":                      `[{run: [sh, -c, "sleep 500 &"], repeat: 30}]`,
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			results, err := playUntil(t, t.Context(), "steps: "+steps+"\n")
			if err != nil {
				t.Error(err)
			}
			allOK(t, results)
		})
	}
}

func TestOutputIsLimited(t *testing.T) {
	results, _ := playUntil(t, t.Context(), `
steps:
  - {run: [sh, -c, "head -c 1000000 /dev/zero; head -c 100000 /dev/zero >&2"]}
  - {read_file: /dev/zero, timeout: 2}
  - {run: [sh, -c, "yes; echo $? >&2; exit 0"]}
`)
	for _, r := range results {
		if len(r.Bytes) > plan.MaxOutput || len(r.Stderr) > plan.MaxOutput || !r.Truncated {
			t.Errorf("%s: %d and %d bytes kept, truncated %v", r.Name, len(r.Bytes), len(r.Stderr), r.Truncated)
		}
	}
	if r := results[0]; r.Count != 1_000_000 {
		t.Errorf("%d bytes counted", r.Count)
	}
}

func TestDeadActorSaysSo(t *testing.T) {
	results, _ := playUntil(t, t.Context(), `
actors: [main, other]
steps:
  - signal: {signal: TERM, actor: other}
  - {actor: other, sleep: 5}
  - {actor: other, stat: /}
`)
	if r := results[1]; r.OK || r.Signal != "SIGTERM" && !strings.Contains(r.Error, "ended before") {
		t.Errorf("%+v", r)
	}
	if r := results[2]; r.OK || !strings.Contains(r.Error, "ended before (killed by SIGTERM)") {
		t.Errorf("%+v", r)
	}
}

func TestActorsBeforeSteps(t *testing.T) {
	spares, err := Warm(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	defer spares.Close()
	p := draw(t, "actors: [{name: main, comm: a name of 15 b}, other]\nsteps: [{stat: /}]\n")
	player, err := Start(p, Options{Spares: spares})
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	if len(spares.processes) != 1 {
		t.Errorf("%d spares left, want 1", len(spares.processes))
	}
	for name, comm := range map[string]string{"main": "a name of 15 b", "other": "other"} {
		pid, known := player.ActorPID(name)
		if !known {
			t.Fatalf("no pid of %s", name)
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || strings.TrimSpace(string(text)) != comm {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	if _, known := player.ActorPID("nobody"); known {
		t.Error("an actor that is not in the plan has a pid")
	}
}

func TestFirstThreadPerforms(t *testing.T) {
	player, err := Start(draw(t, "steps: [{read_file: /proc/thread-self/stat}]"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	pid, _ := player.ActorPID("main")
	_ = player.Run(t.Context(), func(r plan.Result) {
		if want := fmt.Sprintf("%d (main)", pid); !strings.HasPrefix(string(r.Bytes), want) {
			t.Errorf("the step was performed by %.40q, want %q", r.Bytes, want)
		}
	})
}

func TestUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may become another user")
	}
	allOK(t, playAll(t, draw(t, `
actors: [{name: main}, {name: plain, uid: 4242, gid: 4343}, {name: named, user: nobody}]
steps:
  - {run: {argv: [sh, -c, "id -u; id -g"], uid: 4444}, expect: {text: "4444\n4444\n"}}
  - {run: {argv: [id, -un], user: nobody}, expect: {text: "nobody\n"}}
  - {actor: plain, run: [sh, -c, "id -u; id -g"], expect: {text: "4242\n4343\n"}}
  - {actor: named, open: {path: /etc/shadow}, expect: {errno: EACCES}}
`), Options{}))
}

func TestCgroups(t *testing.T) {
	root := cgroupRoot(t)
	name := fmt.Sprintf("skep-test-%d", os.Getpid())
	p := draw(t, `
actors: [{name: main, cgroup: "`+name+`/inner"}]
steps:
  - {read_file: /proc/self/cgroup, expect: {contains: "0::/`+name+`/inner"}}
  - {run: [setsid, -f, sleep, "500"]}
  - {run: [cat, /proc/self/cgroup], expect: {contains: "0::/`+name+`/inner"}}
`)
	allOK(t, playAll(t, p, Options{CgroupRoot: root}))
	if _, err := os.Stat(filepath.Join(root, name)); err == nil {
		t.Error("the cgroup is still there")
	}
}

// cgroupRoot finds a cgroup2 hierarchy that this process may change.
func cgroupRoot(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[2] == "cgroup2" && unix.Access(fields[1], unix.W_OK) == nil {
			return fields[1]
		}
	}
	t.Skip("no cgroup2 hierarchy that this process may change")
	return ""
}

func TestCloseDuringRun(t *testing.T) {
	before := children(t)
	player, err := Start(draw(t, "steps: [{stat: /}, {sleep: 100}]"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	started, done := make(chan struct{}), make(chan error)
	go func() {
		first := true
		done <- player.Run(t.Context(), func(plan.Result) {
			if first {
				close(started)
				first = false
			}
		})
	}()
	<-started
	if err := player.Close(); err != nil {
		t.Error(err)
	}
	<-done
	if after := children(t); after != before {
		t.Errorf("%d processes, %d before", after, before)
	}
}

func TestFrames(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	peer := vethPair(t)
	allOK(t, playAll(t, draw(t, framesScene), Options{Netns: map[string]string{"peer": peer}}))
}

const framesScene = `
actors: [main, {name: far, netns: peer}]
steps:
  - {actor: far, open_capture: {interface: v1, as: seen}}
  - send_frame: {interface: v0, hex: "0277 0000 0002 0277 0000 0001 88b5 00112233"}
  - {actor: far, capture: {on: seen, filter: {ethernet_type: 0x88b5}}, expect: {packets: 1, contains: "\x11\x22\x33"}}
  - send_frame:
      interface: v0
      vlan: 7
      ipv4: {source: 10.77.0.1, destination: 10.77.0.2}
      udp: {source: 1000, destination: 2000}
      payload: {content: tagged}
  - {actor: far, capture: {on: seen, filter: {direction: in, contains: tagged}}, expect: {packets: 1}}
  - {actor: far, bind: {address: 10.77.0.2, port: 2000, as: port}}
  - send_frame: {interface: v0, ipv4: {source: 10.77.0.1, destination: 10.77.0.2}, udp: {source: 1000, destination: 2000}, payload: {content: right sums}}
  - {actor: far, receive: port, expect: {text: right sums}}
  - {actor: far, bind: {address: "fd77::2", port: 2000, as: port6}}
  - send_frame: {interface: v0, ipv6: {source: "fd77::1", destination: "fd77::2"}, udp: {source: 1000, destination: 2000}, payload: {content: right sums}}
  - {actor: far, receive: port6, expect: {text: right sums}}
  - {actor: far, capture: {on: seen, packets: 2, filter: {protocol: 17, port: 2000}}, expect: {packets: 2}}
  - open_capture: {interface: v0, as: replies}
  - send_frame: {interface: v0, ipv4: {source: 10.77.0.1, destination: 10.77.0.2}, icmp: {id: 7, sequence: 9}, payload: {content: ping}}
  - {capture: {on: replies, filter: {direction: in, protocol: 1, contains: ping}}, expect: {packets: 1}}
  - send_frame: {interface: v0, ipv6: {source: "fd77::1", destination: "fd77::2"}, icmp: {id: 7}, payload: {content: ping6}}
  - {capture: {on: replies, filter: {direction: in, protocol: 58, contains: ping6}}, expect: {packets: 1}}
  - send_frame: {interface: v0, ipv4: {source: 10.77.0.1, destination: 10.77.0.2}, tcp: {source: 5, destination: 6, flags: [syn]}}
  - {name: reset, capture: {on: replies, filter: {direction: in, protocol: 6, port: 6}}, expect: {packets: 1}}
  - {ping: {address: 10.77.0.2, content: abc}, expect: {text: abc}, repeat: 3}
  - {ping: {address: "fd77::2", content: abc}, expect: {text: abc}}
  - {netns: peer, capture: {interface: v1, for: 10ms}, expect: {packets: 0}}
  - {netns: peer, ping: 10.77.0.1}
`
