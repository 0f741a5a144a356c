package board

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"cloudcashier/shared/fault"
)

// pair is a pty. We hold its slave too: a master whose slave nobody has open answers EIO, and the
// raw mode must stand before the first byte, or the kernel echoes it and turns CR into LF.
type pair struct {
	name   string // of the slave, /dev/pts/N
	master *os.File

	mu    sync.Mutex // keeps an ioctl from a slave that is being closed
	slave *os.File
}

func openPair() (*pair, error) {
	m, slave, err := pty.Open()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "board.pty", "no pseudo-terminal to be had: is /dev/pts mounted?")
	}
	defer m.Close()
	p := &pair{name: slave.Name(), slave: slave}
	if p.master, err = pollable(m); err == nil {
		err = makeRaw(slave)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("set up %s: %w", p.name, err)
	}
	return p, nil
}

// pollable gives the master again as a file whose writes have deadlines and end with Close; the
// library leaves it in blocking mode, where a full buffer would hold a writer for ever.
func pollable(m *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(m.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), m.Name()), nil
}

func makeRaw(slave *os.File) error {
	fd := int(slave.Fd())
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// write gives up after writeLimit: a timer sets a deadline that has already passed.
func (p *pair) write(raw []byte) error {
	if err := p.master.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	late := make(chan struct{})
	limit := time.AfterFunc(writeLimit, func() {
		defer close(late)
		_ = p.master.SetWriteDeadline(time.Unix(1, 0)) // fails only on a closed file, whose write has ended
	})
	_, err := p.master.Write(raw)
	if !limit.Stop() {
		<-late // or it would cut the next write short
	}
	return err
}

// speed is the rate the reader set; the two ends of a pty share their settings.
func (p *pair) speed() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS2)
	if err != nil {
		return 0, err
	}
	return int(t.Ospeed), nil
}

// taken reports that no byte waits for a reader. It asks by poll, which has the kernel hand over
// what it still carries from the master; a count of the input queue misses those bytes.
func (p *pair) taken() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fds := []unix.PollFd{{Fd: int32(p.slave.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return n == 0, err
		}
	}
}

// close hangs up. Errors say nothing here: the pair is gone either way.
func (p *pair) close() {
	if p.master != nil {
		_ = p.master.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.slave.Close()
}

// placeLink points link to device in one step, as udev does. It replaces a symbolic link that a
// killed simulator left behind, and nothing else.
func placeLink(link, device string) error {
	switch info, err := os.Lstat(link); {
	case err == nil && info.Mode()&os.ModeSymlink == 0:
		return fault.New(fault.Conflict, "board.link", "%s exists and is no symbolic link: choose another path", link)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fault.Wrap(err, fault.Invalid, "board.link", "cannot look at %s: choose another path", link)
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return fault.Wrap(err, fault.Invalid, "board.link", "cannot make the folder of %s: choose another path", link)
	}
	next := fmt.Sprintf("%s.%d.new", link, os.Getpid())
	_ = os.Remove(next) // left by a process of the same number
	if err := os.Symlink(device, next); err != nil {
		return fault.Wrap(err, fault.Invalid, "board.link", "cannot make a link beside %s: choose another path", link)
	}
	if err := os.Rename(next, link); err != nil {
		_ = os.Remove(next)
		return fault.Wrap(err, fault.Invalid, "board.link", "cannot place %s: choose another path", link)
	}
	return nil
}

// removeLink takes the link away unless somebody else has pointed it elsewhere since.
func removeLink(link, device string) error {
	if target, err := os.Readlink(link); err != nil || target != device {
		return nil
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", link, err)
	}
	return nil
}
