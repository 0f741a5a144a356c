package screen

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// units are what customers round up to, in fen: five yuan and the notes above.
var units = []int64{500, 1000, 2000, 5000, 10000}

// quickKeys stand for the sums that customers are likely to hand over.
var quickKeys = []Key{"f5", "f6", "f7", "f8"}

// likely are the next round sums above an amount, the smallest first, one for each quick key at most.
func likely(amount int64) (sums []int64) {
	for _, unit := range units {
		if sum := (amount + unit - 1) / unit * unit; sum > amount && sum <= money.Max && !slices.Contains(sums, sum) {
			sums = append(sums, sum)
		}
	}
	slices.Sort(sums)
	return sums[:min(len(sums), len(quickKeys))]
}

// CashBox asks how much cash was handed over. It is a dialog, so that no scan can answer it.
type CashBox struct {
	d      *Desk
	amount int64
	text   string
	take   func(received int64) tea.Cmd
}

// takeCash asks for the cash of the typed amount.
func (t *Till) takeCash() {
	a, ok := t.readAmount()
	if !ok || t.work != idle || !t.fits(a.Fen()) {
		return
	}
	t.d.Open(&CashBox{d: t.d, amount: a.Fen(), take: func(received int64) tea.Cmd {
		t.cash, t.wallet, t.armed = received, "", pay.Code{}
		return t.start()
	}})
}

// Stale is never: only its keys end it.
func (c *CashBox) Stale() bool { return false }

// received is what was typed; ok is false while it is no sum that covers the amount.
func (c *CashBox) received() (fen int64, ok bool) {
	if c.text == "" {
		return c.amount, true
	}
	a, err := money.ParseYuan(strings.TrimSuffix(c.text, "."))
	return a.Fen(), err == nil && a.Fen() >= c.amount && a.Fen() <= money.Max
}

// Press handles a key; Enter takes what was typed, or exactly the amount.
func (c *CashBox) Press(k Key) (cmd tea.Cmd, done bool) {
	if sign, ok := amountSign(k); ok {
		c.text = appendAmount(c.text, sign)
		return nil, false
	}
	if i := slices.Index(quickKeys, k); i >= 0 && i < len(likely(c.amount)) {
		return c.take(likely(c.amount)[i]), true
	}
	switch k {
	case "esc":
		return nil, true
	case "backspace":
		c.text = c.text[:max(len(c.text)-1, 0)]
	case "enter":
		fen, ok := c.received()
		if !ok {
			c.d.Ring(ringRefusal)
			return nil, false
		}
		return c.take(fen), true
	}
	return nil, false
}

// Hints are its keys.
func (c *CashBox) Hints() []Hint {
	say := c.d.Lang.Say
	done := Hint{"Enter", say(words.KeyExact)}
	if c.text != "" {
		done.Text = say(words.KeyDone)
	}
	return []Hint{done, {"Esc", say(words.KeyBack)}}
}

// View draws the sum typed, the change as it will be, and the quick keys.
func (c *CashBox) View(t widget.Theme, w, h int) string {
	say := c.d.Lang.Say
	inner := min(w-4, 56)
	body := []string{t.Band(widget.Notice, widget.Center(say(words.CashTitle, t.Yuan(c.amount)), inner))}
	body = append(body, widget.Wrap(say(words.CashReceived, t.Yuan(c.amount)), inner)...)
	body = append(body, "", "> "+c.text+"_")
	switch fen, ok := c.received(); {
	case c.text == "":
		body = append(body, "")
	case ok:
		body = append(body, say(words.CashChange, t.Yuan(fen-c.amount)))
	default:
		body = append(body, t.Text(widget.Notice, say(words.CashTooLow, t.Yuan(max(c.amount-fen, 0)))))
	}
	var quick []string
	for i, sum := range likely(c.amount) {
		quick = append(quick, strings.ToUpper(string(quickKeys[i]))+" "+t.Yuan(sum))
	}
	body = append(append(body, ""), widget.Flow(quick, inner, 2)...)
	pad := widget.Fit("", (w-inner)/2)
	for i, line := range body {
		body[i] = pad + line
	}
	for range max(0, (h-len(body))/3) {
		body = append([]string{""}, body...)
	}
	return join(widget.Page(body, w, h))
}

// paidCash is the result of a sale in cash. What the cashier must do now stands in the big figures: the change.
func (t *Till) paidCash(w int, s localapi.Sale) []string {
	d, say := t.d, t.d.Lang.Say
	title := " " + d.Theme.Sign(pay.Paid) + " " + say(words.TitleCash, d.Theme.Yuan(s.Amount), d.Theme.Yuan(s.Received))
	lines := []string{d.Theme.Band(widget.Good, widget.Fit(title, w)), "", d.Theme.Text(widget.Notice, say(words.LabelChange))}
	return append(append(lines, d.Theme.Block(widget.Good, yuan(s.Change), w)...), "")
}

// confirmLarge asks once more from the amount on that the store has set; ok is true when nothing is to be asked.
func (t *Till) confirmLarge(fen int64) (ok bool) {
	limit := t.d.confirmAbove()
	if limit == 0 || fen < limit || t.sure == fen {
		return true
	}
	l := t.d.Lang
	t.d.Open(&Confirm{Title: l.Say(words.ConfirmLargeTitle, t.d.Theme.Yuan(fen)), Body: l.Say(words.ConfirmLargeBody, t.d.Theme.Yuan(limit)),
		YesText: l.Say(words.ConfirmLargeYes), NoText: l.Say(words.ConfirmLargeNo), Yes: func() tea.Cmd {
			t.sure = fen
			return t.start()
		}})
	return false
}

// confirmAbove is the lower of what the till's set-up and this screen's settings say; 0: never.
func (d *Desk) confirmAbove() int64 {
	a, b := d.Status.ConfirmAbove, d.Prefs.ConfirmAbove
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
