package device

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/creack/pty"
)

// screen is the cashier's, on a terminal of ours.
type screen struct {
	cmd   *exec.Cmd
	tty   *os.File
	ended chan struct{}

	mu    sync.Mutex
	drawn []byte // since the last key
	more  chan struct{}
}

func openScreen(program, data string) (*screen, error) {
	cmd := exec.Command(program, "--data", data, "--lang", "en")
	cmd.Env = []string{"TERM=xterm-256color", "LANG=en_US.UTF-8"}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, fmt.Errorf("start the screen: %w", err)
	}
	s := &screen{cmd: cmd, tty: tty, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	go s.read()
	return s, nil
}

func (s *screen) read() {
	defer close(s.ended)
	buf := make([]byte, 32<<10)
	for {
		n, err := s.tty.Read(buf)
		s.mu.Lock()
		s.drawn = append(s.drawn, buf[:n]...)
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// close ends the screen's process.
func (s *screen) close() {
	_ = s.cmd.Process.Kill()
	_ = s.tty.Close()
	<-s.ended
	_ = s.cmd.Wait() // it was killed
}

// keys types, after which only what is drawn from then on counts.
func (s *screen) keys(text string) error {
	s.forget()
	_, err := s.tty.Write([]byte(text))
	return err
}

func (s *screen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = nil
}

// next brings up the question for an amount. A key right behind a result is not taken, for it was meant for what
// stood there before: it is pressed again.
func (s *screen) next(ctx context.Context) error {
	for {
		within, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		_, err := s.await(within, "AMOUNT")
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := s.keys("\r"); err != nil {
			return err
		}
	}
}

// await gives the moment at which words have been drawn.
func (s *screen) await(ctx context.Context, words string) (time.Time, error) {
	for {
		s.mu.Lock()
		found := bytes.Contains(s.drawn, []byte(words))
		text := string(s.drawn[max(0, len(s.drawn)-2000):])
		s.mu.Unlock()
		if found {
			return time.Now(), nil
		}
		select {
		case <-s.more:
		case <-s.ended:
			return time.Time{}, fmt.Errorf("the screen ended: %q", text)
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("the screen does not say %q but %q: %w", words, text, ctx.Err())
		}
	}
}
