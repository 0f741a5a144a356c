package powercut

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Kind is what an operation did to the disk, or said to somebody.
type Kind uint8

// The kinds. A sync is two operations: only what was written before it began is safe when it ends.
const (
	Create Kind = iota // Path did not have to exist
	Mkdir
	Write
	Truncate
	Unlink
	Rename
	SyncBegin
	SyncEnd
	Said  // Data left on the socket Path
	Known // a fact of the driver's, at a moment: Fact
)

// Op is one operation of the recorded process, in the order of the trace.
type Op struct {
	Kind     Kind
	Path, To string
	Off      int64 // of a write; the size of a truncation
	Data     []byte
	DataOnly bool // fdatasync
	Call     int  // joins a SyncBegin to its SyncEnd
	At       int64
	Fact     Fact
}

// straceLine are the arguments that write what [ReadTrace] reads. The tracer is a process beside the traced one,
// which stays our child: its number, its signals and its end are its own.
func straceLine(out string, more ...string) []string {
	line := []string{"-D", "-f", "--seccomp-bpf", "-qq", "-yy", "-xx", "-s", "1048576", "-e", "signal=none",
		"--absolute-timestamps=format:unix,precision:ns", "-o", out}
	return append(line, more...)
}

// traced are the calls that change what is on a disk or tell somebody something. The read-only ones are left
// away, and mmap: only SQLite's -shm is mapped, which a power cut leaves as rubbish anyway.
const traced = "trace=open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range,fallocate," +
	"ftruncate,truncate,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,rmdir,sendto,sendmsg"

// tracer turns lines of strace into operations.
type tracer struct {
	root    string
	ops     []Op
	waiting map[string]pending // by thread: a call whose end comes later
	at      map[string]int64   // by descriptor: where write goes on
	dead    map[string]bool    // descriptors opened O_APPEND: not followed
	calls   int
}

type pending struct {
	name, args string
	call       int
}

// ReadTrace reads a trace and keeps what happened below root, and what was said.
func ReadTrace(path, root string) ([]Op, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	defer f.Close()
	t := &tracer{root: root, waiting: map[string]pending{}, at: map[string]int64{}, dead: map[string]bool{}}
	lines := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return t.ops, nil // a line without its end was cut off by the kill that ended the trace
		}
		if err == nil {
			err = t.line(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
}

func (t *tracer) line(line string) error {
	thread, rest, ok := strings.Cut(line, " ")
	stamp, rest, ok2 := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !ok || !ok2 {
		return fmt.Errorf("not a line of strace: %.80q", line)
	}
	at, err := nanos(stamp)
	if err != nil {
		return err
	}
	if strings.HasPrefix(rest, "+++") || strings.HasPrefix(rest, "---") {
		return nil
	}
	if end, ok := strings.CutPrefix(rest, "<... "); ok {
		p, known := t.waiting[thread]
		_, tail, ok := strings.Cut(end, " resumed>")
		if !known || !ok {
			return nil // it began before the trace
		}
		delete(t.waiting, thread)
		return t.ended(p, p.args+tail, at)
	}
	name, args, ok := strings.Cut(rest, "(")
	if !ok {
		return fmt.Errorf("not a call: %.80q", rest)
	}
	p := pending{name: name, args: args}
	begun, _, open := strings.Cut(args, " <unfinished ...>") // also of a call that the thread did not survive
	if !open {
		begun, _, open = strings.Cut(args, " <detached ...>") // or that strace did not see the end of
	}
	if open {
		p.args = begun
		if p.call, err = t.began(name, begun, at); err != nil {
			return err
		}
		t.waiting[thread] = p
		return nil
	}
	if p.call, err = t.began(name, args, at); err != nil {
		return err
	}
	return t.ended(p, args, at)
}

// began is the moment before the kernel does anything: what is said may be heard from here on.
func (t *tracer) began(name, args string, at int64) (call int, err error) {
	switch name {
	case "fsync", "fdatasync":
		if _, path, ok := t.file(args); ok {
			t.calls++
			t.add(Op{Kind: SyncBegin, Path: path, DataOnly: name == "fdatasync", Call: t.calls, At: at})
			return t.calls, nil
		}
	case "write", "sendto", "sendmsg", "writev":
		if where, ok := socket(args); ok {
			data, _, err := quoted(args)
			if err != nil {
				return 0, err
			}
			t.add(Op{Kind: Said, Path: where, Data: data, At: at})
		}
	}
	return 0, nil
}

// ended is the moment the call's result is known; a call that failed changed nothing.
func (t *tracer) ended(p pending, args string, at int64) error {
	i := strings.LastIndex(args, "= ")
	if i < 0 {
		return fmt.Errorf("%s has no result: …%q", p.name, args[max(0, len(args)-80):])
	}
	result := args[i+len("= "):]
	args = strings.TrimSuffix(strings.TrimRight(args[:i], " "), ")")
	if strings.HasPrefix(result, "-1") || strings.HasPrefix(result, "?") {
		return nil
	}
	switch p.name {
	case "open", "openat", "creat":
		t.opened(args, result, at)
	case "write", "pwrite64":
		return t.wrote(p.name, args, result, at)
	case "fsync", "fdatasync":
		if _, path, ok := t.file(args); ok {
			t.add(Op{Kind: SyncEnd, Path: path, DataOnly: p.name == "fdatasync", Call: p.call, At: at})
		}
	case "ftruncate":
		if _, path, ok := t.file(args); ok {
			size, err := strconv.ParseInt(args[strings.LastIndex(args, " ")+1:], 10, 64)
			if err != nil {
				return fmt.Errorf("ftruncate: %w", err)
			}
			t.add(Op{Kind: Truncate, Path: path, Off: size, At: at})
		}
	case "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "mkdir", "mkdirat":
		return t.named(p.name, args, at)
	case "sendto", "sendmsg":
	default: // a call that the model does not know would make every image wrong
		if _, path, ok := t.file(args); ok {
			return fmt.Errorf("%s on %s is not modelled", p.name, path)
		}
	}
	return nil
}

func (t *tracer) add(op Op) { t.ops = append(t.ops, op) }

func (t *tracer) opened(args, result string, at int64) {
	fd, path, ok := t.file(result)
	if !ok {
		return
	}
	t.at[fd] = 0
	t.dead[fd] = strings.Contains(args, "O_APPEND")
	if strings.Contains(args, "O_CREAT") {
		t.add(Op{Kind: Create, Path: path, At: at})
	}
	if strings.Contains(args, "O_TRUNC") {
		t.add(Op{Kind: Truncate, Path: path, At: at})
	}
}

func (t *tracer) wrote(name, args, result string, at int64) error {
	fd, path, ok := t.file(args)
	if !ok {
		return nil
	}
	data, rest, err := quoted(args)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", name, path, err)
	}
	n, err := strconv.Atoi(result)
	if err != nil || n > len(data) {
		return fmt.Errorf("%s to %s wrote %s of %d bytes", name, path, result, len(data))
	}
	op := Op{Kind: Write, Path: path, Data: data[:n], At: at, Off: t.at[fd]}
	if name == "pwrite64" {
		if op.Off, err = strconv.ParseInt(rest[strings.LastIndex(rest, " ")+1:], 10, 64); err != nil {
			return fmt.Errorf("pwrite64: %w", err)
		}
	} else {
		if t.dead[fd] {
			return fmt.Errorf("%s is open for appending, which is not modelled", path)
		}
		t.at[fd] += int64(n)
	}
	t.add(op)
	return nil
}

// named are the calls about names: one path, or two.
func (t *tracer) named(name, args string, at int64) error {
	var paths []string
	for rest := args; ; {
		i := strings.IndexByte(rest, '"')
		if i < 0 {
			break
		}
		dir := ""
		if j := strings.LastIndexByte(rest[:i], '<'); j >= 0 {
			dir = unhex(strings.TrimRight(rest[j+1:i], ">, "))
		}
		data, tail, err := literal(rest[i:])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		path := string(data)
		if !filepath.IsAbs(path) {
			if dir == "" {
				return fmt.Errorf("%s of %q, relative to a folder that the trace does not name", name, path)
			}
			path = filepath.Join(dir, path)
		}
		paths = append(paths, path)
		rest = tail
	}
	kind := map[string]Kind{"mkdir": Mkdir, "mkdirat": Mkdir, "rename": Rename, "renameat": Rename, "renameat2": Rename}
	k, ok := kind[name]
	if !ok {
		k = Unlink
	}
	if len(paths) != map[bool]int{true: 2, false: 1}[k == Rename] {
		return fmt.Errorf("%s names %d paths: %.200q", name, len(paths), args)
	}
	op := Op{Kind: k, Path: paths[0], At: at}
	if !t.below(op.Path) {
		return nil
	}
	if k == Rename {
		op.To = paths[1]
	}
	t.add(op)
	return nil
}

func (t *tracer) below(path string) bool {
	return path == t.root || strings.HasPrefix(path, t.root+"/")
}

// file reads "9<path>" at the start of a call's arguments; ok means a file that matters.
func (t *tracer) file(text string) (fd, path string, ok bool) {
	fd, rest, found := strings.Cut(text, "<")
	if !found || !strings.HasPrefix(rest, `\x2f`) { // every byte is written as hex: this one is a slash
		return fd, "", false
	}
	rest, deleted, _ := strings.Cut(rest, ">")
	path = unhex(rest)
	if strings.HasPrefix(deleted, "(deleted)") || strings.HasSuffix(path, " (deleted)") {
		return fd, "", false
	}
	return fd, path, t.below(path)
}

// socket reads the peer of a stream socket at the start of a call's arguments.
func socket(text string) (where string, ok bool) {
	for _, kind := range []string{"<UNIX-STREAM:[", "<TCP:[", "<TCPv6:["} {
		i := strings.Index(text, kind)
		if j := strings.IndexByte(text, '"'); i >= 0 && (j < 0 || i < j) {
			where, _, _ = strings.Cut(text[i+1:], ">,")
			return where, true
		}
	}
	return "", false
}

var errCut = errors.New("the trace cut the data short")

// quoted reads the string that follows a call's descriptor, and gives what follows it.
func quoted(args string) (data []byte, rest string, err error) {
	if i := strings.Index(args, ">, "); i >= 0 { // a socket's name may hold quotes of its own
		args = args[i:]
	}
	i := strings.IndexByte(args, '"')
	if i < 0 {
		return nil, "", nil
	}
	return literal(args[i:])
}

// literal reads a string from its opening quote on.
func literal(text string) (data []byte, rest string, err error) {
	j := strings.IndexByte(text[1:], '"') + 1
	rest = text[j+1:]
	if j == 0 || strings.HasPrefix(rest, "...") {
		return nil, "", errCut
	}
	data, err = hex.DecodeString(strings.ReplaceAll(text[1:j], `\x`, ""))
	return data, rest, err
}

// unhex reads a path as strace writes it under -xx.
func unhex(text string) string {
	plain, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	if err != nil {
		return text
	}
	return string(plain)
}

func nanos(stamp string) (int64, error) {
	seconds, fraction, ok := strings.Cut(stamp, ".")
	if !ok || len(fraction) != 9 {
		return 0, fmt.Errorf("not a time in nanoseconds: %q", stamp)
	}
	return strconv.ParseInt(seconds+fraction, 10, 64)
}
