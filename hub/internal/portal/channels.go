package portal

import (
	"fmt"
	"time"

	"cloudcashier/shared/pay"
)

// Channel is a way to a wallet as operations see it.
type Channel struct {
	Name     string
	Wallet   pay.Wallet
	State    string // "taking", "drained", "maintenance", "open", "half-open": the last two are its breaker's
	Answered int    // pay calls of the last minutes
	Failed   int
	Mean     time.Duration // of the answered ones
}

// Roads lists the channels and how they are.
type Roads interface {
	Channels() []Channel
}

type channelRow struct{ Name, Wallet, State, Kind, Answered, Failed, Mean string }

// channels are the rows about channels; none when nobody tells.
func (p *Portal) channels(t *words) (rows []channelRow) {
	if p.deps.Roads == nil {
		return nil
	}
	for _, c := range p.deps.Roads.Channels() {
		kind := "up"
		if c.State != "taking" {
			kind = "down"
		}
		rows = append(rows, channelRow{Name: c.Name, Wallet: t.word(string(c.Wallet)), State: t.word("channel_" + c.State), Kind: kind,
			Answered: fmt.Sprint(c.Answered), Failed: fmt.Sprint(c.Failed), Mean: fmt.Sprintf("%d ms", c.Mean.Milliseconds())})
		if len(rows) == maxRows {
			break
		}
	}
	return rows
}
