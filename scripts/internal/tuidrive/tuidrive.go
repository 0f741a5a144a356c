// Package tuidrive drives a program on a pretended terminal, as a person does: it types, and reads what stands on
// the screen. The terminal is a whole one: it draws every sequence, answers the questions that programs ask
// terminals, and counts the bells.
//
// It refuses to sleep: [Screen.Await] is woken by what the program draws. It refuses to guess what a screen means.
// Newcomers get one thing wrong: a key that follows Esc at once is Alt and that key. Await what Esc has changed
// before the next key; and await something that was not there before, else the old screen answers.
package tuidrive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// keys are the bytes of keys that have names, as xterm sends them.
var keys = map[string]string{
	"enter": "\r", "esc": "\x1b", "tab": "\t", "backspace": "\x7f", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
	"pgup": "\x1b[5~", "pgdown": "\x1b[6~", "home": "\x1b[H", "end": "\x1b[F", "delete": "\x1b[3~", "space": " ",
	"f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~",
	"f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~", "f12": "\x1b[24~", "ctrl+c": "\x03", "ctrl+q": "\x11",
}

// Screen is a program on its terminal.
type Screen struct {
	cmd   *exec.Cmd
	tty   *os.File
	term  *vt.Emulator
	ended chan struct{} // the program has ended and all it drew is on the screen
	err   error         // how it ended

	mu    sync.Mutex
	bells int
	drawn strings.Builder // everything, as it came
	news  chan struct{}   // closed and replaced with every change
}

// Start runs the program on a terminal of so many columns and rows. A command without an
// environment gets ours with TERM=xterm-256color. End it with [Screen.Close].
func Start(cmd *exec.Cmd, columns, rows int) (*Screen, error) {
	if cmd.Env == nil {
		cmd.Env = append(os.Environ(), "TERM=xterm-256color") // not the terminal of whoever runs this: the last one counts
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(rows), Cols: uint16(columns)})
	if err != nil {
		return nil, fmt.Errorf("start %s on a terminal: %w", cmd.Path, err)
	}
	s := &Screen{cmd: cmd, tty: tty, term: vt.NewEmulator(columns, rows), ended: make(chan struct{}), news: make(chan struct{})}
	s.term.SetCallbacks(vt.Callbacks{Bell: func() { s.bells++ }}) // while it draws, which is under the lock
	answers := make(chan struct{})
	go func() { // what the terminal says by itself: answers to questions
		defer close(answers)
		_, _ = io.Copy(tty, s.term)
	}()
	go func() {
		s.draw()
		s.err = cmd.Wait()
		_ = s.term.InputPipe().(io.Closer).Close()
		<-answers
		close(s.ended)
	}()
	return s, nil
}

// draw puts what the program writes on the screen, until it ends.
func (s *Screen) draw() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.tty.Read(buf)
		s.mu.Lock()
		_, _ = s.term.Write(buf[:n])
		s.drawn.Write(buf[:n])
		close(s.news)
		s.news = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return // EIO: the other side is closed
		}
	}
}

// Type sends a text in one write, as a fast typist or a scanner that types.
func (s *Screen) Type(text string) error {
	if _, err := io.WriteString(s.tty, text); err != nil {
		return fmt.Errorf("type: %w", err)
	}
	return nil
}

// Press sends keys one after the other: names such as "enter", "f7" and "ctrl+q", else the signs themselves.
func (s *Screen) Press(names ...string) error {
	for _, name := range names {
		text, ok := keys[name]
		if !ok {
			text = name
		}
		if err := s.Type(text); err != nil {
			return err
		}
	}
	return nil
}

// Text is the screen as it stands, without colours, one line for each row.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term.String()
}

// Bells counts the bells since the start.
func (s *Screen) Bells() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bells
}

// Drawn is everything that the program ever wrote, with its sequences: look in it for what no screen may show.
func (s *Screen) Drawn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawn.String()
}

// Resize changes the terminal's size, and the program is told.
func (s *Screen) Resize(columns, rows int) error {
	s.mu.Lock()
	s.term.Resize(columns, rows)
	s.mu.Unlock()
	if err := pty.Setsize(s.tty, &pty.Winsize{Rows: uint16(rows), Cols: uint16(columns)}); err != nil {
		return fmt.Errorf("resize the terminal: %w", err)
	}
	return nil
}

// Await returns when all the texts stand on the screen at once.
func (s *Screen) Await(ctx context.Context, texts ...string) error {
	return s.Until(ctx, fmt.Sprintf("%q on the screen", texts), func(screen string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
	})
}

// AwaitGone returns when the text does not stand on the screen any more.
func (s *Screen) AwaitGone(ctx context.Context, text string) error {
	return s.Until(ctx, fmt.Sprintf("no %q on the screen", text), func(screen string) bool { return !strings.Contains(screen, text) })
}

// AwaitBells returns when the program has rung so many bells since its start.
func (s *Screen) AwaitBells(ctx context.Context, n int) error {
	return s.Until(ctx, fmt.Sprintf("%d bells", n), func(string) bool { return s.bells >= n })
}

// Until returns when the screen is as wanted. wanted is asked after each change of the screen.
func (s *Screen) Until(ctx context.Context, what string, wanted func(screen string) bool) error {
	for {
		s.mu.Lock()
		text, news := s.term.String(), s.news
		done := wanted(text)
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-news:
			continue
		default:
		}
		select {
		case <-news:
		case <-s.ended:
			return fmt.Errorf("the program ended (%v) before there was %s:\n%s", s.err, what, text)
		case <-ctx.Done():
			return fmt.Errorf("%w before there was %s:\n%s", ctx.Err(), what, text)
		}
	}
}

// Wait returns when the program has ended by itself, with its error.
func (s *Screen) Wait(ctx context.Context) error {
	select {
	case <-s.ended:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("%w before the program ended:\n%s", ctx.Err(), s.Text())
	}
}

// Close ends the program if it still runs, and returns when nothing of it is left.
func (s *Screen) Close() error {
	select {
	case <-s.ended:
	default:
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	if err := s.tty.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close the terminal: %w", err)
	}
	return nil
}
