package speaker_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cloudcashier/firmware-sim/speaker"
	"cloudcashier/shared/announce"
)

var key = []byte("a key of this test only")

// TestWhatASpeakerTakes: only what its till signed, in time, and once.
func TestWhatASpeakerTakes(t *testing.T) {
	now := time.UnixMilli(1764061200000)
	var heard []string
	s := speaker.New(key, func() time.Time { return now }, func(said speaker.Said) { heard = append(heard, said.Text) })
	server := httptest.NewServer(s)
	defer server.Close()
	send := func(m announce.Message, with []byte) (int, string) {
		t.Helper()
		body, signature, err := announce.Seal(m, with)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, server.URL+announce.Path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(announce.Header, signature)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		var answer announce.Answer
		_ = json.NewDecoder(resp.Body).Decode(&answer) // refusals are no JSON
		return resp.StatusCode, answer.Result
	}
	m := announce.Message{ID: "pay_1", Fen: 1205, Wallet: "alipay", At: now.UnixMilli(), TTL: 30}
	want := func(what string, status int, result string, gotStatus int, got string) {
		t.Helper()
		if gotStatus != status || got != result {
			t.Errorf("%s: %d %q, want %d %q", what, gotStatus, got, status, result)
		}
	}
	check := func(what string, m announce.Message, with []byte, status int, result string) {
		t.Helper()
		gotStatus, got := send(m, with)
		want(what, status, result, gotStatus, got)
	}
	check("another key", m, []byte("the key of somebody else"), 403, "")
	s.Busy(1)
	check("busy", m, key, 200, announce.Busy)
	check("the first time", m, key, 200, announce.Played)
	check("again", m, key, 200, announce.Duplicate)
	check("nothing to say", announce.Message{ID: "x", Wallet: "wechat", At: now.UnixMilli(), TTL: 30}, key, 400, "")
	late := m
	late.ID, late.At = "pay_2", now.Add(-31*time.Second).UnixMilli()
	check("late", late, key, 200, announce.Dropped)
	check("a test", announce.Message{ID: "test_1", Wallet: announce.Test, At: now.UnixMilli(), TTL: 30}, key, 200, announce.Played)
	s.Plug(false)
	check("no power", m, key, 0, "")
	s.Plug(true)
	state := s.State()
	if state.Refused != 2 || state.Late != 1 || state.Duplicates != 1 || len(state.Spoken) != 2 {
		t.Errorf("%+v", state)
	}
	if len(heard) != 2 || heard[0] != "支付宝到账12.05元" || heard[1] != "测试，这不是收款" {
		t.Errorf("%q", heard)
	}
	if resp, err := http.Get(server.URL + announce.Path); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("%v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
}
