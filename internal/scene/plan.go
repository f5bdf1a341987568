// Package scene describes what happens in a machine while a program is
// attached: a workload as data. A scene is YAML with variables; drawing the
// variables makes it a plan, which the guest performs.
package scene

import "github.com/skep-dev/skep/internal/scene/plan"

// What travels between host and guest lives in package plan, which has none
// of the weight of reading scenes.
type (
	// A Plan is a scene whose variables have been drawn.
	Plan = plan.Plan
	// An Actor is one process of the scene.
	Actor = plan.Actor
	// A Step is one thing that an actor does.
	Step = plan.Step
	// A Result is what one step saw.
	Result = plan.Result
)
