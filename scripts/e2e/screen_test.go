package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/scripts/internal/tuidrive"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// walk is a cashier at the real screen of a real till, with a scanner in the hand.
type walk struct {
	*testing.T
	ctx    context.Context
	lab    *rig.Lab
	till   *rig.Till
	screen *tuidrive.Screen
	codes  []string
}

// openScreen starts the screen's program on the till.
func openScreen(t *testing.T, ctx context.Context, r *rig.Rig, l *rig.Lab, till *rig.Till) *walk {
	t.Helper()
	screen, err := tuidrive.Start(exec.Command(r.Program("cashier-tui"), "--data", till.Data, "--lang", "en"), 100, 30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := screen.Close(); err != nil {
			t.Error(err)
		}
	})
	return &walk{T: t, ctx: ctx, lab: l, till: till, screen: screen}
}

// sees waits for the texts.
func (w *walk) sees(texts ...string) {
	w.Helper()
	if err := w.screen.Await(w.ctx, texts...); err != nil {
		w.Fatal(err)
	}
}

func (w *walk) gone(text string) {
	w.Helper()
	if err := w.screen.AwaitGone(w.ctx, text); err != nil {
		w.Fatal(err)
	}
}

// keys presses keys one after the other.
func (w *walk) keys(names ...string) {
	w.Helper()
	if err := w.screen.Press(names...); err != nil {
		w.Fatal(err)
	}
}

// amount types an amount and waits until it stands there in its figures' place: the list of keys changes with it.
func (w *walk) amount(text string) {
	w.Helper()
	w.sees("Enter")
	for _, sign := range text {
		w.keys(string(sign))
	}
	w.sees("Esc clear")
}

// customer shows a payment code with the fate, and it is scanned.
func (w *walk) customer(wallet pay.Wallet, fate string) {
	w.Helper()
	code, err := w.lab.Code(w.ctx, wallet, fate)
	if err == nil {
		w.codes = append(w.codes, code)
		err = w.till.Scan(code)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// sells types an amount, starts, and scans.
func (w *walk) sells(amount string, wallet pay.Wallet, fate string) {
	w.Helper()
	w.amount(amount)
	w.keys("enter")
	w.sees("SCAN the customer's payment code")
	w.customer(wallet, fate)
}

// next leaves a result for the next amount.
func (w *walk) next() {
	w.Helper()
	w.keys("enter")
	w.sees("AMOUNT (yuan)")
}

// newest is the newest sale of the till that is wanted.
func (w *walk) newest(wanted func(localapi.Sale) bool) (found localapi.Sale) {
	w.Helper()
	err := rig.Await(w.ctx, "the till has the sale", func() (bool, error) {
		list, err := w.till.Client.Sales(w.ctx, 50)
		for _, s := range list {
			if wanted(s) {
				found = s
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		w.Fatal(err)
	}
	return found
}

// TestTheCashiersScreen walks every flow of the cashier through the real program on a terminal.
func TestTheCashiersScreen(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	l := lab(t, ctx, r)
	till, err := r.Activate(ctx, l, "till")
	if err != nil {
		t.Fatal(err)
	}
	till.Flags = []string{"--price-barcodes", "20-29", "--confirm-above", "50000"}
	if err := till.PlugScanner(ctx); err != nil {
		t.Fatal(err)
	}
	if err := till.Open(ctx); err != nil {
		t.Fatal(err)
	}
	w := openScreen(t, ctx, r, l, till)
	w.sees("AMOUNT (yuan)", "link up", "scanner ok")

	w.wallets()
	w.shownCode()
	w.cash()
	w.split()
	w.searchAndRefund()
	w.wrongMoments()
	w.labels()
	w.language()

	w.keys("ctrl+q")
	w.sees("Leave the cashier's screen?")
	w.keys("ctrl+q")
	if err := w.screen.Wait(ctx); err != nil {
		t.Errorf("the screen ended with %v", err)
	}
	drawn := w.screen.Drawn()
	for _, code := range w.codes {
		if strings.Contains(drawn, code) {
			t.Error("a payment code was drawn")
		}
	}
	if !strings.Contains(drawn, "\x1b[?1049l") {
		t.Error("the terminal was not given back")
	}
	agree(t, ctx, l, []*rig.Till{till})
	sealed(t, ctx, r, l, []*rig.Till{till})
}

// wallets: paid, declined, a password, and a result that nobody knows for a while.
func (w *walk) wallets() {
	w.Helper()
	bells := w.screen.Bells()
	w.sells("12.80", pay.WeChat, "07")
	w.sees("✓ PAID", "You may hand over")
	if err := w.screen.AwaitBells(w.ctx, bells+1); err != nil {
		w.Fatal(err)
	}
	w.next()
	w.sells("5", pay.Alipay, "50")
	w.sees("✗ NOT PAID", "Not enough money")
	w.next()
	w.sells("6.60", pay.WeChat, "53")
	w.sees("The customer is typing the password", "the customer has about")
	w.sees("✓ PAID")
	w.next()
	bells = w.screen.Bells()
	w.sells("7.70", pay.WeChat, "60") // charged, and the answer is lost
	w.sees("? UNKNOWN", "Do not charge again, do not hand over")
	if err := w.screen.AwaitBells(w.ctx, bells+3); err != nil {
		w.Fatal(err)
	}
	w.sees("✓ PAID")
	w.next()
}

func (w *walk) shownCode() {
	w.Helper()
	w.amount("3.30")
	w.keys("f4")
	w.sees("Whose code will the customer scan?")
	w.keys("w")
	w.sees("SCAN TO PAY")
	s := w.newest(func(s localapi.Sale) bool { return s.QR != "" })
	if err := customer(w.ctx, w.lab, s.QR, "00"); err != nil {
		w.Fatal(err)
	}
	w.sees("✓ PAID", "You may hand over")
	w.next()
}

func (w *walk) cash() {
	w.Helper()
	w.amount("12.80")
	w.keys("+")
	w.sees("Received (yuan)", "F6 ¥20.00")
	w.keys("f6")
	w.sees("✓ PAID ¥12.80", "received ¥20.00", "CHANGE")
	if s := w.newest(func(s localapi.Sale) bool { return s.Received != 0 }); s.Change != 720 {
		w.Errorf("%+v", s)
	}
	w.next()
}

// split: cash and a wallet pay one bill; between the two the screen is closed and finds the bill again.
func (w *walk) split() {
	w.Helper()
	w.amount("30")
	w.keys("*")
	w.sees("BILL ¥30.00 paid ¥0.00 LEFT ¥30.00", "PART (yuan)")
	w.amount("10")
	w.keys("+")
	w.sees("Received (yuan)")
	w.keys("enter")
	w.sees("✓ PAID", "LEFT ¥20.00")
	w.keys("enter")
	w.sees("PART (yuan)")

	w.keys("ctrl+q")
	w.sees("Leave the cashier's screen?")
	w.keys("ctrl+q")
	if err := w.screen.Wait(w.ctx); err != nil {
		w.Fatal(err)
	}
	again := openScreen(w.T, w.ctx, w.till.Rig(), w.lab, w.till)
	w.screen = again.screen
	w.sees("Unfinished bill of ¥30.00", "left ¥20.00")
	w.keys("y")
	w.sees("PART (yuan)", "LEFT ¥20.00")
	w.keys("enter") // all that is left
	w.sees("SCAN the customer's payment code")
	w.customer(pay.Alipay, "11")
	w.sees("✓ PAID", "The bill of ¥30.00 is paid in full")
	w.next()
	part := w.newest(func(s localapi.Sale) bool { return s.Bill != "" })
	bill, err := w.till.Client.Bill(w.ctx, part.Bill)
	if err != nil || bill.Paid != 3000 || bill.Left != 0 || bill.Open != 0 || len(bill.Sales) != 2 {
		w.Errorf("%+v, %v", bill, err)
	}
}

// searchAndRefund finds the first sale by the end of its wallet number and gives its money back.
func (w *walk) searchAndRefund() {
	w.Helper()
	sold := w.newest(func(s localapi.Sale) bool { return s.Amount == 1280 && s.Tender == localapi.TenderWallet })
	w.keys("f3")
	w.sees("LAST SALES", "/ search")
	w.keys("/")
	w.sees("SEARCH", "> _")
	for _, sign := range sold.WalletRef[len(sold.WalletRef)-4:] {
		w.keys(string(sign))
	}
	w.sees("> " + sold.WalletRef[len(sold.WalletRef)-4:] + "_")
	w.keys("enter")
	w.sees("FOUND: ", "¥12.80")
	w.keys("enter")
	w.sees("What happened", sold.WalletRef, sold.OrderNo)
	w.keys("f7")
	w.sees("Refund ¥12.80")
	w.keys("y")
	w.sees("refunded to the customer's wallet")
	w.keys("esc")
	w.sees("FOUND: ")
	w.keys("esc")
	w.sees("LAST SALES", "/ search")
	w.keys("esc")
	w.sees("AMOUNT (yuan)")
}

// wrongMoments: scans that nobody asked for are refused with a sound, and charge nothing.
func (w *walk) wrongMoments() {
	w.Helper()
	bells := w.screen.Bells()
	w.customer(pay.WeChat, "01")
	w.sees("No sale waits. Enter the amount first, then scan.")
	if err := w.till.Scan("6901234567892"); err != nil {
		w.Fatal(err)
	}
	w.sees("This is a product barcode")
	if err := w.screen.AwaitBells(w.ctx, bells+3); err != nil { // two and two; a second refusal cuts the first one short
		w.Fatal(err)
	}
	sold := w.newest(func(s localapi.Sale) bool { return s.Change != 0 })
	if err := w.till.Scan(sold.ID); err != nil { // the QR of its receipt
		w.Fatal(err)
	}
	w.sees("What happened", "Received ¥20.00, change ¥7.20", "F7 refund")
	w.keys("esc")
	w.sees("AMOUNT (yuan)")
	if err := w.till.Scan("sale_01KB0000000000000000000000"); err != nil {
		w.Fatal(err)
	}
	w.sees("This receipt is another till's")
	w.amount("9")
	w.keys("enter")
	w.sees("SCAN the customer's payment code")
	other := w.newest(func(s localapi.Sale) bool { return s.Amount == 330 }) // the same again at once would be a double read
	if err := w.till.Scan(other.ID); err != nil {
		w.Fatal(err)
	}
	w.sees("Finish this sale first")
	w.keys("esc")
	w.sees("✗ NOT PAID")
	w.next()
}

// labels: a scale's label is the amount, a second one adds nothing; a large amount is asked about once more.
func (w *walk) labels() {
	w.Helper()
	label := func(digits string) {
		w.Helper()
		if err := w.till.Scan(digits); err != nil {
			w.Fatal(err)
		}
	}
	label("2012345012806")
	w.sees("AMOUNT (yuan)", "Esc clear")
	label("2012345000506")
	w.sees("One label is one amount")
	w.keys("enter")
	w.sees("SCAN the customer's payment code")
	if s := w.newest(func(s localapi.Sale) bool { return s.State == localapi.StateWaiting }); s.Amount != 1280 {
		w.Errorf("the label's sale is %+v", s)
	}
	w.keys("esc")
	w.sees("✗ NOT PAID")
	w.next()
	w.amount("500")
	w.keys("enter")
	w.sees("Charge ¥500.00?")
	w.keys("enter") // no
	w.gone("Charge ¥500.00?")
	w.keys("esc")
	w.gone("Esc clear")
}

func (w *walk) language() {
	w.Helper()
	w.keys("f2")
	w.sees("云收银", "收款金额（元）", "最近收款")
	w.keys("f2")
	w.sees("AMOUNT (yuan)")
}
