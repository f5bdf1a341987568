package plan

import "fmt"

var (
	_ = kind[Run]("run")
	_ = kind[Start]("start")
	_ = kind[Wait]("wait")
)

// Command is a program to execute.
type Command struct {
	// Argv are the program and its arguments. Without a slash in it the
	// program is looked for in PATH.
	Argv []string `json:"argv" scene:"required,short"`
	// Arg0 replaces what the program sees as its own name.
	Arg0 *string `json:"arg0,omitempty"`
	// Env adds to PATH and HOME, or replaces them.
	Env   map[string]string `json:"env,omitempty"`
	Stdin string            `json:"stdin,omitempty"`
	Dir   string            `json:"dir,omitempty" scene:"max=4095"` // the actor's, /
	// User is an account of the guest; UID and GID are numbers. Without any
	// the command has the actor's. Only a root actor may change them.
	User string `json:"user,omitempty" scene:"max=64"`
	UID  *int   `json:"uid,omitempty" scene:"min=0,max=4294967294"`
	GID  *int   `json:"gid,omitempty" scene:"min=0,max=4294967294"`
}

// Check implements Checker.
func (c *Command) Check() error {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return fmt.Errorf("argv has no program")
	}
	if c.User != "" && c.UID != nil {
		return fmt.Errorf("user and uid exclude each other")
	}
	return nil
}

// Run executes a program and waits for it. When the step's timeout is over,
// the program and its process group are killed.
type Run struct {
	Command
}

// Start executes a program and goes on. The scene's end kills it.
type Start struct {
	Command
	As string `json:"as" scene:"required,name"`
}

// Wait waits for a started program.
type Wait struct {
	Command string `json:"command" scene:"required,name,short"`
}
