package voice

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"cloudcashier/shared/announce"
	"cloudcashier/shared/fault"
)

// Bounds of one request to a speaker, which stands in the same room.
const (
	askTime    = 3 * time.Second
	retryFirst = 250 * time.Millisecond
	retryMost  = 2 * time.Second
	maxAnswer  = 1 << 10
)

// speaker says things through a speaker on the network.
type speaker struct {
	url  string
	key  []byte
	now  func() time.Time
	http *http.Client
}

func newSpeaker(c Config, now func() time.Time) (*speaker, error) {
	url, err := c.speakerURL()
	if err != nil {
		return nil, err
	}
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	return &speaker{url: url, key: key, now: now, http: &http.Client{Timeout: askTime,
		Transport:     &http.Transport{DisableKeepAlives: true}, // a payment now and then; no proxy: it is in this room
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// say tells the speaker until it answers or the announcement is too old. Saying so again does no harm: it
// knows the payment by its id.
func (s *speaker) say(ctx context.Context, n news) error {
	if _, _, err := n.sentence(); err != nil {
		return err
	}
	body, signature, err := announce.Seal(announce.Message{ID: n.id, Fen: n.amount.Fen(), Wallet: n.wallet,
		At: n.at.UnixMilli(), TTL: int64(Life / time.Second)}, s.key)
	if err != nil {
		return err
	}
	left := Life - s.now().Sub(n.at)
	if n.test() {
		left = askTime // a person waits for it
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		again, err := s.post(ctx, body, signature)
		if err == nil || !again {
			return err
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
}

// post asks once; again tells whether asking later may help.
func (s *speaker) post(ctx context.Context, body []byte, signature string) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return false, fault.Wrap(err, fault.Invalid, "voice.speaker", "the speaker's address is not usable")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(announce.Header, signature)
	resp, err := s.http.Do(req)
	if err != nil {
		return true, fault.Wrap(err, fault.Unavailable, "voice.speaker_away", "the speaker does not answer: look at its power and its network")
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil || resp.StatusCode >= 500:
		return true, fault.New(fault.Unavailable, "voice.speaker_fails", "the speaker fails (HTTP %d): switch it off and on", resp.StatusCode)
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		return false, fault.New(fault.Denied, "voice.speaker_key", "the speaker does not accept our key: give both sides the same file")
	case resp.StatusCode != http.StatusOK:
		return false, fault.New(fault.Invalid, "voice.speaker_refuses", "the speaker refuses the announcement (HTTP %d)", resp.StatusCode)
	}
	var answer announce.Answer
	if json.Unmarshal(raw, &answer) != nil {
		return false, fault.New(fault.Invalid, "voice.speaker_answer", "what answers is no speaker of ours: correct --voice-speaker")
	}
	switch answer.Result {
	case announce.Played, announce.Duplicate:
		return false, nil
	case announce.Busy:
		return true, fault.New(fault.Unavailable, "voice.speaker_busy", "the speaker is busy with others")
	}
	return false, fault.New(fault.Unavailable, "voice.speaker_late", "the speaker found the announcement too old: compare its clock with the till's")
}
