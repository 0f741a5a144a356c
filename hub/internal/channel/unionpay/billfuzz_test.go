package unionpay

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
)

// FuzzReadBill: whatever a file says, it is read or refused, and no line that is handed on moves nothing.
func FuzzReadBill(f *testing.F) {
	f.Add(strings.Repeat(" ", zmLine) + "\r\n")
	c := &Channel{merID: "777290058110048", now: func() time.Time { return time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC) }}
	f.Fuzz(func(t *testing.T, text string) {
		_ = c.ReadBill(channel.TradeBill, strings.NewReader(text), func(l channel.BillLine) error {
			if l.Amount.Charge() != nil {
				t.Errorf("handed on: %+v", l)
			}
			return nil
		})
	})
}
