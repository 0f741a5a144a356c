package screen

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/qr"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// modeQR is the mode of a sale whose code the customer scans.
const modeQR = "qr"

// shows are the wallets whose code may be shown, with the key of each.
var shows = []struct {
	key    Key
	wallet pay.Wallet
}{{"w", pay.WeChat}, {"a", pay.Alipay}}

// wantCode asks whose code the customer will scan, for the amount typed or for the sale that waits. Without a connection
// it says so at once.
func (t *Till) wantCode() {
	s, waiting := t.d.Book.Sale(t.sale)
	amount := s.Amount
	if !waiting {
		a, ok := t.readAmount()
		if !ok {
			return
		}
		amount = a.Fen()
	}
	if t.work != idle {
		return
	}
	if t.d.Status.Link == "down" {
		t.noticed(notice("sale.qr_offline"))
		return
	}
	l, sale := t.d.Lang, t.sale
	c := &Confirm{Title: l.Say(words.ChooseTitle, t.d.Theme.Yuan(amount)), Body: l.Say(words.ChooseBody), NoText: l.Say(words.ChooseNo),
		Answered: func() bool {
			now, ok := t.d.Book.Sale(sale)
			return t.sale != sale || ok && now.State != localapi.StateWaiting
		}}
	for _, one := range shows {
		c.Choices = append(c.Choices, Choice{Key: one.key, Text: l.WalletName(one.wallet), Do: func() tea.Cmd {
			if waiting {
				return t.change(localapi.NewSale{Amount: s.Amount, OrderNo: s.OrderNo, Mode: modeQR, Wallet: one.wallet, Bill: s.Bill, BillTotal: s.BillTotal})
			}
			t.wallet, t.armed, t.cash = one.wallet, pay.Code{}, 0
			return t.start()
		}})
	}
	t.d.Open(c)
}

// changed answers a request that makes something else of the sale on the screen.
type changed struct {
	id   string // the sale it was made for
	mark uint64
	sale localapi.Sale
	err  error
}

// change asks the agent to make something else of the sale on the screen: it shows a code now, or is stopped for the
// sake of a scanned one. The agent decides which sale the order is then.
func (t *Till) change(n localapi.NewSale) tea.Cmd {
	if t.work != idle {
		t.Refuse(words.NoticeScanBusy)
		return nil
	}
	t.work = changing
	id, agent, mark := t.sale, t.d.Agent, t.d.Book.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		s, err := agent.NewSale(ctx, n)
		return changed{id: id, mark: mark, sale: s, err: err}
	})
}

func (t *Till) changed(m changed) {
	if t.work == changing {
		t.work = idle
	}
	if m.err != nil {
		t.d.Ring(ringRefusal)
		t.tell(func(l words.Lang) string { return t.errorText(l, m.err) })
		return
	}
	t.d.Book.Answer(m.mark, m.sale)
	t.followHeir()
}

// scanInstead hands the agent a code that was typed while ours is shown. It stops ours first, and charges this one only
// when ours is proven unpaid.
func (t *Till) scanInstead(code pay.Code) tea.Cmd {
	s, _ := t.d.Book.Sale(t.sale)
	cmd := t.change(localapi.NewSale{Amount: s.Amount, OrderNo: s.OrderNo, Code: code.Reveal(), Bill: s.Bill, BillTotal: s.BillTotal})
	if cmd != nil {
		t.Tell(words.NoticeScanInstead)
	}
	return cmd
}

// followHeir shows the sale that charges a scanned code in the place of the one whose code was shown.
func (t *Till) followHeir() {
	s, ok := t.d.Book.Sale(t.sale)
	if !ok || s.Mode != modeQR || s.State.Outcome() != pay.NotPaid {
		return
	}
	if heir, ok := t.d.Book.Order(s.OrderNo, s.ID); ok && !heir.CreatedAt.Before(s.CreatedAt) && !heir.State.Final() {
		t.show(heir.ID)
	}
}

// showingCode reports a sale that asks for a code or shows one; the next customer waits for it.
func (t *Till) showingCode() bool {
	s, _ := t.d.Book.Sale(t.sale)
	return s.Mode == modeQR && (s.State == localapi.StateSending || s.State == localapi.StateAccepted || s.State == localapi.StateShown)
}

// codeNow is the code to draw; ok is false while it must not be seen.
func (t *Till) codeNow() (c qr.Code, s localapi.Sale, ok bool) {
	s, _ = t.d.Book.Sale(t.sale)
	if t.face() != faceShown || s.QR == "" || s.QRUntil == nil || !t.d.Now.Before(*s.QRUntil) {
		return c, s, false
	}
	c, ok = qr.Make(s.QR)
	return c, s, ok
}

// codePanel draws the code with what the cashier reads above it, a notice too where there is room for one; ok is false
// when it does not fit.
func (t *Till) codePanel(c qr.Code, s localapi.Sale, noticed bool, w, h int) (lines []string, ok bool) {
	left := widget.Lasted(s.QRUntil.Sub(t.d.Now) + time.Second - 1)
	lines = []string{t.d.Theme.Band(widget.Notice, widget.Fit(" "+t.d.Lang.Say(words.TitleShown, t.d.Theme.Yuan(s.Amount), left, t.d.Lang.Wallet(s)), w))}
	if t.work == stopping {
		lines = append(lines, t.d.Lang.Say(words.Stopping))
	}
	if t.notice != nil && noticed {
		for _, line := range widget.Wrap(t.notice(t.d.Lang), w) {
			lines = append(lines, t.d.Theme.Text(widget.Notice, line))
		}
	}
	drawn, ok := t.d.Theme.Code(c, w, h-len(lines))
	if !ok {
		return lines, false
	}
	pad := strings.Repeat(" ", (w-widget.Width(drawn[0]))/2)
	for _, line := range drawn {
		lines = append(lines, pad+line)
	}
	return lines, true
}

// Full draws the code on the whole window when it fits there and not within the frame, whose screen has frame lines.
func (t *Till) Full(w, h, frame int) (view string, ok bool) {
	c, s, ok := t.codeNow()
	if !ok {
		return "", false
	}
	if _, fits := t.codePanel(c, s, true, w, frame-len(t.alerts(w))); fits {
		return "", false
	}
	lines, ok := t.codePanel(c, s, false, w, h-1)
	var last string
	for _, hint := range t.Hints() {
		last += hint.Key + " " + hint.Text + "  "
	}
	if t.notice != nil {
		last = t.d.Theme.Text(widget.Notice, widget.Cut(t.notice(t.d.Lang), w))
	}
	return join(append(widget.Page(lines, w, h-1), widget.Cut(last, w))), ok
}

// shown is the screen of a code within the frame.
func (t *Till) shown(alerts []string, w, h int) string {
	c, s, ok := t.codeNow()
	room := h - len(alerts)
	if ok && w >= wide {
		left := w - listCells - 1
		if lines, fits := t.codePanel(c, s, true, left, room); fits {
			return join(widget.Page(append(alerts, widget.Beside(lines, left+1, recent(t.d, listCells, room-1))...), w, h))
		}
	}
	if ok {
		lines, fits := t.codePanel(c, s, true, w, room)
		if !fits { // no window that this one can become by itself: the text is all there is
			cw, ch := widget.CodeNeeds(c)
			lines = append(lines, widget.Wrap(t.d.Lang.Say(words.CodeTooBig, cw, ch+2), w)...)
			lines = append(append(lines, ""), widget.Wrap(s.QR, w)...)
		}
		return join(widget.Page(append(alerts, lines...), w, h))
	}
	why := words.CodeHidden
	if s.QRUntil != nil {
		why = words.CodeOver
	}
	lines := t.progress(w, widget.Notice, t.d.Lang.Say(words.TitleHidden), yuan(s.Amount))
	lines = append(lines, paragraphs(w, t.d.Lang.Say(why), t.d.Lang.Say(words.UnknownWhy))...)
	if t.work == stopping {
		lines = append(lines, t.d.Lang.Say(words.Stopping))
	}
	return join(widget.Page(append(alerts, lines...), w, h))
}
