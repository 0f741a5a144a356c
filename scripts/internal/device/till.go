package device

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creack/pty"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
)

// board is a till whose scanner and whose line to the hub are in this program's hands.
type board struct {
	*rig.Till
	rig     *rig.Rig
	scanner *os.File // what is written here is scanned
	own     *os.File // its other end, kept open so that the agent may come and go
	tap     *tap
}

// newBoard activates a till.
func newBoard(ctx context.Context, r *rig.Rig, lab *rig.Lab) (*board, error) {
	t, err := r.Activate(ctx, lab, "till")
	if err != nil {
		return nil, err
	}
	b := &board{Till: t, rig: r}
	if b.tap, err = newTap(lab.MQTTAddress()); err != nil {
		return nil, err
	}
	if b.scanner, b.own, err = pty.Open(); err != nil {
		return nil, fmt.Errorf("a pretended scanner: %w", err)
	}
	return b, t.Through(b.tap.door.Addr().String())
}

func (b *board) close() {
	b.tap.close()
	_ = b.scanner.Close()
	_ = b.own.Close()
}

// start runs the agent until it is connected, and tells how long that took by the agent's own log.
func (b *board) start(ctx context.Context) (took time.Duration, err error) {
	began := time.Now()
	if b.Agent, err = b.rig.Start(b.Name, "cashier-agent", "run", "--data", b.Data, "--scanner", b.own.Name()); err != nil {
		return 0, err
	}
	err = b.AwaitStatus(ctx, "the till is connected", func(s localapi.Status) bool {
		return s.Link == "up" && len(s.Scanners) == 1 && s.Scanners[0].Connected
	})
	if err != nil {
		return 0, err
	}
	log, err := os.ReadFile(b.Agent.Log)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte(`msg="linked to the hub"`)) {
			continue
		}
		stamp, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("time=")), []byte(" "))
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err != nil {
			return 0, fmt.Errorf("the agent's log: %w", err)
		}
		return at.Sub(began), nil
	}
	return 0, fmt.Errorf("the agent's log %s does not say when it was linked", b.Agent.Log)
}

func (b *board) look() (Sample, error) { return Look(b.Agent.PID(), b.Data) }

// scan reads a code, and gives the moment before its first byte.
func (b *board) scan(code string) (time.Time, error) {
	at := time.Now()
	_, err := b.scanner.Write([]byte(code + "\r"))
	return at, err
}

// settle waits until the hub has everything and nothing more is on the line.
func (b *board) settle(ctx context.Context) error {
	if _, err := b.Client.Sync(ctx); err != nil {
		return err
	}
	err := b.AwaitStatus(ctx, "the hub has a copy of everything", func(s localapi.Status) bool { return s.Unsynced == 0 })
	if err != nil {
		return err
	}
	return b.tap.quiet(ctx, 60*time.Millisecond)
}

// tap carries TCP and notes when bytes come from the till.
type tap struct {
	door   net.Listener
	target string
	last   atomic.Int64 // unix nanoseconds of the last bytes
	tasks  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	armed chan time.Time // gets the next
}

func newTap(target string) (*tap, error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("tap the line: %w", err)
	}
	t := &tap{door: door, target: target, conns: map[net.Conn]bool{}}
	t.tasks.Go(func() {
		for {
			near, err := door.Accept()
			if err != nil {
				return
			}
			t.tasks.Go(func() { t.carry(near) })
		}
	})
	return t, nil
}

func (t *tap) close() {
	_ = t.door.Close()
	t.mu.Lock()
	for c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.tasks.Wait()
}

// next gives the moment of the next bytes of the till.
func (t *tap) next() <-chan time.Time {
	c := make(chan time.Time, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = c
	return c
}

// quiet returns when nothing has come for a while.
func (t *tap) quiet(ctx context.Context, while time.Duration) error {
	return rig.Await(ctx, "the line is quiet", func() (bool, error) {
		return time.Since(time.Unix(0, t.last.Load())) > while, nil
	})
}

func (t *tap) saw(at time.Time) {
	t.last.Store(at.UnixNano())
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.armed != nil {
		t.armed <- at
		t.armed = nil
	}
}

func (t *tap) carry(near net.Conn) {
	far, err := net.Dial("tcp", t.target)
	if err != nil {
		_ = near.Close()
		return
	}
	t.mu.Lock()
	t.conns[near], t.conns[far] = true, true
	t.mu.Unlock()
	back := make(chan struct{})
	go func() {
		defer close(back)
		pass(near, far, func(time.Time) {})
	}()
	pass(far, near, t.saw)
	<-back
	t.mu.Lock()
	delete(t.conns, near)
	delete(t.conns, far)
	t.mu.Unlock()
}

// pass copies until one end closes, and closes both.
func pass(to, from net.Conn, saw func(time.Time)) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			saw(time.Now())
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// dataSize is what the till's folder holds in its journal and in SQLite's log beside it.
func (b *board) dataSize() (journal, log int64) {
	path := filepath.Join(b.Data, "journal.db")
	return size(path), size(path + "-wal")
}
