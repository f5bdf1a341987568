package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/skep-dev/skep/internal/wire"
)

// A Snapshot is a warm machine: its memory and device state in two sealed
// files in memory. Every clone maps the memory privately; none can change it,
// even if its QEMU were taken over.
type Snapshot struct {
	Hello wire.Hello // what the guest said when it booted

	ram, state *os.File
	loading    chan struct{} // closed when ram is complete
	err        error
	closeOnce  sync.Once
}

// Names of a snapshot's files in its folder.
const (
	ramFile   = "ram"
	stateFile = "state"
	metaFile  = "snapshot.json"
)

// meta is metaFile's content: written last, it makes the snapshot complete.
type meta struct {
	Identity  string     `json:"identity"`
	Hello     wire.Hello `json:"hello"`
	StateSize int64      `json:"state_size"` // bytes; the memory has Memory
}

// ErrNoSnapshot says that a folder holds no complete snapshot.
var ErrNoSnapshot = errors.New("no snapshot")

// LoadSnapshot reads a snapshot that Prepare has written. The memory is copied
// beside the caller; see Wait.
func LoadSnapshot(dir, identity string) (*Snapshot, error) {
	text, err := os.ReadFile(filepath.Join(dir, metaFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoSnapshot, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("load a snapshot: %w", err)
	}
	var m meta
	if err := json.Unmarshal(text, &m); err != nil || m.Identity != identity {
		return nil, fmt.Errorf("%w for this engine in %s", ErrNoSnapshot, dir)
	}
	saved, err := m.open(dir)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, metaFile), now, now) // the last use; see prune
	s := &Snapshot{Hello: m.Hello, loading: make(chan struct{})}
	if s.ram, err = NewMemory(ramFile, Memory); err != nil {
		_ = saved.Close()
		return nil, err
	}
	if s.state, err = loadFile(filepath.Join(dir, stateFile)); err != nil {
		_ = saved.Close()
		_ = s.ram.Close()
		return nil, fmt.Errorf("load a snapshot: %w", err)
	}
	go func() {
		defer close(s.loading)
		defer saved.Close()
		if err := CopySparse(s.ram, saved, Memory); err != nil {
			s.err = fmt.Errorf("load a snapshot's memory: %w", err)
			return
		}
		s.err = seal(s.ram)
	}()
	return s, nil
}

// open opens the saved memory, if both files are as long as they were when
// they were saved: a power failure or a full disk may have shortened them.
func (m meta) open(dir string) (ram *os.File, err error) {
	state, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil || state.Size() != m.StateSize {
		return nil, fmt.Errorf("%w that is whole in %s", ErrNoSnapshot, dir)
	}
	ram, err = os.Open(filepath.Join(dir, ramFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w that is whole in %s", ErrNoSnapshot, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("load a snapshot: %w", err)
	}
	info, err := ram.Stat()
	if err != nil || info.Size() != Memory {
		_ = ram.Close()
		return nil, fmt.Errorf("%w that is whole in %s", ErrNoSnapshot, dir)
	}
	return ram, nil
}

func loadFile(path string) (*os.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := NewMemory(filepath.Base(path), 0)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(data); err != nil {
		_ = file.Close()
		return nil, err
	}
	if err := seal(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// Files are what a clone is made of: the memory, which stays the snapshot's,
// and a descriptor of the device state, which the caller closes.
func (s *Snapshot) Files() (ram, state *os.File, err error) {
	state, err = reopen(s.state)
	if err != nil {
		return nil, nil, fmt.Errorf("restore a machine: %w", err)
	}
	return s.ram, state, nil
}

// Wait waits until the memory is complete: engines start a process meanwhile,
// but must not load device state before, because the queues that it describes
// lie in the memory.
func (s *Snapshot) Wait(ctx context.Context) error {
	select {
	case <-s.loading:
		return s.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close gives the memory back when the last clone has gone, too.
func (s *Snapshot) Close() error {
	s.closeOnce.Do(func() {
		<-s.loading
		_ = s.ram.Close()
		_ = s.state.Close()
	})
	return nil
}
