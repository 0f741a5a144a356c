package screen

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/words"
)

// Receipt is the number, or the sale's own name, when the scan is a receipt of a till: ten digits that begin with a zero,
// which no product's barcode has, or "sale_" and its sign. What else stands on the paper is not read.
func (s Scan) Receipt() (number string, ok bool) {
	text := strings.TrimFunc(s.text, func(r rune) bool { return r <= ' ' || r == 0x7f })
	if id, rest, ok := aim(text); ok && id != 'E' && id != 'e' {
		text = rest
	}
	if name, ok := strings.CutPrefix(text, "sale_"); ok {
		return text, len(name) == 26 && strings.Trim(name, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
	}
	return text, len(text) == 10 && text[0] == '0' && strings.Trim(text, "0123456789") == ""
}

// label is the digits of an in-store EAN-13, which may hold a price: the agent knows.
func (s Scan) label() (digits string, ok bool) {
	text := strings.TrimFunc(s.text, func(r rune) bool { return r <= ' ' || r == 0x7f })
	if _, rest, ok := aim(text); ok {
		text = rest
	}
	return text, len(text) == 13 && strings.Trim(text, "0123456789") == "" && (text[0] == '2' || text[:2] == "02")
}

// noticed tells of a scan that is no payment code. The price of one item becomes the amount.
func (t *Till) noticed(n localapi.Notice) {
	if n.Kind == "price" {
		t.price(n.Amount)
		return
	}
	t.d.Ring(ringRefusal)
	t.tell(func(l words.Lang) string { return l.Notice(n) })
}

// price types the price of one item. One label is one amount: nothing is added up, because nobody could see which label
// was read twice.
func (t *Till) price(fen int64) {
	f := t.face()
	switch {
	case f == faceEntry && t.text == "", f == facePaid, f == faceNotPaid, f == faceDeferred:
		t.leave()
		t.notice = nil
		t.edit(yuan(fen))
	default:
		t.Refuse(words.NoticePriceBusy)
	}
}

// priced answers what a label is.
type priced struct {
	notice localapi.Notice
	err    error
}

// askPrice asks the agent what the label says.
func (t *Till) askPrice(digits string) tea.Cmd {
	agent := t.d.Archive
	return ask(func(ctx context.Context) tea.Msg {
		n, err := agent.Barcode(ctx, digits)
		return priced{n, err}
	})
}

func (t *Till) priced(m priced) {
	if m.err != nil {
		m.notice = notice("product")
	}
	t.noticed(m.notice)
}
