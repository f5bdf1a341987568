package scene

import (
	_ "embed"
	"sync"
)

//go:embed default.yaml
var defaultYAML []byte

// DefaultYAML returns the text of the default scene.
func DefaultYAML() []byte { return append([]byte(nil), defaultYAML...) }

// Default is the scene of a run that names none: a little of everything, so
// that any program sees something.
var Default = sync.OnceValue(func() *Scene {
	s, err := Parse(defaultYAML)
	if err != nil {
		panic("the default scene: " + err.Error()) // a test parses it
	}
	return s
})
