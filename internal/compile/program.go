package compile

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// program is the compiler: our bpfcc, or clang 19 with the shared libraries it needs.
type program struct {
	path string
	// identity changes whenever the compiler does: the linker's build ids of it and its libraries.
	identity string
	// mounts are what it needs in the jail to start.
	mounts []mount
	// env likewise.
	env [][2]string
	// own tells bpfcc from clang: what only it can do may be asked of it.
	own bool
}

// clangPaths are where Debian's, Ubuntu's and LLVM's own packages put version 19.
var clangPaths = []string{"/usr/lib/llvm-19/bin/clang", "/usr/bin/clang-19"}

// libraryFolders are where shared libraries are looked for after a file's own run path.
var libraryFolders = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib",
}

// ErrNoCompiler is returned when there is neither bpfcc nor clang 19.
var ErrNoCompiler = errors.New("no compiler: neither bpfcc was built (internal/compile/bpfcc/build.sh) nor is clang 19 installed (Debian: apt-get install clang-19)")

// openProgram looks at the compiler at path, or at clang 19 if path is empty.
func openProgram(path string) (*program, error) {
	if path == "" {
		for _, p := range clangPaths {
			if _, err := os.Stat(p); err == nil {
				path = p
				break
			}
		}
	}
	if path == "" {
		return nil, ErrNoCompiler
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("open compiler: %w", err)
	}
	p := &program{path: path, mounts: []mount{{path, jailCompiler}}}
	if err := p.link(path); err != nil {
		return nil, fmt.Errorf("open compiler %s: %w", path, err)
	}
	return p, nil
}

// link does what the dynamic linker will: finds every library that the program needs, so that
// the jail holds these and no others.
func (p *program) link(path string) error {
	var identity []string
	seen := map[string]bool{}
	queue := []string{path}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		f, err := elf.Open(file)
		if err != nil {
			return err
		}
		id, interpreter, needed, err := describe(f, file)
		_ = f.Close()
		if err != nil {
			return err
		}
		identity = append(identity, id)
		p.own = p.own || file == path && interpreter == "" // bpfcc is static
		if interpreter != "" && file == path {
			p.mounts = append(p.mounts, mount{interpreter, interpreter})
			p.env = append(p.env, [2]string{"LD_LIBRARY_PATH", jailLibraries})
		}
		for _, library := range needed {
			name := filepath.Base(library)
			if !seen[name] {
				seen[name] = true
				queue = append(queue, library)
				p.mounts = append(p.mounts, mount{library, jailLibraries + "/" + name})
			}
		}
	}
	p.identity = strings.Join(identity, " ")
	return nil
}

// describe reads the build id, the dynamic linker and the libraries that an ELF file names.
func describe(f *elf.File, path string) (id, interpreter string, needed []string, err error) {
	for _, prog := range f.Progs {
		if prog.Type == elf.PT_INTERP && prog.Filesz < 4096 {
			text := make([]byte, prog.Filesz)
			if _, err := prog.ReadAt(text, 0); err != nil {
				return "", "", nil, err
			}
			interpreter = strings.TrimRight(string(text), "\x00")
		}
	}
	if id, err = buildID(f, path); err != nil {
		return "", "", nil, err
	}
	names, _ := f.ImportedLibraries() // a static program has none
	folders := libraryFolders
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		lists, _ := f.DynString(tag)
		for _, list := range lists {
			list = strings.ReplaceAll(list, "$ORIGIN", filepath.Dir(path))
			folders = append(strings.Split(list, ":"), folders...)
		}
	}
	for _, name := range names {
		library, err := findLibrary(name, folders)
		if err != nil {
			return "", "", nil, err
		}
		needed = append(needed, library)
	}
	return id, interpreter, needed, nil
}

func findLibrary(name string, folders []string) (string, error) {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("library %s is not in %s", name, strings.Join(folders, ":"))
}

// buildID reads the note that the linker left (ELF note GNU type 3). A file without one is known
// by its size and time.
func buildID(f *elf.File, path string) (string, error) {
	if section := f.Section(".note.gnu.build-id"); section != nil {
		note, err := section.Data()
		// Name size, descriptor size and type come first, then "GNU\0": 16 bytes in all.
		if err == nil && len(note) > 16 {
			return hex.EncodeToString(note[16:]), nil
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d@%d", info.Size(), info.ModTime().UnixNano()), nil
}
