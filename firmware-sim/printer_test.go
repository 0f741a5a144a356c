package main

import (
	"bytes"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAPrinterFromTheCommandLine: what comes down the line lies in the folder, and the control door moves
// paper and cover.
func TestAPrinterFromTheCommandLine(t *testing.T) {
	link, out := filepath.Join(t.TempDir(), "printer0"), t.TempDir()
	s := start(t, "printer", "--link", link, "--out", out, "--columns", "32", "--control", "127.0.0.1:0")
	if got := s.line(); got != "ready "+link {
		t.Fatalf("%q", got)
	}
	door := strings.TrimPrefix(s.line(), "control ")
	post := func(path, body string) map[string]any {
		t.Helper()
		status, state := call(t, "POST", door+path, "application/json", body)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", path, status, state)
		}
		return state
	}
	port := openPort(t, link)
	send := func(raw string) {
		t.Helper()
		if _, err := io.WriteString(port, raw); err != nil {
			t.Fatal(err)
		}
	}
	post("/paper", `{"after":1}`)
	send("\x1b@one\ntwo\n\x1dVB\x00")
	for out := false; !out; { // until the first line is on the paper
		_, state := call(t, "GET", door+"/state", "", "")
		out = state["paper_out"] == true
	}
	send("\x10\x04\x04") // the answer in real time comes though the paper is out
	expect(t, port, "\x7e")
	if state := post("/cover", `{"open":true}`); state["paper_out"] != true || state["cover_open"] != true || state["current"] != "one\n" {
		t.Errorf("%v", state)
	}
	send("\x10\x04\x02")
	expect(t, port, "\x36")
	post("/cover", `{"open":false}`)
	post("/paper", `{}`)
	send("\x1d(H\x06\x0000abcd") // its echo comes behind the cut
	expect(t, port, "\x37\x22abcd\x00")
	send("\x1bp\x00\x19\xfa\x1b\x7f\x1dr\x01")
	expect(t, port, "\x00")
	_, state := call(t, "GET", door+"/state", "", "")
	if slips := state["slips"].([]any); len(slips) != 1 || slips[0] != "one\ntwo\n" {
		t.Errorf("%q", slips)
	}
	if list, ok := state["complaints"].([]any); !ok || len(list) != 1 || state["pulses"] != 1.0 {
		t.Errorf("%v", state)
	}
	for path, want := range map[string]int{"/slips/1.png": 404, "/slips/x": 404, "/slips/0.png": 200} {
		resp, err := http.Get(door + path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
		}
		if want != 200 {
			continue
		}
		if picture, err := png.Decode(bytes.NewReader(raw)); err != nil || picture.Bounds().Dx() < 32*12 {
			t.Errorf("%v", err)
		}
	}
	if status, _ := call(t, "POST", door+"/cover", "application/json", `{"opened":true}`); status != 400 {
		t.Errorf("an unknown field: %d", status)
	}
	post("/unplug", "")
	post("/replug", "")
	post("/power-off", "")
	http.DefaultClient.CloseIdleConnections()
	s.stop()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if text, err := os.ReadFile(filepath.Join(out, "slip-0.txt")); err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(out, "slip-0.png")); err != nil {
		t.Error(err)
	}
}
