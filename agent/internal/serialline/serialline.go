// Package serialline opens serial ports for the till's devices: scanners and the receipt printer. It
// is where the traps of the serial library are kept.
//
// It refuses to share: a [Port] belongs to one goroutine, which opens, reads, writes and closes it,
// and a device belongs to one [Port] (see [Claims]). Newcomers get one thing wrong: the library
// writes to a closed port's number, whatever file has it by then, the journal included. So nothing
// but the goroutine that closes a port may write to it.
package serialline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// descriptorsMax keeps clear of 1024: above it the library's select panics. The kernel hands out
// the lowest number that is free, so that few open files mean low numbers.
const descriptorsMax = 1000

// ErrGone ends a port whose device was unplugged.
var ErrGone = errors.New("the device is gone")

// Port is an open serial port. It belongs to one goroutine, so that no read and no write can meet a
// descriptor that was closed and given to another file.
type Port struct {
	device string
	serial serial.Port
	wait   time.Duration // the read timeout set
}

// Open opens a device at 8N1. With flush it drops what the kernel kept from before: bytes of
// unknown age must not become a payment code with a fresh time on it.
func Open(device string, baud int, flush bool) (*Port, error) {
	if open, err := os.ReadDir("/proc/self/fd"); err == nil && len(open) > descriptorsMax {
		return nil, fmt.Errorf("%d files are open, too many for the serial library: restart the agent", len(open))
	}
	// No child may be started between the open and the seal, or it inherits the device.
	syscall.ForkLock.RLock()
	s, err := serial.Open(device, &serial.Mode{BaudRate: baud})
	if err == nil {
		err = seal(device)
	}
	syscall.ForkLock.RUnlock()
	if err == nil && flush {
		err = s.ResetInputBuffer()
	}
	if err != nil {
		if s != nil {
			_ = s.Close() // the first error is the one to tell
		}
		return nil, err
	}
	return &Port{device: device, serial: s}, nil
}

// seal finds the descriptors that the library opened, on the device and for its pipe, by what marks
// them: everything else in a Go program is closed on exec. It closes them on exec too and makes the
// device's non-blocking, so that a read cannot hang when somebody else takes the bytes first, and a
// write cannot when the device takes none: the library knows no timeout of writing.
func seal(device string) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list the open files: %w", err)
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || target != device && !strings.HasPrefix(target, "pipe:") {
			continue // closed meanwhile, or not the library's
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		unix.CloseOnExec(fd)
		if target == device {
			if err := unix.SetNonblock(fd, true); err != nil {
				return fmt.Errorf("make %s non-blocking: %w", device, err)
			}
		}
	}
	return nil
}

// Read waits for bytes, at most for wait: (0, nil) is silence. The timeout is set here, by the only
// goroutine that reads, because the library does not guard it.
func (p *Port) Read(buf []byte, wait time.Duration) (int, error) {
	if wait != p.wait {
		if err := p.serial.SetReadTimeout(wait); err != nil {
			return 0, err
		}
		p.wait = wait
	}
	n, err := p.serial.Read(buf)
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	var portError *serial.PortError
	if errors.As(err, &portError) && portError.Code() == serial.PortClosed {
		return n, ErrGone // a hang-up reads as the end of a file
	}
	return n, err
}

// Write gives the kernel what it takes at once: n is 0 when the device takes nothing now. Bytes taken
// may still be on their way when an error comes.
func (p *Port) Write(buf []byte) (n int, err error) {
	if n, err = p.serial.Write(buf); errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return max(n, 0), nil
	}
	return max(n, 0), err
}

// Drop throws away what the kernel has not sent yet, so that a device which takes nothing cannot hold a
// Close for its half minute.
func (p *Port) Drop() error { return p.serial.ResetOutputBuffer() }

// SetSpeed changes the speed of an open port, at 8N1. What the device sent meanwhile reads as garbage.
func (p *Port) SetSpeed(baud int) error { return p.serial.SetMode(&serial.Mode{BaudRate: baud}) }

// Close closes the port. Nothing may be read or written after it.
func (p *Port) Close() error { return p.serial.Close() }

// Absent reports an error of opening that means there is no device. The library has a code for
// that and does not use it on Linux.
func Absent(err error) bool {
	for _, e := range []error{syscall.ENOENT, syscall.ENXIO, syscall.ENODEV, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Advice says what a person can do about a port that does not open; what names its device.
func Advice(what, path string, err error) string {
	var portError *serial.PortError
	if errors.As(err, &portError) {
		switch portError.Code() {
		case serial.PortBusy:
			return "another program uses " + path + ": stop it (often ModemManager or a terminal program)"
		case serial.PermissionDenied:
			return "no permission to open " + path + ": add the agent's user to the group that owns it (often dialout)"
		case serial.InvalidSerialPort:
			return path + " is no serial port, or does not take these settings: check the path and the speed"
		}
	}
	if Absent(err) {
		return "no " + what + " at " + path + ": plug it in"
	}
	return "cannot open " + path + ": " + err.Error()
}

// Device is a place where a device may be: the name under the path given and what it stands for.
type Device struct{ Name, Target string }

// Devices lists what is under a path or a pattern, sorted by name, links followed.
func Devices(path string) (out []Device) {
	names := []string{path}
	if strings.ContainsAny(path, "*?[") {
		names, _ = filepath.Glob(path) // a broken pattern matches nothing
	}
	for _, name := range names {
		if target, err := filepath.EvalSymlinks(name); err == nil {
			out = append(out, Device{name, target})
		}
	}
	return out
}
