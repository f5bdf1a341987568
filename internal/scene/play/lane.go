package play

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A lane is shared memory through which one thread of an actor takes orders,
// one at a time. Its layout, integers in the machine's byte order:
//
//	u32 order    number of the last order; the actor waits for it to change
//	u32 length   of the order
//	u32 answer   number of the last order that was answered
//	u32 length   of the answer
//	orderBytes   the order, JSON
//	answerBytes  the answer, JSON
type lane struct {
	memory []byte
}

const (
	laneHeader  = 16
	orderBytes  = 1<<20 + 64<<10
	answerBytes = 1 << 20
	laneBytes   = (laneHeader + orderBytes + answerBytes + 4095) &^ 4095
)

const (
	orderWord  = 0
	answerWord = 8
)

// lanesFile makes the memory for some lanes. Pages take space once they are
// used.
func lanesFile(count int) (fd int, memory []byte, err error) {
	fd, err = unix.MemfdCreate("lanes", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, nil, fmt.Errorf("make an actor's shared memory: %w", err)
	}
	size := count * laneBytes
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		memory, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		unix.Close(fd)
		return -1, nil, fmt.Errorf("make an actor's shared memory: %w", err)
	}
	return fd, memory, nil
}

func laneAt(memory []byte, index int) lane {
	return lane{memory[index*laneBytes : (index+1)*laneBytes]}
}

func (l lane) word(at int) *uint32 { return (*uint32)(unsafe.Pointer(&l.memory[at])) }

// put writes a message for the other side and wakes it.
func (l lane) put(word, offset, limit int, number uint32, message []byte) error {
	if len(message) > limit {
		return fmt.Errorf("a message of %d bytes between player and actor; %d fit", len(message), limit)
	}
	copy(l.memory[offset:], message)
	atomic.StoreUint32(l.word(word+4), uint32(len(message)))
	atomic.StoreUint32(l.word(word), number)
	futexWake(l.word(word))
	return nil
}

func (l lane) get(word, offset, limit int) []byte {
	length := min(int(atomic.LoadUint32(l.word(word+4))), limit)
	return append([]byte(nil), l.memory[offset:offset+length]...)
}

func (l lane) putOrder(number uint32, message []byte) error {
	return l.put(orderWord, laneHeader, orderBytes, number, message)
}

func (l lane) putAnswer(number uint32, message []byte) error {
	return l.put(answerWord, laneHeader+orderBytes, answerBytes, number, message)
}

// orphanCheck is how often an actor looks whether its player still lives.
const orphanCheck = 2 * time.Second

// nextOrder waits for an order other than the last one. It ends without one
// when alive says so.
func (l lane) nextOrder(last uint32, alive func() bool) (number uint32, message []byte, ok bool) {
	for {
		number = atomic.LoadUint32(l.word(orderWord))
		if number != last {
			return number, l.get(orderWord, laneHeader, orderBytes), true
		}
		if over := futexWait(l.word(orderWord), last, orphanCheck); over && !alive() {
			return 0, nil, false
		}
	}
}

// errGone is that an actor ended before it answered.
var errGone = errors.New("the actor has ended")

// awaitAnswer waits until an order is answered, the actor is gone or ctx ends.
// A wake-up that comes just before the wait is lost, so no wait is long.
func (l lane) awaitAnswer(ctx context.Context, number uint32, gone <-chan struct{}) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { futexWake(l.word(answerWord)) })
	defer stop()
	for {
		if last := atomic.LoadUint32(l.word(answerWord)); last == number {
			return l.get(answerWord, laneHeader+orderBytes, answerBytes), nil
		}
		select {
		case <-gone:
			return nil, errGone
		default:
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		futexWait(l.word(answerWord), number-1, 50*time.Millisecond)
	}
}

// wake ends a wait for an answer, for it to look at the world again.
func (l lane) wake() { futexWake(l.word(answerWord)) }

const (
	futexWaitOp = 0 // FUTEX_WAIT in linux/futex.h; not private: two processes share it
	futexWakeOp = 1
)

// futexWait returns once the word may have another value; over is that the
// time was.
func futexWait(word *uint32, value uint32, limit time.Duration) (over bool) {
	timeout := unix.NsecToTimespec(limit.Nanoseconds())
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitOp,
		uintptr(value), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return errno == unix.ETIMEDOUT
}

func futexWake(word *uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakeOp, 1<<30, 0, 0, 0)
}
