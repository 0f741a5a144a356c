// Package speaker is a speaker on the shop's network, pretended: it takes the till's signed messages and
// keeps what it would have said.
//
// It refuses what a real one must refuse: a message that is not signed with its key, one that is older
// than its time to live or from the future, and one that it has said already. Newcomers get one thing
// wrong: a refusal is heard by nobody in the shop, so that it is counted here and answered to the till.
package speaker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"cloudcashier/shared/announce"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Said is one thing it said.
type Said struct {
	announce.Message
	Text string `json:"text"`
}

// State is what a speaker tells about itself.
type State struct {
	Spoken     []Said `json:"spoken"` // the last thousand
	Total      int    `json:"total"`
	Refused    int    `json:"refused"` // messages that were not its till's, or no messages
	Late       int    `json:"late"`
	Duplicates int    `json:"duplicates"`
	Plugged    bool   `json:"plugged"`
}

// spokenMost bounds what it remembers for those who ask; the oldest go.
const spokenMost = 1000

// Speaker is a pretended speaker; serve it at [announce.Path]. Its methods may be called from any goroutine.
type Speaker struct {
	key []byte
	now func() time.Time
	say func(Said) // told of everything that is said; may be nil

	mu      sync.Mutex
	changed chan struct{} // closed and made anew whenever something below changes
	ring    announce.Ring
	state   State
	busy    int // so many answers are "busy" yet
}

// New makes a speaker that shares a key with its till.
func New(key []byte, now func() time.Time, say func(Said)) *Speaker {
	return &Speaker{key: key, now: now, say: say, changed: make(chan struct{}), state: State{Plugged: true, Spoken: []Said{}}}
}

// Busy lets it answer the next n good messages with "busy".
func (s *Speaker) Busy(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = n
}

// Plug plugs its power in or pulls it: without power nobody gets an answer.
func (s *Speaker) Plug(in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Plugged = in
}

// State tells what it said.
func (s *Speaker) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	state.Spoken = slices.Clone(state.Spoken)
	return state
}

// Await waits until the speaker is as wanted; false when ctx ends first.
func (s *Speaker) Await(ctx context.Context, wanted func(State) bool) bool {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if wanted(s.State()) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// ServeHTTP takes one message.
func (s *Speaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != announce.Path || r.Method != http.MethodPost {
		http.Error(w, "POST "+announce.Path, http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, announce.MaxBody))
	if err != nil {
		http.Error(w, "a message is short", http.StatusBadRequest)
		return
	}
	result, said, err := s.take(body, r.Header.Get(announce.Header))
	switch {
	case errors.Is(err, errNoPower):
		hangUp(w)
	case fault.KindOf(err) == fault.Denied && err != nil:
		http.Error(w, fault.MessageOf(err), http.StatusForbidden)
	case err != nil:
		http.Error(w, fault.MessageOf(err), http.StatusBadRequest)
	default:
		if said != nil && s.say != nil {
			s.say(*said)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(announce.Answer{Result: result}) // the till has gone; it asks again
	}
}

var errNoPower = errors.New("no power")

// take decides what becomes of a message.
func (s *Speaker) take(body []byte, signature string) (result string, said *Said, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.Plugged {
		return "", nil, errNoPower
	}
	defer func() {
		close(s.changed)
		s.changed = make(chan struct{})
	}()
	m, err := announce.Open(body, signature, s.key)
	if err != nil {
		s.state.Refused++
		return "", nil, err
	}
	switch {
	case !m.Fresh(s.now()):
		s.state.Late++
		return announce.Dropped, nil, nil
	case s.busy > 0:
		s.busy--
		return announce.Busy, nil, nil
	case !s.ring.Take(m.ID):
		s.state.Duplicates++
		return announce.Duplicate, nil, nil
	}
	if len(s.state.Spoken) == spokenMost {
		s.state.Spoken = s.state.Spoken[1:]
	}
	s.state.Total++
	s.state.Spoken = append(s.state.Spoken, Said{m, sentence(m)})
	return announce.Played, &s.state.Spoken[len(s.state.Spoken)-1], nil
}

// sentence is what would be heard, with the amount in figures.
func sentence(m announce.Message) string {
	if m.Wallet == announce.Test {
		return "测试，这不是收款"
	}
	name := map[pay.Wallet]string{pay.WeChat: "微信收款到账", pay.Alipay: "支付宝到账", pay.UnionPay: "云闪付到账", pay.StoredValue: "储值收款到账"}[m.Wallet]
	if name == "" {
		name = "收款到账"
	}
	return name + money.Fen(m.Fen).Yuan() + "元"
}

// hangUp ends a connection without an answer, as a device without power does.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close() // nothing is owed to it
	}
}
