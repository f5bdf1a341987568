package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// monitor speaks QMP, QEMU's control protocol: one JSON object a line.
// One command is under way at a time.
type monitor struct {
	conn    *net.UnixConn
	decoder *json.Decoder
}

// reply is an answer, an event or the greeting; see QEMU's qmp-spec.
type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string          `json:"event"`
	QMP   json.RawMessage `json:"QMP"`
}

// maxReplies bounds how many events may come before an answer.
const maxReplies = 1000

// newMonitor reads the greeting and ends the negotiation.
func newMonitor(ctx context.Context, conn *net.UnixConn) (*monitor, error) {
	m := &monitor{conn: conn, decoder: json.NewDecoder(io.LimitReader(conn, 64<<20))}
	stop := m.boundBy(ctx)
	defer stop()
	var greeting reply
	if err := m.decoder.Decode(&greeting); err != nil {
		return nil, fmt.Errorf("wait for QEMU's greeting: %w", causeOf(ctx, err))
	}
	if greeting.QMP == nil {
		return nil, errors.New("QEMU did not greet")
	}
	return m, m.execute(ctx, "qmp_capabilities", nil, nil)
}

// boundBy makes the end of ctx the end of reads and writes; the returned
// function lifts that.
func (m *monitor) boundBy(ctx context.Context) (lift func()) {
	stop := context.AfterFunc(ctx, func() { _ = m.conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			_ = m.conn.SetDeadline(time.Time{})
		}
	}
}

// causeOf prefers the end of ctx to what it did to the socket.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// execute runs one command and decodes what it returns into result, if any.
func (m *monitor) execute(ctx context.Context, command string, arguments, result any) error {
	return m.executeWith(ctx, nil, command, arguments, result)
}

// sendFile gives QEMU a descriptor of file under a name.
func (m *monitor) sendFile(ctx context.Context, name string, file *os.File) error {
	rights := unix.UnixRights(int(file.Fd()))
	return m.executeWith(ctx, rights, "getfd", map[string]any{"fdname": name}, nil)
}

// executeWith sends control data of the socket along with the command.
func (m *monitor) executeWith(ctx context.Context, control []byte, command string, arguments, result any) error {
	lift := m.boundBy(ctx)
	defer lift()
	request := struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, arguments}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, _, err := m.conn.WriteMsgUnix(append(line, '\n'), control, nil); err != nil {
		return fmt.Errorf("tell QEMU to %s: %w", command, causeOf(ctx, err))
	}
	for range maxReplies {
		var r reply
		if err := m.decoder.Decode(&r); err != nil {
			return fmt.Errorf("wait for QEMU's answer to %s: %w", command, causeOf(ctx, err))
		}
		switch {
		case r.Error != nil:
			return fmt.Errorf("QEMU cannot %s: %s", command, r.Error.Desc)
		case r.Return != nil && result != nil:
			return json.Unmarshal(r.Return, result)
		case r.Return != nil:
			return nil
		}
	}
	return fmt.Errorf("QEMU did not answer to %s", command)
}

type capability struct {
	Capability string `json:"capability"`
	State      bool   `json:"state"`
}

// ignoreShared keeps memory that lies in a file out of the device state.
func (m *monitor) ignoreShared(ctx context.Context) error {
	return m.execute(ctx, "migrate-set-capabilities", map[string]any{
		"capabilities": []capability{{"x-ignore-shared", true}},
	}, nil)
}

// waitMigrated waits for the end of an outgoing or incoming migration. QEMU
// has an event for it only behind another capability, and it takes about
// ten milliseconds.
func (m *monitor) waitMigrated(ctx context.Context) error {
	for {
		var status struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := m.execute(ctx, "query-migrate", nil, &status); err != nil {
			return err
		}
		switch status.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("QEMU's device state: %s %s", status.Status, status.Error)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Microsecond):
		}
	}
}
