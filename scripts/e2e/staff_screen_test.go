package e2e

import (
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
)

// TestTheStaffsScreens walks what store staff do through the real program on a terminal: a wrong and a right PIN, a refund
// above the limit that a supervisor approves, the day, the terminal's health, a self-test, every key, and training.
func TestTheStaffsScreens(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	knows(t, ctx, till, 2) // the lab's own: a cashier up to 50.00, and a supervisor
	w := openScreen(t, ctx, r, l, till)
	w.sees("AMOUNT (yuan)", "link up")
	w.people()
	w.offices()
	w.training()
	agree(t, ctx, l, []*rig.Till{till})
	sealed(t, ctx, r, l, []*rig.Till{till})
}

// types gives the signs of a PIN or a text, and Enter.
func (w *walk) types(text string) {
	w.Helper()
	for _, sign := range text {
		w.keys(string(sign))
	}
	w.keys("enter")
}

// back presses Esc and waits for what is behind: a sign right after it would be another key.
func (w *walk) back(to string) {
	w.Helper()
	w.keys("esc")
	w.sees(to)
}

func (w *walk) people() {
	w.Helper()
	w.keys("f12")
	w.sees("Number or Enter opens", "Operators")
	w.keys("2")
	w.sees("WHO IS ON DUTY", "小李", "王店长")
	w.keys("1")
	w.sees("PIN of 小李")
	w.types("9153")
	w.sees("Wrong PIN of 小李: 4 more tries.")
	w.keys("1")
	w.sees("PIN of 小李")
	w.types("2580")
	w.sees("小李 is on duty.")
	w.back("AMOUNT (yuan)")

	w.amount("60")
	w.keys("+")
	w.sees("Received (yuan)")
	w.keys("enter")
	w.sees("✓ PAID")
	w.next()
	w.keys("f3")
	w.sees("LAST SALES", "F7 refund")
	w.keys("f7")
	w.sees("Refund ¥60.00")
	w.keys("y")
	w.sees("Who approves the refund of ¥60.00?", "王店长")
	w.keys("1")
	w.sees("PIN of 王店长")
	w.types("739146")
	w.sees("given back in cash")
	s := w.newest(func(s localapi.Sale) bool { return s.RefundedAmount == 6000 })
	list, err := w.till.Client.Refunds(w.ctx, s.ID)
	if err != nil || len(list) != 1 || list[0].Operator == "" || list[0].ApprovedBy == "" || list[0].Operator == list[0].ApprovedBy {
		w.Errorf("%+v, %v", list, err)
	}
	w.keys("esc")
	w.sees("AMOUNT (yuan)")
}

func (w *walk) offices() {
	w.Helper()
	w.keys("f12")
	w.sees("Number or Enter opens")
	w.keys("3")
	w.sees("By payment", "Refunded", "Cash")
	w.back("Number or Enter opens")
	w.keys("4")
	w.sees("TERMINAL HEALTH", "clock")
	w.back("Number or Enter opens")
	w.keys("5")
	w.sees("Cash drawer", "Voice")
	w.back("Number or Enter opens")
	w.keys("f1")
	w.sees("KEYS", "EVERYWHERE", "last sales")
	w.keys("f12")
	w.sees("Number or Enter opens")
	w.back("AMOUNT (yuan)")
}

// training is paid by the amount's last digits, and nothing of it is there afterwards.
func (w *walk) training() {
	w.Helper()
	const band = "TRAINING 培训 NO MONEY MOVES"
	w.keys("f12")
	w.sees("Number or Enter opens")
	w.keys("9")
	w.sees("Training is off: sales are real.")
	w.keys("y")
	w.sees(band, "AMOUNT (yuan)")
	w.amount("88.10")
	w.keys("+")
	w.sees("Received (yuan)")
	w.keys("enter")
	w.sees(band, "TRAINING PAID", "hand nothing over")
	w.keys("f12")
	w.sees("Number or Enter opens")
	w.keys("9")
	w.sees("Training is on")
	w.keys("y")
	w.gone(band)
	w.sees("¥60.00 Cash") // the real till's; its last result may stand there once more, as after any start of the screen
	sales, err := w.till.Client.Sales(w.ctx, 50)
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range sales {
		if s.Amount == 8810 || s.Training {
			w.Errorf("training left a sale: %+v", s)
		}
	}
}
