package voice

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"cloudcashier/shared/fault"
)

// textMark in a player's command stands for the sentence.
const textMark = "{text}"

// playMost bounds one announcement: the longest amount takes about ten seconds. A player that takes
// longer hangs, and would make the next announcement late.
const playMost = 15 * time.Second

// player says things through a command on this machine.
type player struct {
	argv  []string
	clips string
	most  time.Duration
}

func newPlayer(c Config) *player {
	return &player{argv: strings.Fields(c.Player), clips: c.Clips, most: playMost}
}

// say runs the command and waits for it. Its process inherits nothing but the three standard streams: the
// ports are closed on exec (package serialline), and so is all else that Go opens.
func (p *player) say(ctx context.Context, n news) error {
	text, clips, err := n.sentence()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.most)
	defer cancel()
	argv := make([]string, len(p.argv))
	for i, arg := range p.argv {
		argv[i] = strings.ReplaceAll(arg, textMark, text)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if p.clips != "" {
		sound, err := compose(p.clips, clips)
		if err != nil {
			return err
		}
		cmd.Stdin = bytes.NewReader(sound)
	}
	var complaint tail
	cmd.Stderr = &complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with all it has started
	cmd.WaitDelay = time.Second                                                          // for whoever left the group and keeps our pipes
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it ended well, and something that it started goes on
		return cmd.Cancel()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(err, fault.Unavailable, "voice.player_hangs", "the player was still running after %s and was killed: look at the sound card", p.most)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, syscall.ENOENT):
		return fault.Wrap(err, fault.Unavailable, "voice.no_player", "there is no command %s: install it, or correct --voice-player", argv[0])
	}
	return fault.Wrap(err, fault.Unavailable, "voice.player_failed", "the player failed: %s", complaint.text())
}

// tail keeps the end of what a command complained about.
type tail struct{ buf []byte }

const tailMost = 200

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	t.buf = t.buf[max(len(t.buf)-tailMost, 0):]
	return len(p), nil
}

func (t *tail) text() string {
	if text := strings.TrimSpace(strings.ToValidUTF8(string(t.buf), "?")); text != "" {
		return text
	}
	return "it said nothing"
}
