package agentd_test

import (
	"context"
	"crypto/rand"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"cloudcashier/agent/agentd"
	"cloudcashier/agent/internal/store"
)

// manager is the service manager's end of the socket.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
	beats  int // since the last until
}

func manage(t *testing.T) *manager {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000000")
	t.Setenv("WATCHDOG_PID", "")
	return &manager{t: t, socket: socket}
}

// until reads what the agent says up to a word of it, and counts the beats before.
func (m *manager) until(word string) {
	m.t.Helper()
	buf := make([]byte, 256)
	for m.beats = 0; ; {
		n, err := m.socket.Read(buf)
		if err != nil {
			m.t.Fatal(err)
		}
		said := string(buf[:n])
		if strings.Contains(said, word) {
			return
		}
		if strings.Contains(said, "WATCHDOG=1") {
			if m.beats++; m.beats == 20 {
				m.t.Fatalf("20 beats, and never %q", word)
			}
		}
	}
}

// mark puts a word of our own behind what the agent has said so far.
func (m *manager) mark(word string) {
	m.t.Helper()
	c, err := net.Dial("unixgram", m.socket.LocalAddr().String())
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(word)); err != nil {
		m.t.Fatal(err)
	}
}

// The journal's writer hangs behind a lock, as behind a disk: everything else still turns, and the service
// manager must hear nothing more.
func TestAHungJournalStarvesTheWatchdog(t *testing.T) {
	m := manage(t)
	dir := activated(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- agentd.Run(ctx, agentd.Config{Dir: dir}, world(&lines{ready: make(chan struct{}, 1)}))
	}()
	m.until("READY=1")
	if _, err := net.Dial("unix", filepath.Join(dir, "agent.sock")); err != nil {
		t.Errorf("ready, and its socket does not answer: %v", err)
	}
	m.until("WATCHDOG=1")

	second, err := store.Open(filepath.Join(dir, store.FileName), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	held, release, free := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		free <- second.Update(func(*store.Tx) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	m.mark("HELD")
	m.until("HELD")
	m.until("STATUS=does not answer: journal")
	if m.beats > 1 { // of the round that was under way
		t.Errorf("%d beats of a till whose journal hangs", m.beats)
	}
	close(release)
	if err := <-free; err != nil {
		t.Error(err)
	}
	m.until("WATCHDOG=1")
	stop()
	m.until("STOPPING=1")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
