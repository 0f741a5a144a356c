package localapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Bill is what several sales pay together. Nothing of it is kept: it is what its parts say.
type Bill struct {
	Number string `json:"number"`
	Total  int64  `json:"total"` // fen
	Paid   int64  `json:"paid"`  // fen that are proven to be paid; what went back of a part stays in here
	Open   int64  `json:"open"`  // fen of parts that are not settled
	Left   int64  `json:"left"`  // fen that another part may take
	Sales  []Sale `json:"sales"` // its parts, oldest first, those that were not paid too
}

// Details is everything about one sale.
type Details struct {
	Sale    Sale        `json:"sale"`
	Number  int64       `json:"number"`  // its receipt's
	Events  []Happening `json:"events"`  // oldest first
	Refunds []Refund    `json:"refunds"` // oldest first
	Prints  []PrintJob  `json:"prints"`  // oldest first
}

// Happening is one thing that happened to a sale, from the journal's events.
type Happening struct {
	At       time.Time `json:"at"`
	Event    string    `json:"event"` // "new", "scan", "approved", "refund.new", "receipt.requested"
	State    string    `json:"state,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Operator string    `json:"operator,omitempty"`
	Refund   string    `json:"refund,omitempty"` // the refund that it happened to
	Amount   int64     `json:"amount,omitempty"` // fen
}

// Find says which sales are looked for.
type Find struct {
	// Text is an order number or its beginning, the last four or more signs of an order or wallet number, an amount
	// ("12.80"), a sale's id, a bill's number, or a receipt's. Empty: every sale of the days.
	Text     string
	From, To string // days of the shop, "2026-11-25", both included; empty: no bound
	Limit    int
}

// FindSales searches the whole journal, newest first.
func (c *Client) FindSales(ctx context.Context, f Find) ([]Sale, error) {
	q := url.Values{"find": {f.Text}, "limit": {strconv.Itoa(f.Limit)}}
	if f.From != "" {
		q.Set("from", f.From)
	}
	if f.To != "" {
		q.Set("to", f.To)
	}
	var list Sales
	err := c.do(ctx, http.MethodGet, "/v1/sales?"+q.Encode(), nil, &list)
	return list.Sales, err
}

// Details reads everything about one sale.
func (c *Client) Details(ctx context.Context, id string) (d Details, err error) {
	return d, c.do(ctx, http.MethodGet, "/v1/sales/"+url.PathEscape(id)+"/details", nil, &d)
}

// Bill reads a bill with its parts.
func (c *Client) Bill(ctx context.Context, number string) (b Bill, err error) {
	return b, c.do(ctx, http.MethodGet, "/v1/bills/"+url.PathEscape(number), nil, &b)
}

// Barcode tells what a product's barcode is to the till: "price" with the amount of one item, "product", "unreadable".
// Never send it a payment code.
func (c *Client) Barcode(ctx context.Context, digits string) (n Notice, err error) {
	return n, c.do(ctx, http.MethodGet, "/v1/barcodes/"+url.PathEscape(digits), nil, &n)
}
