// Package play performs a plan's steps inside the guest.
//
// Each actor of the plan is a process of its own: this same binary, executed
// again with another name. Program main must call MaybeActor first.
//
// What an actor does is traced by the user's program, so an actor does little
// beside its steps. It takes orders through shared memory and waits with
// futex: no read, write, send or receive call of an actor is ours. Steps are
// performed on the process's first thread, where thread id and process id are
// the same and the name is the actor's. What remains is the Go runtime's:
// futex, clone, mmap, nanosleep and signals on its own threads; and around the
// start of a command pipe2, clone, read and close.
package play
