package sandbox

import (
	"context"
	"net/http"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// payShown has a customer scan a shown code and do what the scenario says.
func (s *Sandbox) payShown(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		QR       string `json:"qr"`
		Scenario string `json:"scenario"`
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	if asked.Scenario == "" {
		asked.Scenario = "00"
	}
	if !scenarioShape.MatchString(asked.Scenario) {
		return fault.New(fault.Invalid, "sandbox.scenario", "scenario is two digits, 00 to 99")
	}
	step, err := s.book.Scan(s.now().UTC().Truncate(time.Millisecond), asked.QR, order.FateOf(asked.Scenario))
	if err != nil {
		return err
	}
	if step.Verdict == order.Absent {
		return fault.New(fault.Invalid, "sandbox.qr", "no wallet knows this code: give the text of one that is shown")
	}
	s.wechatv3.Kick()
	return answerJSON(w, map[string]string{"verdict": string(step.Verdict), "out_trade_no": step.Order.Number})
}

// notifyEvery is how often what happens by itself is looked for; what a request does is told at once.
const notifyEvery = time.Second

// notify tells merchants what became of their orders until ctx ends.
func (s *Sandbox) notify(ctx context.Context) error {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: s.trusting}}
	tick := time.NewTicker(notifyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wechatv3.Kicked():
		}
		if err := s.wechatv3.Notify(ctx, client, s.now().UTC().Truncate(time.Millisecond)); err != nil && ctx.Err() == nil {
			s.log.Error("notices failed", logs.Err, err)
			return err
		}
	}
}
