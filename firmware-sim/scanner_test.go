package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestOrdersAmongTheLines: faults stand in the same script as the codes, and a code that looks like one has a way in.
func TestOrdersAmongTheLines(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	s := start(t, "scanner", "--link", link, "--suffix", "lf")
	s.line()
	port := openPort(t, link)
	s.write("!half " + wechat + "\n!pause 1ms\n!noread\n!raw 0041\n!!text\n" + goods + "\n")
	expect(t, port, wechat[:9]+"%%NoRead\n\x00A!text\n"+goods+"\n")
	s.write("!jump\n!raw xyz\n!stick " + goods + " 5ms\n")
	expect(t, port, strings.Repeat(goods+"\n", 20))
	s.write("!free\n")
	s.stop()
	s.stdin.Close()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	for _, want := range []string{`no \"jump\"`, "hexadecimal"} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("nothing says %s:\n%s", want, s.stderr)
		}
	}
	if strings.Contains(s.stderr.String(), wechat[4:14]) {
		t.Errorf("the log shows a code:\n%s", s.stderr)
	}
}

// TestWhatTheHostSays is obeyed and told.
func TestWhatTheHostSays(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	s := start(t, "scanner", "--link", link, "--control", "127.0.0.1:0", "--dialect", "newland", "--host-trigger")
	s.line()
	base := strings.TrimPrefix(s.line(), "control ")
	port := openPort(t, link)
	if status, answer := call(t, http.MethodPost, base+"/scan", "text/plain", wechat); status != http.StatusConflict {
		t.Errorf("it read in the dark: %d %v", status, answer)
	}
	if _, err := port.WriteString("\x7e\x010000#SCNTRG1;\x03"); err != nil {
		t.Fatal(err)
	}
	expect(t, port, "\x02\x010000#SCNTRG1\x06;\x03")
	if status, answer := call(t, http.MethodPost, base+"/scan", "text/plain", wechat); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
	expect(t, port, wechat+"\r")
	status, state := call(t, http.MethodPost, base+"/do", "text/plain", "replug")
	if status != http.StatusOK || fmt.Sprint(state["commands"]) != "[start]" || state["plugged"] != true {
		t.Errorf("%d %v", status, state)
	}
	if status, _ := call(t, http.MethodPost, base+"/do", "text/plain", "jump"); status != http.StatusBadRequest {
		t.Errorf("an unknown order: %d", status)
	}
	s.stop()
	s.wait()
}
