package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/wechatv3"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// Bounds of the sending.
const (
	noticesAtOnce  = 16
	noticePage     = 64
	noticePatience = 5 * time.Second        // for the merchant's answer
	noticeLook     = 200 * time.Millisecond // how often planned notices are looked for: the clock may be a test's
)

// noticeSetting is the body of POST /sandbox/notices: what befalls the notices on their way.
type noticeSetting struct {
	Seed   uint64 `json:"seed"`
	PaceMS int64  `json:"pace_ms"` // how long a second of the wallets' ladders lasts; 1000 when 0
	Rates  struct {
		Lose      float64 `json:"lose"`      // not sent this time: the ladder goes on
		Duplicate float64 `json:"duplicate"` // sent twice at once
		Reorder   float64 `json:"reorder"`   // put back behind those that come in the next ladder seconds
		Forge     float64 `json:"forge"`     // before it, a copy with one digit changed, signed by nobody
	} `json:"rates"`
	DelayMS int64 `json:"delay_ms"` // each sending waits for up to so many milliseconds
}

func (s noticeSetting) check() error {
	for _, p := range [...]float64{s.Rates.Lose, s.Rates.Duplicate, s.Rates.Reorder, s.Rates.Forge} {
		if !(p >= 0 && p <= 1) {
			return fault.New(fault.Invalid, "sandbox.rate", "a rate is a share from 0 to 1")
		}
	}
	if s.PaceMS < 0 || s.PaceMS > 1000 || s.DelayMS < 0 || s.DelayMS > maxSlow {
		return fault.New(fault.Invalid, "sandbox.rate", "pace_ms is a number from 0 to 1000, delay_ms one from 0 to %d", maxSlow)
	}
	return nil
}

// noticeCount is what became of the notices since the sandbox was started.
type noticeCount struct {
	Sent        int64 `json:"sent"`
	Lost        int64 `json:"lost"`
	Reordered   int64 `json:"reordered"`
	Forged      int64 `json:"forged"`
	ForgedTaken int64 `json:"forged_taken"` // a merchant who takes one believes strangers
	Waiting     int   `json:"waiting"`      // these are of all time
	Taken       int   `json:"taken"`
	GivenUp     int   `json:"given_up"`
}

// notices sends what merchants want to be told. It is the one part that acts of its own accord: a charge that is planned and whose
// merchant waits for a notice is carried out when it is due. What is to be sent stands in the book, so a restart goes on with it.
type notices struct {
	s      *Sandbox
	client *http.Client

	mu      sync.Mutex
	setting noticeSetting
	random  *rand.Rand
	count   noticeCount
}

func newNotices(s *Sandbox) *notices {
	return &notices{s: s, random: rand.New(rand.NewPCG(0, 0)), client: &http.Client{Timeout: noticePatience,
		Transport: &http.Transport{Proxy: nil, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // this machine's own: see [book.Notable]
			MaxIdleConnsPerHost: noticesAtOnce, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// run sends until ctx ends or the book fails.
func (n *notices) run(ctx context.Context) error {
	defer n.client.CloseIdleConnections()
	for {
		next, err := n.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // the book may be closed by now
		case err != nil:
			return err
		}
		pause := time.Hour
		if !next.IsZero() {
			pause = min(max(next.Sub(n.s.now()), time.Millisecond), noticeLook)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-n.s.book.Noted():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pass sends what is due, and gives when to look again.
func (n *notices) pass(ctx context.Context) (time.Time, error) {
	for {
		now := n.s.now()
		next, err := n.s.book.Upcoming()
		if err != nil || next.IsZero() || next.After(now) {
			return next, err
		}
		due, err := n.s.book.DueNotices(now, noticePage)
		if err != nil || len(due) == 0 {
			return next, err
		}
		var sending sync.WaitGroup
		places := make(chan struct{}, noticesAtOnce)
		failed := make(chan error, len(due))
		for _, one := range due {
			places <- struct{}{}
			sending.Go(func() {
				defer func() { <-places }()
				if err := n.send(ctx, one); err != nil {
					failed <- err
				}
			})
		}
		sending.Wait()
		if len(failed) > 0 {
			return next, <-failed
		}
		if ctx.Err() != nil {
			return next, nil
		}
	}
}

// luck is what befalls one sending.
type luck struct {
	lose, twice, back, forge bool
	hold, pace               time.Duration // pace: of a ladder's second
}

func (n *notices) draw() luck {
	n.mu.Lock()
	defer n.mu.Unlock()
	hit := func(rate float64) bool { return n.random.Float64() < rate }
	r := n.setting.Rates
	l := luck{lose: hit(r.Lose), twice: hit(r.Duplicate), back: hit(r.Reorder), forge: hit(r.Forge), pace: time.Second,
		hold: time.Duration(n.random.Int64N(n.setting.DelayMS+1)) * time.Millisecond}
	if n.setting.PaceMS > 0 {
		l.pace = time.Duration(n.setting.PaceMS) * time.Millisecond
	}
	return l
}

// send makes one sending of a notice and notes what came of it.
func (n *notices) send(ctx context.Context, one book.Notice) error {
	l := n.draw()
	p, err := n.write(one)
	if err != nil {
		return err
	}
	if l.back && one.Tries == 0 { // a first sending alone: it goes on sometime
		err := n.s.book.Tried(n.s.now(), one.ID, 1, false, n.s.now().Add(10*l.pace))
		n.tally(func(c *noticeCount) { c.Reordered++ })
		return err
	}
	if l.hold > 0 {
		wait(ctx, l.hold)
	}
	if l.forge {
		taken, _ := n.post(ctx, one.URL, p, forged(p.Body))
		n.tally(func(c *noticeCount) {
			c.Forged++
			if taken {
				c.ForgedTaken++
			}
		})
	}
	taken := false
	if l.lose {
		n.tally(func(c *noticeCount) { c.Lost++ })
	} else {
		var double sync.WaitGroup
		if l.twice {
			double.Go(func() { _, _ = n.post(ctx, one.URL, p, p.Body) })
		}
		taken, err = n.post(ctx, one.URL, p, p.Body)
		double.Wait()
		n.tally(func(c *noticeCount) { c.Sent++ })
		n.s.log.Debug("notice sent", logs.Order, one.Order.Number, logs.Kind, one.What, "taken", taken, logs.Err, err)
	}
	if ctx.Err() != nil && !taken {
		return nil // the sandbox stops: nobody knows whether it arrived, and it is sent again
	}
	var next time.Time
	if !taken && one.Tries < len(p.Ladder) {
		next = n.s.now().Add(time.Duration(p.Ladder[one.Tries]/time.Second) * l.pace)
	}
	return n.s.book.Tried(n.s.now(), one.ID, one.Tries+1, taken, next)
}

func (n *notices) write(one book.Notice) (door.Post, error) {
	switch one.Order.Wallet {
	case pay.WeChat:
		if wechatv3.Told(one.Sign) {
			return n.s.wechatv3.Notice(one, n.s.now())
		}
		return n.s.wechat.Notice(one)
	case pay.Alipay:
		return n.s.alipay.Notice(one, n.s.now())
	case pay.UnionPay:
		return n.s.unionpay.Notice(one)
	}
	return door.Post{}, fmt.Errorf("notice %d is of no wallet", one.ID)
}

// post sends a body and reads the answer as the wallet does.
func (n *notices) post(ctx context.Context, url string, p door.Post, body []byte) (taken bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	maps.Copy(req.Header, p.Header)
	req.Header.Set("Content-Type", p.ContentType)
	resp, err := n.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return err == nil && p.Taken(resp.StatusCode, answer), err
}

// forged changes one digit in the middle of a body and leaves the rest.
func forged(body []byte) []byte {
	out := bytes.Clone(body)
	for i := len(out) / 2; i < len(out); i++ {
		if b := out[i]; '1' <= b && b <= '8' {
			out[i]++
			break
		}
	}
	return out
}

func (n *notices) tally(change func(*noticeCount)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.count)
}

func (s *Sandbox) showNotices(w http.ResponseWriter, _ *http.Request) error {
	n := s.notices
	n.mu.Lock()
	setting, count := n.setting, n.count
	n.mu.Unlock()
	var err error
	if count.Waiting, count.Taken, count.GivenUp, err = s.book.Waiting(); err != nil {
		return err
	}
	return answerJSON(w, struct {
		Setting noticeSetting `json:"setting"`
		Count   noticeCount   `json:"count"`
	}{setting, count})
}

func (s *Sandbox) setNotices(w http.ResponseWriter, r *http.Request) error {
	var to noticeSetting
	if done, err := decode(w, r, &to); done || err != nil {
		return err
	}
	if err := to.check(); err != nil {
		return err
	}
	s.notices.mu.Lock()
	s.notices.setting, s.notices.random = to, rand.New(rand.NewPCG(to.Seed, 0))
	s.notices.mu.Unlock()
	return answerJSON(w, to)
}

// sendNotice has a notice sent of an order that is paid, or of a refund that is done, whether or not the merchant wanted one.
func (s *Sandbox) sendNotice(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Wallet pay.Wallet `json:"wallet"`
		Number string     `json:"out_trade_no"`
		Refund string     `json:"out_refund_no"`
		URL    string     `json:"url"`
		Sign   string     `json:"sign_type"` // WeChat Pay's: MD5 when empty; "v3 1230000109" for API v3
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	if !book.Notable(asked.URL) || asked.Sign != "" && asked.Sign != "MD5" && asked.Sign != "HMAC-SHA256" && !wechatv3.Told(asked.Sign) {
		return fault.New(fault.Invalid, "sandbox.notice", "url is an address on this machine, without a query; sign_type is MD5, HMAC-SHA256, or \"v3 \" and the merchant number of who gets it")
	}
	found, err := s.book.Send(s.now().UTC().Truncate(time.Millisecond), asked.Wallet, asked.Number, asked.Refund, asked.URL, asked.Sign)
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.Invalid, "sandbox.notice", "there is no such order that is paid, or no such refund that is done")
	}
	return answerJSON(w, map[string]string{"status": "ok"})
}
