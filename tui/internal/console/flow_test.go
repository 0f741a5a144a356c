package console_test

import (
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/words"
)

func TestAmountScanPaid(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("12.8")
		r.keys("enter")
		r.sees("SCAN the customer's payment code", "waiting")
		r.asked("new 1280 ORDER0000001 code=false")
		r.state("sale_1", localapi.StateSending, "")
		r.sees("Sending")
		r.state("sale_1", localapi.StatePassword, "")
		r.pass(23 * time.Second)
		r.sees("The customer is typing the password", "00:23")
		r.sale("sale_1", func(s *localapi.Sale) {
			s.State, s.Wallet, s.WalletRef = localapi.StatePaid, pay.WeChat, "42000000271828"
		})
		r.sees("✓ PAID", "You may hand over.", "00271828")
		r.pass(5 * time.Minute)
		r.sees("✓ PAID") // until somebody does something
		r.keys("3")
		r.sees("AMOUNT (yuan)")
		r.lacks("✓ PAID")
	})
}

func TestEnterTwiceIsOneSale(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("12")
		// Both arrive before the first command ran: the worst case.
		_, first := r.m.Update(keyMsg("enter"))
		_, second := r.m.Update(keyMsg("enter"))
		r.run(first)
		r.run(second)
		r.settle()
		r.keys("enter")
		r.asked("new 1200 ORDER0000001 code=false")
	})
}

func TestScannerThatTypes(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		r.wedge(wechatCode)
		r.asked("new 500 ORDER0000001 code=true")
		r.sees("Sending")
		r.wedge(wechatCode)
		r.sees("under way and is charged once")
		r.asked("new 500 ORDER0000001 code=true")
		r.lacks(wechatCode)
	})
}

func TestScannerThatTypesForWaitingSale(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		r.keys("enter")
		r.wedge(wechatCode)
		r.asked("new 500 ORDER0000001 code=false", "cancel sale_1", "new 500 ORDER0000001 code=true again")
		r.sees("Sending")
		r.lacks("not settled,", "An earlier sale") // the sale given up for it is no news
		r.state("sale_2", localapi.StatePaid, "")
		r.sees("✓ PAID")
	})
}

func TestTypedCodeNeverRacesASerialOne(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		r.keys("enter")
		r.agent.mu.Lock()
		r.agent.list[0].State = localapi.StateSending // a serial scanner was first; its event is still on the way
		r.agent.mu.Unlock()
		r.wedge(wechatCode)
		r.asked("new 500 ORDER0000001 code=false", "cancel sale_1")
		r.sees("UNKNOWN")
		if len(r.agent.codes) != 0 {
			t.Fatal("the code went out beside a running sale")
		}
	})
}

func TestTypedCodeWhenTheStopIsLost(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		r.keys("enter")
		r.agent.lose = errLost
		r.wedge(wechatCode)
		r.asked("new 500 ORDER0000001 code=false", "cancel sale_1")
		r.sees("The code was not sent")
		r.pass(6 * time.Second) // the next look tells that it was stopped
		r.sees("✗ NOT PAID")
	})
}

func TestScanFirst(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.wedge(wechatCode)
		r.sees("WeChat code read. Enter the amount: 10 s left")
		r.pass(3 * time.Second)
		r.sees("7 s left")
		r.amount("8")
		r.keys("enter")
		r.asked("new 800 ORDER0000001 code=true")
	})
	play(t, words.EN, nil, func(r *rig) {
		r.wedge(wechatCode)
		r.pass(11 * time.Second)
		r.sees("dropped")
		r.amount("8")
		r.keys("enter")
		r.asked("new 800 ORDER0000001 code=false")
	})
}

func TestRefusedScans(t *testing.T) {
	for name, c := range map[string]struct{ code, want string }{
		"product": {"6901234567892", "product barcode"},
		"gs1":     {"]C10106901234567892", "read badly"},
		"ean aim": {"]E06901234567892", "product barcode"},
		"link":    {"https://qr.example.com/pay", "link or a collection"},
		"noise":   {"13456789�12345678", "read badly"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, words.EN, nil, func(r *rig) {
				r.amount("5")
				r.keys("enter")
				r.wedge(c.code)
				r.sees(c.want, "SCAN the customer's payment code")
				r.asked("new 500 ORDER0000001 code=false")
			})
		})
	}
}

func TestStopping(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		r.keys("enter", "esc") // nothing was sent: no question
		r.sees("✗ NOT PAID", "before anything was sent")
		r.keys("enter")
		r.amount("6")
		r.wedge(wechatCode)
		r.keys("esc")
		r.sees("Stop the sale of ¥6.00?")
		r.keys("enter") // the safe answer
		r.sees("Sending")
		r.keys("esc", "y")
		r.asked("new 500 ORDER0000001 code=false", "cancel sale_1", "new 600 ORDER0000002 code=true", "cancel sale_2")
		r.sees("? BEING UNDONE, UNKNOWN", "do not hand over")
		r.state("sale_2", localapi.StateReversed, "")
		r.sees("✗ NOT PAID", "money goes back by itself")
	})
}

func TestStoppingFails(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("6")
		r.wedge(wechatCode)
		r.agent.lose = errLost
		r.keys("esc", "y")
		r.sees("No answer to the stop")
		r.pass(3 * time.Second)
		r.sees("BEING UNDONE") // it had arrived
		r.agent.mu.Lock()
		r.agent.list = nil
		r.agent.mu.Unlock()
		r.keys("enter")
		r.amount("7")
		r.keys("enter") // a new sale does not wait for the old one
		r.sees("SCAN", "1 sale not settled, ¥6.00")
		r.agent.list = nil
		r.keys("esc")
		r.sees("Could not stop it, the sale goes on: there is no sale")
	})
}

func TestQuestionGoesAwayWhenTheResultComes(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("6")
		r.wedge(wechatCode)
		r.keys("esc")
		r.wedge(wechatCode)
		r.sees("Stop the sale")
		r.state("sale_1", localapi.StatePaid, "")
		r.sees("✓ PAID")
		r.lacks("Stop the sale")
	})
}

func TestUnknownStaysAndIsSettledLater(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("6")
		r.wedge(wechatCode)
		r.state("sale_1", localapi.StateUnknown, "")
		r.sees("? UNKNOWN", "Do not charge again")
		r.keys("7") // the next customer
		r.sees("? 1 sale not settled, ¥6.00")
		r.keys("enter")
		r.state("sale_1", localapi.StatePaid, "")
		r.sees("An earlier sale is settled: ✓ paid ¥6.00", "SCAN")
		r.state("sale_2", localapi.StateCancelled, "cancelled")
		r.keys("enter")
		r.sees("✓ PAID", "Earlier sale of 08:00")
	})
	play(t, words.EN, nil, func(r *rig) { // a late change of the sale on the screen changes the banner
		r.amount("6")
		r.wedge(wechatCode)
		r.state("sale_1", localapi.StateUnknown, "")
		r.state("sale_1", localapi.StateDeclined, "balance_low")
		r.sees("✗ NOT PAID", "Not enough money")
		r.keys("f5")
		r.asked("new 600 ORDER0000001 code=true", "new 600 ORDER0000002 code=false")
	})
}

func TestAgentAway(t *testing.T) {
	play(t, words.EN, func(a *agent) { a.gone = true }, func(r *rig) {
		r.sees("The agent is not running")
		r.amount("5")
		r.keys("enter")
		r.sees("not started", "The agent is not running")
		r.agent.gone = false
		r.pass(4 * time.Second)
		r.lacks("The agent is not running (")
		r.asked("new 500 ORDER0000001 code=false") // nothing starts by itself
		r.keys("enter")
		r.asked("new 500 ORDER0000001 code=false", "new 500 ORDER0000001 code=false")
		r.sees("SCAN")
		r.wedge(wechatCode)
		r.agent.gone = true
		r.pass(6 * time.Second)
		r.sees("? UNKNOWN", "no answer")
		r.agent.gone = false
		r.pass(6 * time.Second)
		r.sees("Sending")
	})
}

func TestLostAnswer(t *testing.T) {
	for _, obeyed := range []bool{true, false} {
		play(t, words.EN, nil, func(r *rig) {
			r.amount("5")
			if obeyed {
				r.agent.lose = errLost
			} else {
				r.agent.refuse = errLost
			}
			r.keys("enter")
			r.sees("? UNKNOWN", "may or may not have taken")
			r.amount("99") // an uncertain sale keeps its amount
			r.agent.refuse = nil
			if obeyed {
				r.pass(6 * time.Second) // the next look shows it
				r.asked("new 500 ORDER0000001 code=false")
			} else {
				r.keys("enter")
				r.asked("new 500 ORDER0000001 code=false", "new 500 ORDER0000001 code=false")
			}
			r.sees("SCAN")
			if r.agent.created != 1 {
				t.Fatalf("obeyed %t: %d sales", obeyed, r.agent.created)
			}
		})
	}
}

func TestRefusedByTheAgent(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.agent.refuse = fault.New(fault.Denied, "till.locked", "the till is locked: unlock it first")
		r.amount("5")
		r.keys("enter")
		r.sees("Not started: the till is locked")
		r.agent.refuse = nil
		r.keys("enter")
		r.asked("new 500 ORDER0000001 code=false", "new 500 ORDER0000002 code=false")
	})
}

func TestResume(t *testing.T) {
	at := func(age time.Duration) *time.Time { t := time.Now().Add(-age); return &t }
	play(t, words.EN, func(a *agent) {
		a.list = []localapi.Sale{
			{ID: "a", Amount: 100, State: localapi.StateUnknown, CreatedAt: *at(time.Hour)},
			{ID: "b", Amount: 700, State: localapi.StatePassword, CreatedAt: *at(20 * time.Second), ScannedAt: at(15 * time.Second)},
		}
	}, func(r *rig) {
		r.sees("The customer is typing the password", "00:15", "? 1 sale not settled, ¥1.00")
	})
	play(t, words.EN, func(a *agent) {
		a.list = []localapi.Sale{{ID: "a", Amount: 100, State: localapi.StatePaid, CreatedAt: *at(time.Minute), FinishedAt: at(time.Minute)}}
	}, func(r *rig) {
		r.sees("✓ PAID", "Earlier sale of 07:59")
	})
	play(t, words.EN, func(a *agent) {
		a.list = []localapi.Sale{{ID: "a", Amount: 100, State: localapi.StatePaid, CreatedAt: *at(time.Hour), FinishedAt: at(time.Hour)}}
	}, func(r *rig) {
		r.lacks("✓ PAID")
	})
}

func TestAmountsTyped(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"12.80", "new 1280"}, {"12.8", "new 1280"}, {"12", "new 1200"}, {"12.", "new 1200"}, {".5", "new 50"},
		{"0012", "new 1200"}, {"1.234", "new 123"}, {"1..2", "new 120"}, {"１２。８０", "new 1280"},
		{"100000000", "new 10000000000"}, {"0", ""}, {"0.00", ""}, {"", ""}, {"999999999", ""},
	} {
		play(t, words.EN, nil, func(r *rig) {
			r.amount(c.keys)
			r.keys("enter")
			got := strings.Join(r.agent.asked, ";")
			if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) || (c.want != "" && !strings.HasPrefix(got, c.want+" ")) {
				t.Errorf("%q: asked %q, want %q", c.keys, got, c.want)
			}
		})
	}
}

func TestEditing(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("15")
		r.keys("backspace", "2", "enter")
		r.asked("new 1200 ORDER0000001 code=false")
	})
	play(t, words.EN, nil, func(r *rig) {
		r.amount("15")
		r.keys("esc", "enter")
		r.asked()
		r.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("12.80")}) // all in one read, with Enter
		r.send(keyMsg("enter"))
		r.asked("new 1280 ORDER0000001 code=false")
	})
}

func TestQuitIsGuarded(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("ctrl+c", "ctrl+c")
		if r.left {
			t.Fatal("ctrl+c left")
		}
		r.keys("ctrl+q")
		r.sees("Leave the cashier's screen?")
		r.keys("enter", "f10", "esc")
		if r.left {
			t.Fatal("left without a yes")
		}
		r.keys("ctrl+q", "ctrl+q")
		if !r.left {
			t.Fatal("did not leave")
		}
	})
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		r.keys("enter", "f10")
		r.sees("there are sales not settled")
		r.keys("y")
		if !r.left {
			t.Fatal("did not leave")
		}
	})
}

func TestLanguageAndSales(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("f2")
		r.sees("收款金额")
		r.keys("f2", "f3")
		r.sees("Only the last 10 sales")
		r.keys("5") // an amount begins at once
		r.sees("AMOUNT (yuan)")
		r.keys("f3")
		r.m.Post(localapi.Event{Kind: localapi.EventSale, Sale: &localapi.Sale{ID: "x", State: localapi.StateSending, CreatedAt: time.Now()}})
		r.settle()
		r.sees("Only the last 10 sales") // somebody else's sale does not take the screen from a typed amount
		r.keys("esc", "esc")
		r.keys("f3")
		r.state2("x", localapi.StatePaid)
		r.lacks("Only the last 10 sales")
	})
}

// state2 tells of a sale the agent's list does not have.
func (r *rig) state2(id string, s localapi.State) {
	r.m.Post(localapi.Event{Kind: localapi.EventSale, Sale: &localapi.Sale{ID: id, State: s, CreatedAt: time.Now()}})
	r.settle()
}

func TestAnswerOvertakenByEvents(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("5")
		_, cmd := r.m.Update(keyMsg("enter"))
		msg := cmd() // the agent has answered "waiting"; nobody has read it yet
		r.state("sale_1", localapi.StatePaid, "")
		r.sees("✓ PAID")
		r.send(msg)
		r.sees("✓ PAID")
	})
}

// TestNobodyWaitsForADeferredSale: the next customer comes at once, what was paid says nothing, and a
// loss is shown.
func TestNobodyWaitsForADeferredSale(t *testing.T) {
	play(t, words.EN, allowed, func(r *rig) {
		for _, id := range []string{"sale_1", "sale_2"} {
			r.amount("12.8")
			r.keys("enter")
			r.sale(id, deferred)
			r.sees("ACCEPTED OFFLINE", "You may hand over.", "17 sales")
			r.lacks("PAID", "do not hand over")
			r.keys("enter")
			r.sees("AMOUNT (yuan)")
			r.lacks("not settled,")
		}
		r.state("sale_1", localapi.StateAccepted, "collecting")
		r.state("sale_1", localapi.StatePaid, "")
		r.sees("AMOUNT (yuan)")
		r.state("sale_2", localapi.StateDeclined, "balance_low")
		r.sees("NOT COLLECTED", "Not enough money", "The goods are gone")
	})
}

// TestARefusedOfflineCodeSaysWhy in both languages.
func TestARefusedOfflineCodeSaysWhy(t *testing.T) {
	for lang, want := range map[words.Lang]string{words.EN: "the offline total does not allow", words.ZH: "离线总额不够"} {
		play(t, lang, allowed, func(r *rig) {
			r.agent.refuse = fault.New(fault.Conflict, "offline.sum", "the agent's words")
			r.amount("12.8")
			r.keys("enter")
			r.sees(want)
		})
	}
}
