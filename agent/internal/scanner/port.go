package scanner

import (
	"errors"
	"fmt"
	"os"
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

var errGone = errors.New("the device is gone")

// port is an open serial port. It belongs to one goroutine, which opens, reads and closes it, so that
// no read can meet a descriptor that was closed and given to another file. It has no Write: the
// library writes to a closed port's number, whatever file has it by then.
type port struct {
	device string
	serial serial.Port
	wait   time.Duration // the read timeout set
}

// openPort opens a device at 8N1. With flush it drops what the kernel kept from before: bytes of
// unknown age must not become a payment code with a fresh time on it.
func openPort(device string, baud int, flush bool) (*port, error) {
	if open, err := os.ReadDir("/proc/self/fd"); err == nil && len(open) > descriptorsMax {
		return nil, fmt.Errorf("%d files are open, too many for the serial library: restart the agent", len(open))
	}
	// No child may be started between the open and the seal, or it inherits the scanner.
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
	return &port{device: device, serial: s}, nil
}

// seal finds the descriptors that the library opened, on the device and for its pipe, by what marks
// them: everything else in a Go program is closed on exec. It closes them on exec too and makes the
// device's non-blocking, so that a read cannot hang when somebody else takes the bytes first.
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

// read waits for bytes, at most for wait: (0, nil) is silence. The timeout is set here, by the only
// goroutine that reads, because the library does not guard it.
func (p *port) read(buf []byte, wait time.Duration) (int, error) {
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
		return n, errGone // a hang-up reads as the end of a file
	}
	return n, err
}

func (p *port) close() error { return p.serial.Close() }

// absent reports an error of opening that means there is no device. The library has a code for
// that and does not use it on Linux.
func absent(err error) bool {
	for _, e := range []error{syscall.ENOENT, syscall.ENXIO, syscall.ENODEV, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// advice says what a person can do about a port that does not open.
func advice(path string, err error) string {
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
	if absent(err) {
		return "no scanner at " + path + ": plug it in"
	}
	return "cannot open " + path + ": " + err.Error()
}
