package kernel

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	// maxModule bounds one decompressed module. Debian's largest that matters
	// here, 7.2's xfs, has 10 MB.
	maxModule = 64 << 20
	// maxModinfo bounds the .modinfo section: a few KiB in practice.
	maxModinfo = 1 << 20
	// maxModules bounds how many modules one call may return.
	maxModules = 1024
)

// ModuleState says where the code behind a module's name is.
type ModuleState int

const (
	// ModuleAbsent means that the kernel was built without it.
	ModuleAbsent ModuleState = iota
	// ModuleBuiltIn means that it is part of vmlinux.
	ModuleBuiltIn
	// ModuleLoadable means that it is a file, which Modules returns.
	ModuleLoadable
)

// Module is one loadable module.
type Module struct {
	// Name as /proc/modules prints it: underscores, no suffix.
	Name string
	// Path is where it lies in ModulesDir, without a compression suffix:
	// "kernel/drivers/net/veth.ko".
	Path string
	// Data is the decompressed ELF object that init_module(2) takes.
	Data []byte
}

type moduleIndex struct {
	files   map[string]string // name → path relative to the folder
	builtIn map[string]bool
}

var modulePattern = regexp.MustCompile(`^(.+)\.ko(\.xz|\.zst|\.gz)?$`)

// ModuleState looks a module up by name, written with dashes or underscores.
func (k *Kernel) ModuleState(name string) (ModuleState, error) {
	index, err := k.indexed()
	if err != nil {
		return ModuleAbsent, err
	}
	return index.state(moduleName(name)), nil
}

func (x moduleIndex) state(name string) ModuleState {
	switch {
	case x.files[name] != "":
		return ModuleLoadable
	case x.builtIn[name]:
		return ModuleBuiltIn
	default:
		return ModuleAbsent
	}
}

// Modules returns the named modules and all that they depend on, in an order in
// which each can be loaded after those before it. A name that is built in or
// that the kernel does not have is left out: ModuleState tells which.
func (k *Kernel) Modules(names ...string) ([]Module, error) {
	index, err := k.indexed()
	if err != nil {
		return nil, err
	}
	order := moduleOrder{dir: k.modules, index: index, state: map[string]visit{}}
	for _, name := range names {
		if err := order.add(moduleName(name)); err != nil {
			return nil, fmt.Errorf("module %s of kernel %s: %w", name, k.Release, err)
		}
	}
	return order.modules, nil
}

type visit int

const (
	unseen visit = iota
	entered
	done
)

// moduleOrder walks dependencies depth first.
type moduleOrder struct {
	dir     string
	index   moduleIndex
	state   map[string]visit
	modules []Module
}

func (o *moduleOrder) add(name string) error {
	if o.index.state(name) != ModuleLoadable {
		return nil
	}
	switch o.state[name] {
	case done:
		return nil
	case entered:
		return fmt.Errorf("%s depends on itself", name)
	}
	if len(o.state) >= maxModules {
		return fmt.Errorf("more than %d modules are needed", maxModules)
	}
	o.state[name] = entered
	path := o.index.files[name]
	data, err := readModule(filepath.Join(o.dir, path))
	if err != nil {
		return err
	}
	depends, err := moduleDepends(data)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for _, dependency := range depends {
		if err := o.add(dependency); err != nil {
			return err
		}
	}
	o.state[name] = done
	o.modules = append(o.modules, Module{
		Name: name,
		Path: filepath.Join(filepath.Dir(path), modulePattern.FindStringSubmatch(filepath.Base(path))[1]+".ko"),
		Data: data,
	})
	return nil
}

func readModule(path string) ([]byte, error) {
	raw, err := readLimited(path, maxModule)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if err := decompress(&limitedWriter{w: &data, left: maxModule}, raw); err != nil {
		return nil, fmt.Errorf("decompress %s: %w", path, err)
	}
	return data.Bytes(), nil
}

// moduleDepends reads the depends= line of .modinfo, which modpost writes: names
// with commas between them.
func moduleDepends(module []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, errors.New("no .modinfo section")
	}
	info, err := sectionData(section, maxModinfo)
	if err != nil {
		return nil, err
	}
	return parseDepends(info), nil
}

// parseDepends takes .modinfo's content: key=value strings, each ended by NUL.
func parseDepends(info []byte) []string {
	var depends []string
	for line := range bytes.SplitSeq(info, []byte{0}) {
		list, ok := bytes.CutPrefix(line, []byte("depends="))
		if !ok {
			continue
		}
		for name := range strings.SplitSeq(string(list), ",") {
			if name != "" {
				depends = append(depends, moduleName(name))
			}
		}
	}
	return depends
}

func indexModules(dir string) (moduleIndex, error) {
	index := moduleIndex{files: map[string]string{}, builtIn: map[string]bool{}}
	if dir == "" {
		return index, nil
	}
	err := filepath.WalkDir(filepath.Join(dir, "kernel"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		match := modulePattern.FindStringSubmatch(entry.Name())
		if match == nil || !entry.Type().IsRegular() {
			return nil
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		index.files[moduleName(match[1])] = relative
		return nil
	})
	if err != nil && !missing(err) {
		return index, fmt.Errorf("list modules: %w", err)
	}
	return index, index.readBuiltIn(filepath.Join(dir, "modules.builtin"))
}

// readBuiltIn reads modules.builtin, which kbuild writes: a path a line.
func (x moduleIndex) readBuiltIn(path string) error {
	file, err := os.Open(path)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list built-in modules: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if match := modulePattern.FindStringSubmatch(filepath.Base(lines.Text())); match != nil {
			x.builtIn[moduleName(match[1])] = true
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("list built-in modules: %w", err)
	}
	return nil
}

// moduleName writes a name as the kernel does: files have dashes where
// /proc/modules and depends= have underscores.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }
