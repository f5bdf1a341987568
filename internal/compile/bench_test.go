package compile

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
)

// benchmarkSources are a program that most resembles a first one and one that follows pointers all over the kernel.
var benchmarkSources = []string{"pids.bpf.c", "exec.bpf.c", "heavy.bpf.c"}

// realKernel is one that `make setup` fetched.
func realKernel(t testing.TB, series string) Kernel {
	t.Helper()
	k, err := kernel.Open(kernel.DefaultDir()).Get(series)
	if err != nil {
		t.Fatalf("run 'make kernels': %v", err)
	}
	return Kernel{ID: k.ID(), BTF: k.BTFSpec}
}

// BenchmarkCompile measures a compile whose object is not in the cache, headers precompiled, jail included, beside what one
// would type without us: clang with the whole vmlinux.h, then llvm-strip. Runs alternate, so that a
// busy machine is busy for both; reported are medians.
//
//	go test -bench Compile -benchtime 20x ./internal/compile
func BenchmarkCompile(b *testing.B) {
	clang, errClang := exec.LookPath("clang-19")
	strip, errStrip := exec.LookPath("llvm-strip-19")
	if errClang != nil || errStrip != nil {
		b.Fatal("clang-19 and llvm-strip-19 are not installed: run 'make packages'")
	}
	k := realKernel(b, "6.12")
	for program, path := range programs(b) {
		c := newCompiler(b, path)
		if err := c.Prepare(context.Background(), k); err != nil {
			b.Fatal(err)
		}
		whole := filepath.Join(c.options.CacheDir, "kernels", c.headerKey(k), headerWhole)
		for _, name := range benchmarkSources {
			source, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(program+"/"+name, func(b *testing.B) {
				var ours, plain []time.Duration
				object := filepath.Join(b.TempDir(), "plain.o")
				for i := 0; b.Loop(); i++ {
					begin := time.Now()
					// A comment more each time: the cache must not help.
					r, err := c.Compile(context.Background(), Request{
						Name: name, Kernel: k, Source: slices.Concat(source, bytes.Repeat([]byte("\n"), i)),
					})
					if err != nil || r.Object == nil {
						b.Fatal(err, r)
					}
					ours = append(ours, time.Since(begin))
					begin = time.Now()
					run(b, clang, "-O2", "-g", "--target=bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86", "-I", whole,
						"-c", filepath.Join("testdata", name), "-o", object)
					run(b, strip, "-g", object)
					plain = append(plain, time.Since(begin))
				}
				b.ReportMetric(median(ours), "ms")
				b.ReportMetric(median(plain), "ms-plain")
				b.ReportMetric(median(plain)/median(ours), "times")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func run(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func median(list []time.Duration) float64 {
	slices.Sort(list)
	return float64(list[len(list)/2].Microseconds()) / 1000
}

// TestRealKernels compiles with the headers of each kernel that is here, trimmed and whole. One compiler will do:
// TestSameBytes compares them.
func TestRealKernels(t *testing.T) {
	c := newCompiler(t, programs(t)["bpfcc"])
	for _, series := range kernel.DefaultSeries {
		t.Run(series, func(t *testing.T) {
			k := realKernel(t, series)
			for _, name := range benchmarkSources {
				source, err := os.ReadFile(filepath.Join("testdata", name))
				if err != nil {
					t.Fatal(err)
				}
				const rare = "\nint rare(struct tty_ldisc_ops *o) { return o->num; }\n"
				for _, text := range [][]byte{source, slices.Concat(source, []byte(rare))} {
					r, err := c.Compile(context.Background(), Request{Name: name, Source: text, Kernel: k})
					if err != nil {
						t.Fatal(err)
					}
					if r.Object == nil || len(r.Diagnostics) > 0 {
						t.Errorf("%s with the %s header: %v", name, r.Header, r.Diagnostics)
					}
				}
			}
		})
	}
}
