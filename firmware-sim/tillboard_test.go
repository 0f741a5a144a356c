package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/announce"
)

// openTillBoard starts a board and reads board.json; its standard output is read to the end.
func openTillBoard(t *testing.T, args ...string) (s *sim, where places) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dev")
	s = start(t, append([]string{"board", "--dir", dir}, args...)...)
	if got := s.line(); got != "ready "+dir {
		t.Fatalf("%q\n%s", got, s.stderr)
	}
	s.line()
	s.line()
	go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
	raw, err := os.ReadFile(filepath.Join(dir, "board.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &where); err != nil {
		t.Fatal(err)
	}
	return s, where
}

func (s *sim) end() {
	s.t.Helper()
	s.stop()
	if code := s.wait(); code != 0 {
		s.t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// TestABoard: every device behind one door, and a script that moves them all.
func TestABoard(t *testing.T) {
	s, where := openTillBoard(t, "--seed", "7")
	port := map[string]*os.File{"scanner": openPort(t, where.Scanner), "printer": openPort(t, where.Printer), "display": openPort(t, where.Display)}
	send := func(device, raw string) {
		t.Helper()
		if _, err := io.WriteString(port[device], raw); err != nil {
			t.Fatal(err)
		}
	}
	if status, got := call(t, "POST", where.Control+"/scan", "text/plain", goods); status != 200 || got["scanned"] != 1.0 {
		t.Errorf("%d %v", status, got)
	}
	expect(t, port["scanner"], goods+"\r")
	send("printer", "\x1b@slip\n\x1dVB\x00\x1bp\x00\x19\xfa")
	send("display", "\x1b@\x0c\x1bQAPAID\r")
	key, err := os.ReadFile(where.Key)
	if err != nil {
		t.Fatal(err)
	}
	m := announce.Message{ID: "pay_1", Fen: 1280, Wallet: "wechat", At: time.Now().UnixMilli(), TTL: 30}
	if status, answer := say(t, where.Speaker, m, strings.TrimSpace(string(key))); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	script := "# all of it has come\nwait printed\nwait drawer\nwait spoken 1\nwait shown PAID\ndrawer close\nscan " + wechat + "\nsleep 1ms\n" +
		"paper out\nstick display\nunplug printer\nunplug printer\nplug printer\nunplug speaker\nplug scanner\nnoise 1\ncover open\n"
	status, got := call(t, "POST", where.Control+"/script", "text/plain", script)
	if status != 200 || got["done"] != 16.0 {
		t.Errorf("%d %v", status, got)
	}
	expect(t, port["scanner"], wechat+"\r")
	_, state := call(t, "GET", where.Control+"/state", "", "")
	printer, display, speaker := state["printer"].(map[string]any), state["display"].(map[string]any), state["speaker"].(map[string]any)
	if printer["paper_out"] != true || printer["cover_open"] != true || printer["drawer_open"] != false || printer["pulses"] != 1.0 || printer["plugged"] != true {
		t.Errorf("%v", printer)
	}
	if display["stuck"] != true || speaker["plugged"] != false || speaker["total"] != 1.0 {
		t.Errorf("%v, %v", display, speaker)
	}
	if _, err := os.Stat(filepath.Join(where.Slips, "slip-0.png")); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{"/drawer": "pulses", "/printer/state": "slips", "/display/screen": "screen", "/speaker/spoken": "spoken", "/scanner/state": "scans"} {
		if status, got := call(t, "GET", where.Control+path, "", ""); status != 200 || got[want] == nil {
			t.Errorf("%s: %d %v", path, status, got)
		}
	}
	if status, got := call(t, "POST", where.Control+"/script", "text/plain", "sleep 1ms\nscan\n"); status != 400 || !strings.Contains(got["error"].(string), "line 2") {
		t.Errorf("%d %v", status, got)
	}
	if status, _ := call(t, "POST", where.Control+"/drawer", "application/json", `{"open":true}`); status != 400 {
		t.Errorf("a drawer opened by hand: %d", status)
	}
	s.write("nonsense\nunplug scanner\n") // a line that is none stops nothing
	for plugged := true; plugged; {
		_, got := call(t, "GET", where.Control+"/scanner/state", "", "")
		plugged = got["plugged"] == true
	}
	s.end()
	for _, link := range []string{where.Scanner, where.Printer, where.Display} {
		if _, err := os.Lstat(link); err == nil {
			t.Errorf("%s is left behind", link)
		}
	}
}

// TestNoise: the same seed spoils the same scans.
func TestNoise(t *testing.T) {
	heard := func() string {
		s, where := openTillBoard(t, "--seed", "3")
		defer s.end()
		port := openPort(t, where.Scanner)
		if status, got := call(t, "POST", where.Control+"/script", "", "noise 0.5\n"+strings.Repeat("scan "+goods+"\n", 10)); status != 200 {
			t.Fatalf("%v", got)
		}
		raw := make([]byte, 10*(len(goods)+1))
		if _, err := io.ReadFull(port, raw); err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first := heard()
	if spoilt := strings.Count(first, goods+"\r"); spoilt == 0 || spoilt == 10 || first != heard() {
		t.Errorf("%d of 10 came through", spoilt)
	}
}

// TestAScript ends the board, well or not.
func TestAScript(t *testing.T) {
	play := func(text string) (code int, complaints string) {
		file := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := start(t, "board", "--dir", filepath.Join(t.TempDir(), "dev"), "--script", file)
		go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
		return s.wait(), s.stderr.String()
	}
	if code, complaints := play("paper out\nsleep 1ms\npaper in\n"); code != 0 {
		t.Errorf("%d %s", code, complaints)
	}
	if code, complaints := play("unplug scanner\nscan " + goods + "\n"); code != 1 || !strings.Contains(complaints, "line 2: the scanner is unplugged") {
		t.Errorf("%d %s", code, complaints)
	}
	for _, bad := range []string{"scan\n", "# nothing\n"} {
		if code, _ := play(bad); code != 2 {
			t.Errorf("%q: %d", bad, code)
		}
	}
}

// TestTheToken: beyond loopback nobody moves the hardware without it, nor on loopback where there is one.
func TestTheToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, where := openTillBoard(t, "--control", "127.0.0.1:0", "--token", file)
	if status, _ := call(t, "GET", where.Control+"/state", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	for token, want := range map[string]int{"0123456789abcdef": 200, "0123456789abcdeg": 401, "": 401} {
		req, err := http.NewRequest("GET", where.Control+"/state", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("token %q: %d", token, resp.StatusCode)
		}
	}
	s.end()
	for _, args := range [][]string{{"board"}, {"board", "--dir", t.TempDir(), "--control", "0.0.0.0:0"}, {"board", "--dir", t.TempDir(), "--token", "/nowhere"},
		{"board", "--dir", t.TempDir(), "--profile", "utc"}, {"display"}, {"display", "--link", "x", "extra"}, {"speaker", "--listen", "127.0.0.1:0"},
		{"speaker", "--listen", "127.0.0.1:0", "--key", "/nowhere"}, {"display", "--link", filepath.Join(t.TempDir(), "d"), "--control", "0.0.0.0:0"}} {
		s := start(t, args...)
		go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
		if code := s.wait(); code != 2 {
			t.Errorf("%q: exit code %d\n%s", args, code, s.stderr)
		}
	}
	for _, command := range []string{"board", "display", "speaker"} {
		s := start(t, command, "--help")
		go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
		if code := s.wait(); code != 0 {
			t.Errorf("%s --help: %d", command, code)
		}
	}
}
