package voice_test

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/voice"
	"cloudcashier/firmware-sim/speaker"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

func TestSentences(t *testing.T) {
	for wallet, want := range map[pay.Wallet]string{pay.WeChat: "微信收款到账十二点零五元", pay.Alipay: "支付宝到账十二点零五元",
		pay.UnionPay: "云闪付到账十二点零五元", pay.StoredValue: "储值收款到账十二点零五元"} {
		text, clips, err := voice.Sentence(wallet, money.Fen(1205))
		if err != nil || text != want || len(clips) != 7 || !slices.Equal(clips[1:], []string{"ten", "2", "point", "0", "5", "yuan"}) {
			t.Errorf("%s: %s, %q, %v", wallet, text, clips, err)
		}
	}
	for _, wallet := range []pay.Wallet{"", "other"} {
		if text, _, err := voice.Sentence(wallet, money.Fen(1)); err == nil {
			t.Errorf("%q is announced: %s", wallet, text)
		}
	}
}

// TestOnlyWhatIsStoredAsPaid: neither a scan nor an acceptance nor a doubt nor a refusal is heard, and a
// payment is, once.
func TestOnlyWhatIsStoredAsPaid(t *testing.T) {
	x := newRig(t, "record")
	v, _ := x.run()
	for _, story := range [][]sale.Event{{sale.Accepted, sale.Password}, {sale.Accepted, sale.Doubt}, {sale.Declined}, {sale.Accepted, sale.Undoing, sale.Reversed}} {
		row := x.begin(pay.WeChat, 100, x.now())
		for _, e := range story {
			row = x.news(row, e)
			v.Look()
		}
	}
	if err := x.takeCash(5000); err != nil {
		t.Fatal(err)
	}
	x.collected(900)
	row := x.begin(pay.WeChat, 1280, x.now())
	row = x.news(row, sale.Accepted)
	row = x.news(row, sale.Approved)
	x.note(row.ID, "contradiction") // somebody tells it again, otherwise
	for range 3 {
		v.Look()
	}
	x.said(v, 1)
	x.pay(pay.Alipay, 1205)
	v.Look()
	x.said(v, 2)
	plays := x.plays()
	if len(plays) != 2 || plays[0].Args[1] != "微信收款到账十二点八元" || plays[1].Args[1] != "支付宝到账十二点零五元" {
		t.Errorf("%+v", plays)
	}
	if s := v.State(); s.Said != 2 || s.Missed != 0 || s.State != localapi.VoiceReady {
		t.Errorf("%+v", s)
	}
	for _, p := range plays {
		for _, name := range p.Files[3:] { // what a player has open beyond its three streams is its own
			if strings.HasPrefix(name, x.dir) || strings.Contains(name, "/dev/") {
				t.Errorf("the player inherited %s", name)
			}
		}
	}
}

// TestNotAfterARestart: what was paid before, and what was under way, is no news for who stands there now.
func TestNotAfterARestart(t *testing.T) {
	x := newRig(t, "record")
	v, stop := x.run()
	x.pay(pay.WeChat, 100)
	v.Look()
	x.said(v, 1)
	open := x.begin(pay.WeChat, 200, x.now())
	waiting := x.waiting(300)
	stop()
	x.pay(pay.WeChat, 400) // while nobody listens
	v, _ = x.run()
	x.news(open, sale.Approved) // recovered
	v.Look()
	x.news(x.scan(waiting, pay.Alipay), sale.Approved) // only its amount was entered before
	v.Look()
	x.said(v, 1)
	plays := x.plays()
	if len(plays) != 2 || plays[1].Args[1] != "支付宝到账三元" {
		t.Errorf("%+v", plays)
	}
}

// TestNeverLate: neither when the result came long after the scan, nor when the voice comes to it late.
func TestNeverLate(t *testing.T) {
	x := newRig(t, "record")
	v, _ := x.run()
	x.news(x.begin(pay.WeChat, 100, x.now().Add(-4*time.Minute)), sale.Approved)
	v.Look()
	x.said(v, 1)
	x.ahead(-time.Minute) // the result was stored a minute ago
	row := x.pay(pay.WeChat, 200)
	x.ahead(0)
	v.Look()
	x.said(v, 2)
	x.ahead(time.Hour) // the clock was set back since
	x.pay(pay.WeChat, 300)
	x.ahead(0)
	v.Look()
	x.said(v, 3)
	if s := v.State(); s.Said != 0 || s.Missed != 3 || len(x.plays()) != 0 {
		t.Errorf("%+v, %+v, of %s", s, x.plays(), row.ID)
	}
}

// TestAHungPlayer is killed, and costs its own announcement and what has become late meanwhile.
func TestAHungPlayer(t *testing.T) {
	x := newRig(t, "hang")
	v, _ := x.run()
	v.Hurry(500 * time.Millisecond)
	x.pay(pay.WeChat, 100)
	v.Look()
	s := x.hear(v, "in trouble", func(s localapi.Voice) bool { return s.State == localapi.VoiceTrouble })
	if s.Missed != 1 || !strings.Contains(s.Message, "killed") {
		t.Errorf("%+v", s)
	}
	pid := x.plays()[0].PID
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("the player still runs: %v", err)
	}
	t.Setenv("BE_PLAYER", "fail")
	v.Hurry(patience)
	x.pay(pay.WeChat, 200)
	v.Look()
	x.said(v, 2)
	if s := v.State(); !strings.Contains(s.Message, "no sound card") {
		t.Errorf("%+v", s)
	}
	t.Setenv("BE_PLAYER", "record")
	x.pay(pay.WeChat, 300)
	v.Look()
	x.said(v, 3)
	if s := v.State(); s.State != localapi.VoiceReady || s.Said != 1 {
		t.Errorf("%+v", s)
	}
}

// TestStoppingKillsThePlayer: the agent's end waits for no sound.
func TestStoppingKillsThePlayer(t *testing.T) {
	x := newRig(t, "hang")
	v, stop := x.run()
	x.pay(pay.WeChat, 100)
	v.Look()
	<-x.player
	stop()
	if err := syscall.Kill(x.plays()[0].PID, 0); err != syscall.ESRCH {
		t.Errorf("the player still runs: %v", err)
	}
}

// TestRecordedWords: the sentence is one WAV on the player's input, made of the folder's words.
func TestRecordedWords(t *testing.T) {
	dir, samples := clips(t)
	x := newRig(t, "record")
	x.config = voice.Config{Player: os.Args[0] + " -q", Clips: dir}
	v, _ := x.run()
	x.pay(pay.UnionPay, 1205)
	v.Look()
	x.said(v, 1)
	want := 0
	for _, name := range []string{"unionpay", "ten", "2", "point", "0", "5", "yuan"} {
		want += samples[name]
	}
	if plays := x.plays(); len(plays) != 1 || plays[0].Sound != 44+2*want || len(plays[0].Args) != 1 {
		t.Errorf("%+v, want %d bytes", plays, 44+2*want)
	}
	raw, err := voice.Compose(dir, []string{"wechat", "yuan"})
	if err != nil || string(raw[:4]) != "RIFF" || int(binary.LittleEndian.Uint32(raw[4:]))+8 != len(raw) ||
		int(binary.LittleEndian.Uint32(raw[40:]))+44 != len(raw) || binary.LittleEndian.Uint32(raw[24:]) != 8000 {
		t.Errorf("%q, %v", raw[:44], err)
	}
}

func TestClipsThatAreNone(t *testing.T) {
	dir, _ := clips(t)
	put := func(name string, raw []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name+".wav"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("yuan", wav(3, 16000))
	put("ten", []byte("RIFF....AVI "))
	put("two", wav(4, 8000)[:60])
	put("wan", make([]byte, 2<<20))
	for _, name := range []string{"yuan", "ten", "two", "wan", "none"} {
		if _, err := voice.Compose(dir, []string{"wechat", name}); fault.CodeOf(err) != "voice.clip" {
			t.Errorf("%s: %v", name, err)
		}
	}
	x := newRig(t, "record")
	x.config = voice.Config{Player: os.Args[0], Clips: dir}
	if v, _ := x.run(); v.State().State != localapi.VoiceTrouble {
		t.Errorf("%+v", v.State())
	}
}

// speakers serves a pretended speaker with the key, and configures the rig for it with its own.
func (x *rig) speaker(key, ours string) *speaker.Speaker {
	x.t.Helper()
	s := speaker.New([]byte(key), x.now, nil)
	server := httptest.NewServer(s)
	x.t.Cleanup(server.Close)
	file := filepath.Join(x.t.TempDir(), "speaker.key")
	if err := os.WriteFile(file, []byte(ours+"\n"), 0o600); err != nil {
		x.t.Fatal(err)
	}
	x.config.Speaker, x.config.KeyFile = server.URL, file
	return s
}

const secret = "a key for this test alone"

// TestANetworkSpeaker says it once whatever it answers, and while it lives.
func TestANetworkSpeaker(t *testing.T) {
	x := newRig(t, "record")
	s := x.speaker(secret, secret)
	v, _ := x.run()
	s.Busy(2)
	row := x.pay(pay.WeChat, 1280)
	v.Look()
	x.said(v, 2) // both outputs
	state := s.State()
	if len(state.Spoken) != 1 || state.Spoken[0].ID != row.PaymentID || state.Spoken[0].Fen != 1280 || state.Spoken[0].TTL != 30 ||
		state.Spoken[0].At != row.Finished.UnixMilli() || state.Refused+state.Late+state.Duplicates != 0 {
		t.Errorf("%+v", state)
	}
	s.Plug(false)
	x.pay(pay.Alipay, 500)
	v.Look()
	x.said(v, 3) // the player's
	s.Plug(true) // it is asked again
	x.said(v, 4)
	if state := s.State(); len(state.Spoken) != 2 || state.Spoken[1].Wallet != pay.Alipay {
		t.Errorf("%+v", state)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := v.Test(ctx); err != nil {
		t.Error(err)
	}
	spoken, plays := s.State().Spoken, x.plays()
	if len(spoken) != 3 || !strings.HasPrefix(spoken[2].Text, "测试") || spoken[2].Fen != 0 || !strings.HasPrefix(plays[2].Args[1], "测试") {
		t.Errorf("%+v, %+v", spoken, plays)
	}
	if said := v.State().Said; said != 4 {
		t.Errorf("a test counts: %d", said)
	}
}

func TestASpeakerOfSomebodyElse(t *testing.T) {
	x := newRig(t, "")
	s := x.speaker(secret, secret+"!")
	v, _ := x.run()
	x.pay(pay.WeChat, 1280)
	v.Look()
	x.said(v, 1)
	if got := v.State(); got.State != localapi.VoiceTrouble || !strings.Contains(got.Message, "key") || s.State().Refused != 1 {
		t.Errorf("%+v, %+v", got, s.State())
	}
	for what, answer := range map[string]http.HandlerFunc{
		"no speaker": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"refuses":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) },
		"elsewhere":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://elsewhere.invalid/", 307) },
		"too old":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"result":"dropped"}`)) },
	} {
		server := httptest.NewServer(answer)
		x.config.Speaker = server.URL
		v, stop := x.run()
		x.pay(pay.WeChat, 1280)
		v.Look()
		x.said(v, 1)
		if got := v.State(); got.Missed != 1 || got.State != localapi.VoiceTrouble {
			t.Errorf("%s: %+v", what, got)
		}
		stop()
		server.Close()
	}
}

func TestConfig(t *testing.T) {
	loose := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(loose, []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config voice.Config
		want   string
	}{
		{voice.Config{Player: " "}, "voice.player"}, {voice.Config{Player: "aplay -q"}, "voice.player"}, {voice.Config{Clips: "x"}, "voice.player"},
		{voice.Config{Speaker: "http://a"}, "voice.speaker"}, {voice.Config{KeyFile: "x"}, "voice.speaker"},
		{voice.Config{Speaker: "ftp://a", KeyFile: "x"}, "voice.speaker"}, {voice.Config{Speaker: "http://u:p@a", KeyFile: "x"}, "voice.speaker"},
		{voice.Config{Speaker: "http://a", KeyFile: "/nowhere"}, "voice.key"}, {voice.Config{Speaker: "http://a", KeyFile: loose}, "voice.key"},
	} {
		if _, err := voice.New(c.config, voice.Deps{}); fault.CodeOf(err) != c.want {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
	if (voice.Config{}).Any() || !(voice.Config{Player: "x"}).Any() {
		t.Error("what shall be said?")
	}
}

func TestNobodyToSayATest(t *testing.T) {
	x := newRig(t, "hang")
	v, _ := x.run()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := v.Test(ctx); fault.CodeOf(err) != "voice.hangs" {
		t.Error(err)
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wav(3, 8000))
	f.Add(wav(0, 8000)[:40])
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if format, data, ok := voice.ParseWAV(raw); ok && (len(format) != 16 || len(data) > len(raw)) {
			t.Errorf("%d bytes of format, %d of sound out of %d", len(format), len(data), len(raw))
		}
	})
}
