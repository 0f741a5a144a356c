package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	wechat   = "130061098828009406"
	goods    = "6901234567892"
	patience = 10 * time.Second
)

// TestMain lets the test binary be the program itself, for what only a process can show.
func TestMain(m *testing.M) {
	if os.Getenv("BE_FIRMWARE_SIM") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// output collects a stream and can be read while it grows.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// sim is a running program with its streams.
type sim struct {
	t      *testing.T
	stdin  *io.PipeWriter
	stdout *bufio.Reader
	stderr *output
	stop   context.CancelFunc
	ended  chan int
}

func start(t *testing.T, args ...string) *sim {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	s := &sim{t: t, stdin: stdin, stdout: bufio.NewReader(stdout), stderr: &output{}, stop: stop, ended: make(chan int, 1)}
	go func() {
		s.ended <- run(ctx, args, in, out, s.stderr)
		out.Close()
	}()
	t.Cleanup(func() { // a test that has failed leaves nothing behind either
		stop()
		in.Close()
		stdin.Close()
		stdout.Close()
	})
	return s
}

func (s *sim) line() string {
	s.t.Helper()
	line, err := s.stdout.ReadString('\n')
	if err != nil {
		s.t.Fatalf("no line on stdout: %v\n%s", err, s.stderr)
	}
	return strings.TrimSuffix(line, "\n")
}

func (s *sim) wait() int {
	s.t.Helper()
	select {
	case code := <-s.ended:
		return code
	case <-time.After(patience):
		s.t.Fatalf("the program does not end\n%s", s.stderr)
		return -1
	}
}

func (s *sim) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.stdin, text); err != nil {
		s.t.Fatal(err)
	}
}

func openPort(t *testing.T, link string) *os.File {
	t.Helper()
	f, err := os.OpenFile(link, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func expect(t *testing.T, port *os.File, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(port, buf); err != nil || string(buf) != want {
		t.Fatalf("%q, %v, want %q", buf, err, want)
	}
}

// call posts or gets and decodes the JSON answer.
func call(t *testing.T, method, url, contentType, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil && resp.StatusCode == http.StatusOK {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestLinesAreScanned(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	s := start(t, "scanner", "--link", link, "--suffix", "crlf", "--aim", "--stx", "--split", "6", "--split-pause", "1ms")
	if got := s.line(); got != "ready "+link {
		t.Fatalf("%q", got)
	}
	port := openPort(t, link)
	s.write(wechat + "\n\n" + goods + "\r\n")
	expect(t, port, "\x02]C0"+wechat+"\x03\r\n\x02]E0"+goods+"\x03\r\n")
	s.write(goods) // the last line has no end
	s.stdin.Close()
	expect(t, port, "\x02]E0"+goods+"\x03\r\n")
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link stays: %v", err)
	}
	if log := s.stderr.String(); strings.Contains(log, wechat[4:14]) || !strings.Contains(log, "13**************06") {
		t.Errorf("the log shows a code, or nothing:\n%s", log)
	}
}

func TestEndOfInputWaitsForTheReader(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	s := start(t, "scanner", "--link", link, "--glue", "3")
	s.line()
	s.write(wechat + "\n" + goods + "\n") // fewer than are glued: sent at the end
	s.stdin.Close()
	expect(t, openPort(t, link), wechat+"\r"+goods+"\r")
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

func TestEndOfInputWithNobodyReading(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	s := start(t, "scanner", "--link", link)
	s.line()
	s.write(wechat + "\n")
	s.stdin.Close()
	if code := s.wait(); code != 1 || !strings.Contains(s.stderr.String(), "nobody read") {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

func TestControlDoor(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	s := start(t, "scanner", "--link", link, "--control", "127.0.0.1:0")
	s.line()
	base, ok := strings.CutPrefix(s.line(), "control ")
	if !ok {
		t.Fatal("no address of the control door")
	}
	s.stdin.Close() // the end of the input ends nothing here
	port := openPort(t, link)
	const plain, asJSON, form = "text/plain", "application/json", "application/x-www-form-urlencoded"

	for _, c := range []struct{ path, contentType, body, want string }{
		{"/scan", asJSON, `{"code":"` + wechat + `"}`, wechat + "\r"},
		{"/scan", form, `{"code":"` + wechat + `"}`, wechat + "\r"}, // curl -d
		{"/scan", asJSON, `{"codes":["` + wechat + `","` + goods + `"]}`, wechat + "\r" + goods + "\r"},
		{"/scan", plain, wechat, wechat + "\r"},
		{"/scan", plain + "; charset=utf-8", wechat + "\r\n" + goods + "\n", wechat + "\r" + goods + "\r"},
		{"/scan", form, wechat, wechat + "\r"},
		{"/scan", plain, `{"a":1}`, `{"a":1}` + "\r"},
		{"/raw", "application/octet-stream", "1300\x00", "1300\x00"},
	} {
		status, answer := call(t, "POST", base+c.path, c.contentType, c.body)
		if status != http.StatusOK {
			t.Fatalf("%+v: %d %v", c, status, answer)
		}
		expect(t, port, c.want)
		if text, _ := json.Marshal(answer); bytes.Contains(text, []byte(wechat[4:14])) {
			t.Errorf("the answer shows the code: %s", text)
		}
	}
	for _, c := range []struct {
		method, path, contentType, body string
		want                            int
	}{
		{"POST", "/scan", plain, "", 400},
		{"POST", "/scan", plain, " \n\n", 400},
		{"POST", "/scan", asJSON, `{}`, 400},
		{"POST", "/scan", asJSON, `{"code":"1","codes":["2"]}`, 400},
		{"POST", "/scan", asJSON, `{"code":"1","kode":"2"}`, 400},
		{"POST", "/scan", asJSON, `{"code":1}`, 400},
		{"POST", "/scan", asJSON, wechat, 400},
		{"POST", "/scan", plain, strings.Repeat("1", bodyMax+1), 400},
		{"GET", "/scan", plain, "", 405},
		{"GET", "/", plain, "", 404},
	} {
		if status, answer := call(t, c.method, base+c.path, c.contentType, c.body); status != c.want {
			t.Errorf("%s %s %.40s: %d %v, want %d", c.method, c.path, c.body, status, answer, c.want)
		}
	}

	if status, state := call(t, "POST", base+"/unplug", plain, ""); status != 200 || state["plugged"] != false {
		t.Errorf("%d %v", status, state)
	}
	if n, err := port.Read(make([]byte, 10)); n > 0 || err == nil {
		t.Error("the reader was not hung up")
	}
	if status, answer := call(t, "POST", base+"/scan", plain, wechat); status != 409 || answer["code"] != "board.unplugged" {
		t.Errorf("%d %v", status, answer)
	}
	if status, state := call(t, "POST", base+"/replug", plain, ""); status != 200 || state["plugged"] != true {
		t.Errorf("%d %v", status, state)
	}
	port = openPort(t, link)
	call(t, "POST", base+"/scan", plain, goods)
	expect(t, port, goods+"\r")
	if status, state := call(t, "GET", base+"/state", plain, ""); status != 200 || state["link"] != link ||
		state["scans"] != float64(10) || state["baud"] != float64(38400) {
		t.Errorf("%d %v", status, state)
	}

	s.stop()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if log := s.stderr.String(); strings.Contains(log, wechat[4:14]) {
		t.Errorf("the log shows a code:\n%s", log)
	}
}

func TestControlDoorRefusesWebPages(t *testing.T) {
	s := start(t, "scanner", "--link", filepath.Join(t.TempDir(), "scanner0"), "--control", "localhost:0")
	s.line()
	base := strings.TrimPrefix(s.line(), "control ")
	req, _ := http.NewRequest("POST", base+"/scan", strings.NewReader(wechat))
	req.Header.Set("Origin", "https://example.com")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("%d", resp.StatusCode)
	}
	s.stop()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

func TestCommandLine(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	taken := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		text string // in one of the outputs
	}{
		{"", 2, "Usage:"},
		{"help", 0, "Usage:"},
		{"--help", 0, "Usage:"},
		{"fleet --help", 0, "--codes"},
		{"fleet", 2, "required"},
		{"fleet --hub https://127.0.0.1:1 --ca /nowhere --codes - --fates 0", 2, "two digits"},
		{"fleet --hub https://127.0.0.1:1 --ca /nowhere --codes - --busy 0", 2, "--busy"},
		{"fleet --hub https://127.0.0.1:1 --ca /nowhere --codes -", 1, "/nowhere"},
		{"fleet --hub https://127.0.0.1:1 --ca /dev/null --codes -", 1, "no activation code"},
		{"fleet --hub https://127.0.0.1:1 --ca /dev/null --codes /dev/null --tills 2", 1, "here are 0"},
		{"toaster", 2, "unknown command"},
		{"printer --help", 0, "--control ADDR"},
		{"printer", 2, "give --link"},
		{"printer --link " + link + " more", 2, "no flag"},
		{"printer --link " + link + " --columns 5", 2, "columns"},
		{"printer --link " + link + " --control 0.0.0.0:0", 2, "loopback"},
		{"scanner --help", 0, "--control ADDR"},
		{"scanner -h", 0, "-suffix"},
		{"scanner", 2, "give --link"},
		{"scanner --link " + link + " more", 2, "no flag"},
		{"scanner --link " + link + " --speed 9600", 2, "not defined"},
		{"scanner --link " + link + " --suffix esc", 2, "use cr, lf, crlf, tab or none"},
		{"scanner --link " + link + " --aim=Q1", 2, "AIM prefix"},
		{"scanner --link " + link + " --paced", 2, "baud"},
		{"scanner --link " + link + " --noise 1001", 2, "0 to 1000"},
		{"scanner --link " + link + " --glue 0", 2, "1 to 100"},
		{"scanner --link " + taken, 1, "no symbolic link"},
		{"scanner --link " + link + " --control 0.0.0.0:0", 2, "loopback"},
		{"scanner --link " + link + " --control :0", 2, "loopback"},
		{"scanner --link " + link + " --control [::]:0", 2, "loopback"},
		{"scanner --link " + link + " --control 192.168.1.1:0", 2, "loopback"},
		{"scanner --link " + link + " --control example.com:0", 2, "loopback"},
		{"scanner --link " + link + " --control 7070", 2, "127.0.0.1:PORT"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), strings.Fields(c.args), strings.NewReader(""), &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String()+stderr.String(), c.text) {
			t.Errorf("%q: exit code %d, want %d with %q\n%s%s", c.args, code, c.code, c.text, &stdout, &stderr)
		}
		if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%q left a link", c.args)
		}
	}
}

// TestSignals runs the program as a process: a signal removes the link and ends it with success.
func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		link := filepath.Join(t.TempDir(), "scanner0")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "scanner", "--link", link, "--control", "127.0.0.1:0")
		cmd.Env = append(os.Environ(), "BE_FIRMWARE_SIM=1")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil { // its standard input is /dev/null
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready "+link+"\n" {
			t.Errorf("%q, %v", line, err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v", sig, err)
		}
		if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after %v the link stays: %v", sig, err)
		}
	}
}
