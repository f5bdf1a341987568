package compile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// contentKey names content: equal parts, equal key. Lengths keep ("a", "bc") and ("ab", "c") apart.
func contentKey(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))[:40]
}

// objectCache keeps results in files. It only ever saves time: whatever is wrong with a file or the
// folder reads as "not there".
type objectCache struct {
	dir   string
	limit int64
}

// entry is the first line of a cached file; the object follows it.
type entry struct {
	Sum         string       `json:"sum"`
	Header      string       `json:"header"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

func (o *objectCache) path(key string) string {
	return filepath.Join(o.dir, key[:2], key)
}

func (o *objectCache) load(key string) *Result {
	data, err := os.ReadFile(o.path(key))
	if err != nil {
		return nil
	}
	line, object, ok := bytes.Cut(data, []byte("\n"))
	var e entry
	if !ok || json.Unmarshal(line, &e) != nil || e.Sum != contentKey(string(object)) {
		_ = os.Remove(o.path(key))
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(o.path(key), now, now) // the least recently used go first
	return &Result{Object: object, Diagnostics: e.Diagnostics, Header: e.Header, Cached: true}
}

func (o *objectCache) store(key string, r *Result) {
	line, err := json.Marshal(entry{contentKey(string(r.Object)), r.Header, r.Diagnostics})
	if err != nil {
		return
	}
	if writeAtomic(o.path(key), slices.Concat(line, []byte("\n"), r.Object)) != nil {
		return
	}
	// The first byte of a key is as good as a dice: looking at the whole folder now and then
	// keeps it near its limit.
	if key[0] == '0' {
		o.evict()
	}
}

// evict removes the least recently used objects until three quarters of the limit are left.
func (o *objectCache) evict() {
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	var total int64
	_ = filepath.WalkDir(o.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			files = append(files, file{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
		return nil
	})
	if total <= o.limit {
		return
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, f := range files {
		if total <= o.limit/4*3 {
			return
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
}

// writeAtomic writes a file that is there whole or not at all.
func writeAtomic(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
