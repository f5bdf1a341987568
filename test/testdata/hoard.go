package main

import "runtime"

// TestTearDown builds this into the guest: what nobody closes stays open there,
// as whoever would close garbage waits for ever. Otherwise a leak would show
// only where the garbage collector did not come by in time.
func init() {
	reached := make(chan bool)
	wait := func(reached chan<- bool) {
		reached <- true
		select {}
	}
	// One goroutine calls all cleanups, on a machine of fewer than eight
	// processors, and one all finalizers.
	runtime.AddCleanup(new(*int), wait, reached)
	runtime.SetFinalizer(new(*int), func(**int) { wait(reached) })
	runtime.GC()
	<-reached
	<-reached
}
