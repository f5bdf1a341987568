package plan

var (
	_ = kind[WriteFile]("write_file")
	_ = kind[ReadFile]("read_file")
	_ = kind[Mkdir]("mkdir")
	_ = kind[Path]("rmdir")
	_ = kind[Path]("unlink")
	_ = kind[Path]("stat")
	_ = kind[Link]("link")
	_ = kind[Link]("symlink")
	_ = kind[Rename]("rename")
	_ = kind[Chmod]("chmod")
	_ = kind[Chown]("chown")
)

// WriteFile opens a file, writes to it and closes it. The file is made if it
// is missing, and emptied first unless Append is set.
type WriteFile struct {
	Path string `json:"path" scene:"required,max=4095"`
	Payload
	Mode   *Mode `json:"mode,omitempty"` // of a new file, before the umask; 0644
	Append bool  `json:"append,omitempty"`
}

// Check implements Checker.
func (w *WriteFile) Check() error { return w.check() }

// ReadFile opens a file, reads it to its end and closes it.
type ReadFile struct {
	Path string `json:"path" scene:"required,short,max=4095"`
}

// Mkdir makes a directory.
type Mkdir struct {
	Path string `json:"path" scene:"required,short,max=4095"`
	Mode *Mode  `json:"mode,omitempty"` // 0755
	// Parents makes what is missing above, and is content with a directory
	// that exists.
	Parents bool `json:"parents,omitempty"`
}

// Path is the argument of a kind that needs nothing else.
type Path struct {
	Path string `json:"path" scene:"required,short,max=4095"`
}

// Link makes Path a further name of Target, or a symbolic link to it.
type Link struct {
	Target string `json:"target" scene:"required,max=4095"`
	Path   string `json:"path" scene:"required,max=4095"`
}

// Rename moves From to To.
type Rename struct {
	From string `json:"from" scene:"required,max=4095"`
	To   string `json:"to" scene:"required,max=4095"`
}

// Chmod sets permissions.
type Chmod struct {
	Path string `json:"path" scene:"required,max=4095"`
	Mode *Mode  `json:"mode" scene:"required"`
}

// Chown sets the owner; what is absent stays.
type Chown struct {
	Path string `json:"path" scene:"required,max=4095"`
	UID  *int   `json:"uid,omitempty" scene:"min=0,max=4294967294"`
	GID  *int   `json:"gid,omitempty" scene:"min=0,max=4294967294"`
}
