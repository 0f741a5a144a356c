package console_test

import (
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

func TestRefundOfAPaidSale(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.send(console.Resize(80, 24))
		r.keys("f3", "f7") // the newest is not paid
		r.sees("Only what is paid can be refunded.")
		r.lacks("F7 refund")
		r.keys("down", "down", "down", "up")
		r.sees("> 07:49", "F7 refund")
		r.keys("f7")
		r.sees("Refund ¥123.40 (sale of 07:49)?")
		r.keys("enter") // the safe answer
		r.asked()
		r.keys("f7", "y")
		r.asked("refund old_09 12340 ORDER0000001")
		r.pass(6 * time.Second)
		r.sees("? refund", "not refunded yet: ¥123.40", "Refund of ¥123.40: queued, not refunded yet")
		r.lacks("F7 refund")
		r.keys("f7")
		r.sees("Nothing is left to refund")
		r.refunded("ref_1", localapi.RefundPending, "refund_pending")
		r.keys("up", "down")
		r.sees("the hub has it, not refunded yet")
		r.refunded("ref_1", localapi.RefundSucceeded, "refunded")
		r.sees("✓ refunded", "refunded to the customer's wallet")
		r.keys("5") // an amount leads back, as ever
		r.sees("AMOUNT (yuan)")
		r.asked("refund old_09 12340 ORDER0000001")
	})
}

func TestARefusedRefundSaysWhy(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.keys("f3", "down", "down", "f7", "y", "esc")
		r.refunded("ref_1", localapi.RefundFailed, "moon_phase")
		r.sees("AMOUNT (yuan)", "Refund of ¥123.40: refused, nothing went back")
		r.keys("f3", "down", "down")
		r.sees("refused, nothing went back", "F7 refund")
		r.keys("f7", "y") // another refund, under another number
		r.asked("refund old_09 12340 ORDER0000001", "refund old_09 12340 ORDER0000002")
		r.agent.refuse = fault.New(fault.Unavailable, "till.storage_full", "the till's disk is nearly full")
		r.keys("down", "f7", "y")
		r.sees("Not refunded: the till's disk is nearly full")
	})
}

// TestALostAnswerToARefund: asked again it is the same number, so that the money goes back once.
func TestALostAnswerToARefund(t *testing.T) {
	for _, obeyed := range []bool{true, false} {
		play(t, words.EN, history, func(r *rig) {
			if r.agent.refuse = errLost; obeyed {
				r.agent.refuse, r.agent.lose = nil, errLost
			}
			r.keys("f3", "down", "down", "f7", "y")
			r.sees("F7 asks again with the same number")
			r.agent.refuse = nil
			r.pass(6 * time.Second) // a look in between changes nothing
			r.keys("f7", "y")
			r.asked("refund old_09 12340 ORDER0000001", "refund old_09 12340 ORDER0000001")
			r.sees("queued, not refunded yet")
			if len(r.agent.refunds) != 1 {
				t.Errorf("obeyed %t: %d refunds", obeyed, len(r.agent.refunds))
			}
		})
	}
	play(t, words.EN, history, func(r *rig) {
		r.keys("f3", "down", "down", "f7")
		r.agent.gone = true
		r.keys("y")
		r.sees("no refund was asked for")
	})
}

func TestTheQuestionGoesWhenTheMoneyDoes(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.keys("f3", "down", "down", "f7")
		r.sees("Refund ¥123.40")
		r.sale("old_09", func(s *localapi.Sale) { s.RefundingAmount = 12340 }) // the shop's own software was faster
		r.lacks("do not refund")
		r.asked()
	})
}

func TestRefundsOfAnEarlierRunAreShown(t *testing.T) {
	play(t, words.EN, func(a *agent) {
		history(a)
		a.list[9].RefundedAmount = 2340
		a.refunds = []localapi.Refund{{ID: "ref_9", Sale: "old_09", Amount: 2340, State: localapi.RefundSucceeded, Code: "refunded", CreatedAt: time.Now()}}
	}, func(r *rig) {
		r.keys("f3", "down", "down")
		r.sees("Refund of ¥23.40: refunded to the customer's wallet", "refunded ¥23.40")
		r.keys("f7")
		r.sees("Refund ¥100.00 (sale of 07:49)?") // what is left
	})
}

func TestSendNow(t *testing.T) {
	play(t, words.EN, func(a *agent) { offline(a); a.status.ClockOffsetMS = 0 }, func(r *rig) {
		r.sees("F8 send now", "refunds queued 3 of 4, ¥99.00", "code lapses in 00:21")
		r.keys("f8")
		r.sees("No network: it is sent as soon as the link is back.")
		r.agent.status.Link = "up"
		r.keys("f8")
		r.sees("Sending now")
		if r.agent.syncs != 2 {
			t.Errorf("asked %d times", r.agent.syncs)
		}
		r.pass(time.Second)
		r.lacks("code lapses")
		r.agent.gone = true
		r.keys("f8")
		r.sees("the agent does not answer")
	})
}

func TestTheCountdownRuns(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		lapsing := scenes["lapsing"]
		lapsing.act(r)
		r.sees("The code lapses in 00:38")
		r.pass(8 * time.Second)
		r.sees("The code lapses in 00:30")
		r.pass(time.Minute)
		r.sees("The code lapses in 00:00")
	})
}

// TestAnotherCustomerOfTheSameAmount: a doubt holds its like back until the cashier says who it is.
func TestAnotherCustomerOfTheSameAmount(t *testing.T) {
	like := fault.New(fault.Conflict, "sale.like_unknown", "sale sale_1 over the same 5.00 CNY may have been charged")
	play(t, words.EN, nil, func(r *rig) {
		r.agent.refuse = like
		r.amount("5")
		r.keys("enter")
		r.sees("Another sale of 5.00 is not settled", "do not charge again")
		r.keys("enter") // the safe answer
		r.sees("AMOUNT (yuan)")
		r.asked("new 500 ORDER0000001 code=false")
		r.keys("enter")
		r.agent.refuse = nil
		r.keys("y")
		r.asked("new 500 ORDER0000001 code=false", "new 500 ORDER0000001 code=false", "new 500 ORDER0000001 code=false again")
		r.sees("SCAN")
		r.wedge(wechatCode) // it was let through: its code is not held up once more
		r.sees("Sending")
		r.state("sale_2", localapi.StatePaid, "")
		r.agent.refuse = like
		r.amount("6")
		r.keys("enter")
		r.sees("Another sale of 6.00") // the word was for one sale
	})
}
