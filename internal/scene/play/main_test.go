package play

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/scene/plan"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// namespaced says that this process is the test binary inside namespaces of
// its own, where an ordinary user has a network to play with.
const namespaced = "SKEP_TEST_NAMESPACED"

func TestMain(m *testing.M) {
	MaybeActor()
	goleak.VerifyTestMain(m)
}

// inNamespaces runs the calling test again in a user and a network namespace
// of its own. It returns true there.
func inNamespaces(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaced) != "" {
		return true
	}
	again := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), namespaced+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	output, err := again.CombinedOutput()
	if err != nil && again.ProcessState == nil {
		t.Fatalf("this machine has no user namespaces for us, which all of skep's jails need: %v", err)
	}
	if err != nil {
		t.Fatalf("in namespaces: %v\n%s", err, output)
	}
	t.Logf("%s", output)
	return false
}

// vethPair makes the guest's network: see internal/guest/boot. It returns the
// path of the far end's namespace.
func vethPair(t *testing.T) string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	home, err := netns.Get()
	must(err)
	defer home.Close()
	peer, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		t.Fatal("this machine gives user namespaces no privileges (sysctl kernel.apparmor_restrict_unprivileged_userns?)")
	}
	must(err)
	t.Cleanup(func() { peer.Close() })
	noDAD := func() { must(os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0)) }
	up := func(name string, addresses ...string) {
		t.Helper()
		link, err := netlink.LinkByName(name)
		must(err)
		for _, text := range addresses {
			address, err := netlink.ParseAddr(text)
			must(err)
			must(netlink.AddrAdd(link, address))
		}
		must(netlink.LinkSetUp(link))
	}
	noDAD()
	up("lo")
	must(netns.Set(home))
	noDAD()
	up("lo")
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "v0", HardwareAddr: []byte{2, 0x77, 0, 0, 0, 1}},
		PeerName:  "v1", PeerHardwareAddr: []byte{2, 0x77, 0, 0, 0, 2}, PeerNamespace: netlink.NsFd(peer),
	}
	must(netlink.LinkAdd(veth))
	up("v0", "10.77.0.1/24", "fd77::1/64")
	must(netns.Set(peer))
	up("v1", "10.77.0.2/24", "fd77::2/64")
	settled(t, "v1")
	must(netns.Set(home))
	settled(t, "v0")
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(peer))
}

// settled waits until IPv6 on a link is ready, which the kernel brings about
// some time after the link is up.
func settled(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		link, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			t.Fatal(err)
		}
		ready := link.Attrs().OperState == netlink.OperUp && len(addresses) > 1
		for _, address := range addresses {
			ready = ready && address.Flags&unix.IFA_F_TENTATIVE == 0
		}
		if ready {
			return
		}
	}
	t.Fatalf("%s did not get ready", name)
}

// draw makes a plan of a scene's text.
func draw(t *testing.T, text string) plan.Plan {
	t.Helper()
	s, err := scene.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p, _, err := scene.Draw(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// playAll plays a plan to its end and returns what it saw.
func playAll(t *testing.T, p plan.Plan, o Options) []plan.Result {
	t.Helper()
	before := children(t)
	player, err := Start(p, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var results []plan.Result
	report := func(r plan.Result) { results = append(results, r) }
	if err := player.Setup(ctx, report); err != nil {
		t.Error(err)
	}
	if err := player.Run(ctx, report); err != nil {
		t.Error(err)
	}
	if err := player.Close(); err != nil {
		t.Error(err)
	}
	if after := children(t); after != before {
		t.Errorf("%d processes below this one, %d before", after, before)
	}
	return results
}

// children counts the processes below this one, zombies too.
func children(t *testing.T) int {
	t.Helper()
	below := map[int]bool{unix.Getpid(): true}
	all := processes()
	for again := true; again; {
		again = false
		for pid, s := range all {
			if !below[pid] && below[s.parent] {
				below[pid], again = true, true
			}
		}
	}
	return len(below) - 1
}

func allOK(t *testing.T, results []plan.Result) {
	t.Helper()
	for _, r := range results {
		if !r.OK {
			t.Errorf("line %d, %s by %s: %s (errno %q, stderr %q)", r.Line, r.Name, r.Actor, r.Error, r.Errno, r.Stderr)
		}
	}
}

func TestDefaultScene(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	peer := vethPair(t)
	p, _, err := scene.Draw(scene.Default(), nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	results := playAll(t, p, Options{Netns: map[string]string{"peer": peer}})
	t.Logf("%d results in %s", len(results), time.Since(begin))
	if want := len(p.Setup) + len(p.Steps); len(results) != want {
		t.Errorf("%d results, want %d", len(results), want)
	}
	total := 0.0
	for _, r := range results {
		total += r.Seconds
	}
	t.Logf("%.1f ms in steps", total*1000)
	allOK(t, results)
}
