package play

import (
	"encoding/json"
	"fmt"

	"github.com/skep-dev/skep/internal/scene/plan"
)

// A performer does a step of one kind. What it saw goes into the result; the
// error is why the step did not go well, an errno where the kernel said so.
type performer func(*call, json.RawMessage, *plan.Result) error

// performers maps step kinds to what performs them. Files of this package add
// to it while it is initialised; a test holds it against plan.Kinds.
var performers = map[string]performer{}

func perform[T any](kind string, do func(*call, *T, *plan.Result) error) struct{} {
	performers[kind] = func(c *call, raw json.RawMessage, r *plan.Result) error {
		args := new(T)
		if err := json.Unmarshal(raw, args); err != nil {
			return fmt.Errorf("the arguments of %s: %w", kind, err)
		}
		return do(c, args, r)
	}
	return struct{}{}
}
