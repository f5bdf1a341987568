// Package wire is the channel between host and guest: length-prefixed frames
// over one byte stream.
//
// A frame is the length of kind and payload as u32 in little-endian order, the
// kind as one byte, and the payload. Neither side trusts the other: a length
// over the limit or of zero ends the conversation.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	headerSize = 5
	// MaxFrame is the largest kind and payload: an object of 8 MiB with its
	// options, or a map's contents.
	MaxFrame = 16 << 20
	// MaxObject is the largest object that MarshalRun takes.
	MaxObject = 8 << 20

	eventHeaderSize = 16
)

// ErrFrame is wrapped by every error about a malformed frame.
var ErrFrame = errors.New("malformed frame")

// Write sends one frame in one call of w.Write.
func Write(w io.Writer, kind Kind, payload []byte) error {
	if len(payload)+1 > MaxFrame {
		return fmt.Errorf("%w: %d bytes are over the limit of %d", ErrFrame, len(payload)+1, MaxFrame)
	}
	frame := make([]byte, headerSize+len(payload))
	binary.LittleEndian.PutUint32(frame, uint32(len(payload)+1))
	frame[4] = byte(kind)
	copy(frame[headerSize:], payload)
	_, err := w.Write(frame)
	return err
}

// WriteJSON sends v as the payload of one frame.
func WriteJSON(w io.Writer, kind Kind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %q frame: %w", kind, err)
	}
	return Write(w, kind, payload)
}

// Read receives one frame. It allocates no more than arrived: a frame that
// promises much and delivers little costs little.
func Read(r io.Reader) (Kind, []byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	size := binary.LittleEndian.Uint32(header[:4])
	if size == 0 || size > MaxFrame {
		return 0, nil, fmt.Errorf("%w: length %d is not within 1 to %d", ErrFrame, size, MaxFrame)
	}
	payload, err := readPayload(r, int(size-1))
	if err != nil {
		return 0, nil, fmt.Errorf("read %q frame of %d bytes: %w", header[4], size, err)
	}
	return Kind(header[4]), payload, nil
}

func readPayload(r io.Reader, size int) ([]byte, error) {
	const chunk = 256 << 10
	if size <= chunk {
		payload := make([]byte, size)
		_, err := io.ReadFull(r, payload)
		return payload, unexpected(err)
	}
	payload := make([]byte, 0, chunk)
	for len(payload) < size {
		n := min(chunk, size-len(payload))
		start := len(payload)
		payload = append(payload, make([]byte, n)...)
		if _, err := io.ReadFull(r, payload[start:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return payload, nil
}

// unexpected makes the end of the stream inside a frame an error of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// MarshalRun encodes the payload of KindRun: the length of the options as u32
// in little-endian order, the options as JSON, and the object.
func MarshalRun(run Run, object []byte) ([]byte, error) {
	if len(object) > MaxObject {
		return nil, fmt.Errorf("the object has %d bytes; at most %d can be run", len(object), MaxObject)
	}
	options, err := json.Marshal(run)
	if err != nil {
		return nil, fmt.Errorf("encode run options: %w", err)
	}
	payload := make([]byte, 4, 4+len(options)+len(object))
	binary.LittleEndian.PutUint32(payload, uint32(len(options)))
	payload = append(payload, options...)
	return append(payload, object...), nil
}

// UnmarshalRun decodes the payload of KindRun. The object aliases payload.
func UnmarshalRun(payload []byte) (run Run, object []byte, err error) {
	if len(payload) < 4 {
		return Run{}, nil, fmt.Errorf("%w: run of %d bytes", ErrFrame, len(payload))
	}
	size := binary.LittleEndian.Uint32(payload)
	if uint64(size) > uint64(len(payload)-4) {
		return Run{}, nil, fmt.Errorf("%w: run options of %d bytes in %d", ErrFrame, size, len(payload)-4)
	}
	if err := json.Unmarshal(payload[4:4+size], &run); err != nil {
		return Run{}, nil, fmt.Errorf("%w: run options: %w", ErrFrame, err)
	}
	return run, payload[4+size:], nil
}

// MarshalEvent encodes the payload of KindEvent.
func MarshalEvent(e Event) []byte {
	payload := make([]byte, eventHeaderSize+len(e.Data))
	binary.LittleEndian.PutUint32(payload[0:], e.Map)
	binary.LittleEndian.PutUint32(payload[4:], e.CPU)
	binary.LittleEndian.PutUint64(payload[8:], e.Nano)
	copy(payload[eventHeaderSize:], e.Data)
	return payload
}

// UnmarshalEvent decodes the payload of KindEvent. Data aliases payload.
func UnmarshalEvent(payload []byte) (Event, error) {
	if len(payload) < eventHeaderSize {
		return Event{}, fmt.Errorf("%w: event of %d bytes", ErrFrame, len(payload))
	}
	return Event{
		Map:  binary.LittleEndian.Uint32(payload[0:]),
		CPU:  binary.LittleEndian.Uint32(payload[4:]),
		Nano: binary.LittleEndian.Uint64(payload[8:]),
		Data: payload[eventHeaderSize:],
	}, nil
}

// MarshalWake encodes the payload of KindWake.
func MarshalWake(w Wake) []byte {
	payload := binary.LittleEndian.AppendUint64(nil, uint64(w.UnixNano))
	return append(payload, w.Entropy...)
}

// UnmarshalWake decodes the payload of KindWake.
func UnmarshalWake(payload []byte) (Wake, error) {
	if len(payload) < 8 {
		return Wake{}, fmt.Errorf("%w: wake of %d bytes", ErrFrame, len(payload))
	}
	return Wake{int64(binary.LittleEndian.Uint64(payload)), payload[8:]}, nil
}
