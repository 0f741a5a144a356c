package screen

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/tui/internal/words"
)

// sure reports that an amount may be charged without, or after, a question. An amount above what the shop
// usually takes is more often a slip of the finger, or a barcode that a slow scanner typed.
func (t *Till) sure(a money.Amount) bool {
	from := t.d.Prefs.ConfirmAbove
	if from == 0 || a.Fen() < from || t.sureOf == a.Fen() {
		return true
	}
	l, text := t.d.Lang, t.text
	t.d.Open(&Confirm{
		Title:   l.Say(words.ConfirmLargeTitle, t.d.Theme.Yuan(a.Fen())),
		Body:    l.Say(words.ConfirmLargeBody),
		YesText: l.Say(words.ConfirmLargeYes),
		NoText:  l.Say(words.ConfirmLargeNo),
		Yes: func() tea.Cmd {
			t.sureOf = a.Fen()
			return t.start()
		},
		Answered: func() bool { return t.text != text || t.sale != "" },
	})
	return false
}

// Unread tells that the signs just typed were no amount: a slow scanner was typing, and its code comes as a scan.
type Unread struct{}

// runGap is the longest pause between two signs of one run.
const runGap = 400 * time.Millisecond

// typedRun is what the amount was before the signs that came one soon after the other.
type typedRun struct {
	before string
	at     time.Time
}

func (r *typedRun) note(text string, now time.Time) {
	if now.Sub(r.at) > runGap {
		r.before = text
	}
	r.at = now
}

// unread takes back what a slow scanner typed into the amount.
func (t *Till) unread() {
	if t.face() == faceEntry && t.d.Now.Sub(t.run.at) <= runGap {
		t.text, t.order = t.run.before, ""
	}
}

// Looked is the sale on the screen.
func (t *Till) Looked() (localapi.Sale, bool) { return t.d.Book.Sale(t.sale) }

// Doubts reports that the sale on the screen may have been charged.
func (t *Till) Doubts() bool { return t.face() == faceUnknown }
