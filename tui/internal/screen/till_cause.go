package screen

import (
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// passwordTime is about how long a customer has for the password, from the scan on: the hub gives a payment up then, and
// undoes it.
const passwordTime = 45 * time.Second

// passwordLeft counts down while the customer is typing. What ends it is the hub's word alone.
func (t *Till) passwordLeft(took time.Duration) string {
	if took >= passwordTime {
		return t.d.Lang.Say(words.PasswordOver)
	}
	return t.d.Theme.Text(widget.Notice, t.d.Lang.Say(words.PasswordLeft, widget.Lasted(passwordTime-took+time.Second-1)))
}

// cause tells in plain words why nothing is known, for how long, and what can be chosen.
func (t *Till) cause(w int, s localapi.Sale) (lines []string) {
	if t.d.Away() || s.ID == "" {
		return nil
	}
	say, why := t.d.Lang.Say, words.WhyHub
	switch {
	case t.d.Status.Link == "down":
		why = words.WhyLinkDown
	case s.PaymentID != "":
		why = words.WhyWallet
	}
	return widget.Wrap(say(why)+" "+say(words.Elapsed, widget.Lasted(t.lasts(s))), w)
}

// lasts is how long a sale has been under way.
func (t *Till) lasts(s localapi.Sale) time.Duration {
	began := s.CreatedAt
	if s.ScannedAt != nil {
		began = *s.ScannedAt
	}
	return t.d.Now.Sub(began)
}

// unknownNext says what to do now; when it has lasted long, what can be chosen.
func (t *Till) unknownNext(s localapi.Sale) words.Key {
	if t.lasts(s) >= askAfter {
		return words.UnknownChoice
	}
	return words.UnknownNext
}
