// Package device measures what a till costs the board it runs on: memory, processor time, bytes to the disk, and the
// time from a scan to the line and to the screen. The agent and the screen are the real ones, in a process each; the
// scanner and the terminal are pseudo-terminals of this program, so that both ends of what is timed are its own.
//
// It refuses to ask a program about itself: what is printed is what the kernel counted. Newcomers get one thing
// wrong: resident memory is two figures. Pages of the program's file are dropped when the board needs the room and
// read again; what is anonymous stays.
package device

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Sample is what the kernel says of a process at one moment.
type Sample struct {
	Resident, Anonymous, File int64 // bytes
	Threads, Files            int
	Processor                 time.Duration // since it started
	Written                   int64         // bytes that it made the kernel write to a disk
	Outside                   []string      // files it could write to that are not below its folder
}

// Look samples a process whose files belong below dir.
func Look(pid int, dir string) (s Sample, err error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := fields(filepath.Join(proc, "status"))
	if err != nil {
		return s, err
	}
	s.Resident, s.Anonymous, s.File = status["VmRSS"]<<10, status["RssAnon"]<<10, (status["RssFile"]+status["RssShmem"])<<10
	s.Threads = int(status["Threads"])
	io, err := fields(filepath.Join(proc, "io"))
	if err != nil {
		return s, err
	}
	s.Written = io["write_bytes"]
	if s.Processor, err = processor(proc); err != nil {
		return s, err
	}
	fds, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return s, err
	}
	s.Files = len(fds)
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(proc, "fd", fd.Name())); err == nil && astray(to, dir) && fd.Name() > "2" {
			s.Outside = append(s.Outside, to)
		}
	}
	return s, nil
}

// astray tells a file that lies neither in the till's folder nor is a device or one of the kernel's own.
func astray(path, dir string) bool {
	if !filepath.IsAbs(path) || strings.HasPrefix(path, dir+"/") {
		return false
	}
	return !strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/proc/") && !strings.HasPrefix(path, "/sys/")
}

// fields reads the numbers of a file of "name: number" lines.
func fields(path string) (map[string]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		words := strings.Fields(rest)
		if len(words) == 0 {
			continue
		}
		if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
			all[name] = n
		}
	}
	return all, nil
}

// processor adds up what the kernel counted for each thread, in nanoseconds; those that have ended are missing, and a
// till's hardly ever do.
func processor(proc string) (sum time.Duration, err error) {
	threads, err := filepath.Glob(filepath.Join(proc, "task", "*", "schedstat"))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("no threads in %s: %w", proc, os.ErrNotExist)
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended while we looked
		}
		word, _, _ := bytes.Cut(text, []byte(" "))
		ns, err := strconv.ParseInt(string(word), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// quantile is of sorted times.
func quantile(sorted []time.Duration, q int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*q/100, len(sorted)-1)]
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
