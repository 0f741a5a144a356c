package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/announce"
)

// TestADisplayFromTheCommandLine: what comes down the line stands on the glass and is printed.
func TestADisplayFromTheCommandLine(t *testing.T) {
	link := filepath.Join(t.TempDir(), "display0")
	s := start(t, "display", "--link", link, "--profile", "led8", "--control", "127.0.0.1:0")
	if got := s.line(); got != "ready "+link {
		t.Fatalf("%q", got)
	}
	door := strings.TrimPrefix(s.line(), "control ")
	s.line() // the dark glass
	port := openPort(t, link)
	if _, err := io.WriteString(port, "\x1b@\x0c\x1bs2\x1bQA12.80\r"); err != nil {
		t.Fatal(err)
	}
	for line := ""; line != "display | 12.80 | total |"; {
		line = s.line()
	}
	go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
	if status, state := call(t, "GET", door+"/screen", "", ""); status != 200 || len(state["screen"].([]any)) != 2 || state["screen"].([]any)[0] != "12.80" {
		t.Errorf("%d %v", status, state)
	}
	for _, path := range []string{"/stick", "/free", "/unplug", "/replug"} {
		if status, state := call(t, "POST", door+path, "", ""); status != 200 || state["plugged"] != (path != "/unplug") {
			t.Errorf("%s: %d %v", path, status, state)
		}
	}
	s.stop()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// say sends a speaker a message.
func say(t *testing.T, url string, m announce.Message, key string) (status int, answer string) {
	t.Helper()
	body, signature, err := announce.Seal(m, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("POST", url+announce.Path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(announce.Header, signature)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw)
}

const secret = "the secret of this test"

func TestASpeakerFromTheCommandLine(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "speaker", "--listen", "127.0.0.1:0", "--key", key, "--control", "127.0.0.1:0")
	url, door := strings.TrimPrefix(s.line(), "ready "), strings.TrimPrefix(s.line(), "control ")
	m := announce.Message{ID: "pay_1", Fen: 1280, Wallet: "wechat", At: time.Now().UnixMilli(), TTL: 30}
	if status, _ := say(t, url, m, secret+"!"); status != http.StatusForbidden {
		t.Errorf("forged: %d", status)
	}
	for _, want := range []string{announce.Played, announce.Duplicate} {
		status, answer := 0, ""
		if want == announce.Played { // nobody takes its words while they are not read
			heard := make(chan string, 1)
			go func() { heard <- s.line() }()
			status, answer = say(t, url, m, secret)
			if line := <-heard; line != "spoken 微信收款到账12.80元" {
				t.Errorf("%q", line)
			}
		} else {
			status, answer = say(t, url, m, secret)
		}
		if status != 200 || !strings.Contains(answer, want) {
			t.Errorf("%d %s, want %s", status, answer, want)
		}
	}
	late := m
	late.ID, late.At = "pay_2", m.At-60_000
	if status, answer := say(t, url, late, secret); status != 200 || !strings.Contains(answer, announce.Dropped) {
		t.Errorf("late: %d %s", status, answer)
	}
	if _, state := call(t, "GET", door+"/spoken", "", ""); state["total"] != 1.0 || state["refused"] != 1.0 || state["late"] != 1.0 || state["duplicates"] != 1.0 {
		t.Errorf("%v", state)
	}
	call(t, "POST", door+"/busy", "application/json", `{"times":1}`)
	m.ID = "pay_3"
	if _, answer := say(t, url, m, secret); !strings.Contains(answer, announce.Busy) {
		t.Errorf("%s", answer)
	}
	call(t, "POST", door+"/unplug", "", "")
	if status, _ := say(t, url, m, secret); status != 0 {
		t.Errorf("without power: %d", status)
	}
	call(t, "POST", door+"/replug", "", "")
	s.stop()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}
