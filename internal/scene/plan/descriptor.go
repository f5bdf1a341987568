package plan

var (
	_ = kind[Open]("open")
	_ = kind[Read]("read")
	_ = kind[Write]("write")
	_ = kind[Close]("close")
)

// Open opens a file and keeps the descriptor in the actor under a name.
type Open struct {
	Path string `json:"path" scene:"required,max=4095"`
	As   string `json:"as,omitempty" scene:"name"` // empty: closed at once
	// Flags are read, write, append, create, exclusive, truncate, directory,
	// nofollow, path. None: read.
	Flags []string `json:"flags,omitempty"`
	Mode  *Mode    `json:"mode,omitempty"` // of a new file; 0644
}

// OpenFlags are the words that Open.Flags knows.
var OpenFlags = []string{"read", "write", "append", "create", "exclusive", "truncate", "directory", "nofollow", "path"}

// Check implements Checker.
func (o *Open) Check() error {
	for _, flag := range o.Flags {
		if err := oneOf("flag", flag, OpenFlags); err != nil {
			return err
		}
	}
	return nil
}

// Read makes one read call on a named descriptor.
type Read struct {
	On    string `json:"on" scene:"required,name,short"`
	Bytes int    `json:"bytes,omitempty" scene:"min=1,max=1048576"` // 4096
}

// Write makes one write call on a named descriptor.
type Write struct {
	On string `json:"on" scene:"required,name"`
	Payload
}

// Check implements Checker.
func (w *Write) Check() error { return w.check() }

// Close closes a named descriptor: a file, socket or capture.
type Close struct {
	On string `json:"on" scene:"required,name,short"`
}
