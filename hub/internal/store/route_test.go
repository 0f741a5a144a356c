package store_test

import (
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// TestNobodyTakesASecondChannelUnproven: the database itself keeps one attempt in force, and lets it be left only by a proof that it did not charge,
// once. The law is not asked here.
func TestNobodyTakesASecondChannelUnproven(t *testing.T) {
	next := payment.Attempt{ID: "att_next", Channel: "second", OutTradeNo: "T000000next", Status: pay.StatusPending, Route: `{"channel":"second"}`}
	for _, status := range pay.Statuses {
		s := open(t)
		p := made(1, "mer_0", "trm_0", payment.FromTill, "k")
		s.insert(p)
		left, after := p, p
		left.Attempt.Status, left.Attempt.Left = status, time.UnixMilli(2000)
		if status.Final() {
			left.Attempt.Settled = left.Attempt.Left
		}
		after.Attempt = next
		after.Attempt.Sent = time.UnixMilli(2000)
		if err := s.Update(func(tx *store.Tx) error { return tx.LeavePayment(p, &after) }); err == nil {
			t.Errorf("two attempts are in force")
		}
		err := s.Update(func(tx *store.Tx) error { return tx.LeavePayment(left, &after) })
		if proof := status == pay.StatusDeclined || status == pay.StatusClosed; (err == nil) != proof {
			t.Errorf("left while %s: %v", status, err)
		}
		if err != nil {
			continue
		}
		s.must(s.View(func(tx *store.Tx) error {
			now, err := tx.Payment(p.ID)
			if err != nil || now.Attempt.ID != "att_next" {
				t.Errorf("in force is %s, %v", now.Attempt.ID, err)
			}
			old, err := tx.PaymentOf(p.Attempt.ID)
			left.Rev = old.Rev
			if err != nil || old.ID != p.ID || old.Attempt.ID != p.Attempt.ID || old.Entity() != p.Attempt.ID {
				t.Errorf("the one that was left is %+v, %v", old, err)
			}
			if c, err := tx.ChannelOf(p.Attempt.ID); err != nil || c != p.Attempt.Channel {
				t.Errorf("it went to %q, %v", c, err)
			}
			return nil
		}))
		left.Attempt.Left = time.Time{}
		if err := s.Update(func(tx *store.Tx) error { return tx.SavePayment(&left) }); err == nil {
			t.Error("an attempt that was left is in force again")
		}
	}
}

func TestVersionsOfChannels(t *testing.T) {
	s := open(t)
	apply := func(v int) error {
		return s.Update(func(tx *store.Tx) error {
			return tx.ApplyChannelSet(store.ChannelSet{Version: v, Body: "channels: []", By: "lin", At: at}, map[string]int{"version": v})
		})
	}
	s.must(apply(1))
	if err := apply(1); fault.KindOf(err) != fault.Conflict {
		t.Errorf("two operators applied version 1: %v", err)
	}
	if err := apply(3); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a version was left out: %v", err)
	}
	s.must(apply(2))
	s.must(s.Update(func(tx *store.Tx) error {
		c, err := tx.ChannelSet()
		if err != nil || c.Version != 2 || c.By != "lin" || !c.At.Equal(at) {
			t.Errorf("%+v, %v", c, err)
		}
		for _, step := range []struct{ on, changed bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
			changed, err := tx.SetDrain(store.Drain{Channel: "w", By: "lin", At: at}, step.on)
			list, _ := tx.Drains()
			if err != nil || changed != step.changed || (len(list) == 1) != step.on {
				t.Errorf("%+v: %v, %v, %v", step, changed, list, err)
			}
		}
		return nil
	}))
}
