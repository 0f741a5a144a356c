package localapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"cloudcashier/shared/pay"
)

// Day is what a till took on one day of the shop. A sale belongs to the day on which it was proven paid,
// a refund to the day on which it was proven to have gone back. What is not settled is in no sum of these.
type Day struct {
	Date     string    `json:"date"` // 2026-11-25, in the shop's zone
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Paid     int       `json:"paid"`
	Gross    int64     `json:"gross"` // fen of what is paid
	Refunds  int       `json:"refunds"`
	Refunded int64     `json:"refunded"` // fen
	Net      int64     `json:"net"`      // gross minus refunded; below zero when older sales went back
	NotPaid  int       `json:"not_paid"` // ended on that day without money
	Lines    []DayLine `json:"lines"`    // by tender and wallet
	Hours    []DayHour `json:"hours"`    // those in which something was paid, in their order

	Open              int   `json:"open"`            // scanned on that day and not settled: the customer may have been charged
	OpenAmount        int64 `json:"open_amount"`     // fen
	Deferred          int   `json:"deferred"`        // accepted offline on that day and not collected; not among the open ones
	DeferredAmount    int64 `json:"deferred_amount"` // fen
	OpenRefunds       int   `json:"open_refunds"`    // asked for on that day and not settled
	OpenRefundsAmount int64 `json:"open_refunds_amount"`
}

// DayLine is one way of paying on a day.
type DayLine struct {
	Tender   Tender     `json:"tender"`
	Wallet   pay.Wallet `json:"wallet,omitempty"`
	Paid     int        `json:"paid"`
	Gross    int64      `json:"gross"`
	Refunds  int        `json:"refunds"`
	Refunded int64      `json:"refunded"`
	Net      int64      `json:"net"`
}

// DayHour is one hour of a day, by the shop's clock.
type DayHour struct {
	Hour  int   `json:"hour"` // 0 to 23
	Paid  int   `json:"paid"`
	Gross int64 `json:"gross"`
}

// Day reads what the till took on a day, written 2026-11-25.
func (c *Client) Day(ctx context.Context, date string) (d Day, err error) {
	return d, c.do(ctx, http.MethodGet, "/v1/days/"+url.PathEscape(date), nil, &d)
}
