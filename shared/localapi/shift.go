package localapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloudcashier/shared/pay"
)

// NewShift opens the next shift with the change in the drawer. Without it the shift opens by itself, with none.
type NewShift struct {
	Float int64 `json:"float"` // fen
}

// Shift is what one shift took in and gave out: its Z report once it is closed, an X report before. Package
// shared/shift holds its law. While it is open the money in the drawer is told only to whom a supervisor stands for:
// then Blind is false.
type Shift struct {
	Number   int64      `json:"number"` // from 1, without gaps
	Closed   bool       `json:"closed"`
	OpenedAt *time.Time `json:"opened_at,omitempty"` // none: nothing has happened in it
	OpenedBy string     `json:"opened_by,omitempty"`
	ByItself bool       `json:"by_itself,omitempty"` // nobody opened it: the first money did
	ClosedAt *time.Time `json:"closed_at,omitempty"`
	ClosedBy string     `json:"closed_by,omitempty"`
	Approved string     `json:"approved_by,omitempty"`
	Note     string     `json:"note,omitempty"`

	Float     int64          `json:"float"` // fen
	Tenders   []ShiftTender  `json:"tenders"`
	Movements []CashMovement `json:"movements,omitempty"`
	PaidIn    int64          `json:"paid_in"`  // fen
	PaidOut   int64          `json:"paid_out"` // fen
	Dropped   int64          `json:"dropped"`  // fen taken to the safe

	Blind         bool           `json:"blind,omitempty"`         // Expected and the cash among the Tenders are not told
	Expected      *int64         `json:"expected,omitempty"`      // fen: Float + cash - cash back + in - out - dropped
	Counted       *int64         `json:"counted,omitempty"`       // fen left in the drawer: what a hand-over took out of it is not there any more
	Difference    *int64         `json:"difference,omitempty"`    // Counted - Expected: below zero something is missing
	Denominations []Denomination `json:"denominations,omitempty"` // as they were counted

	Pending       []ShiftLine `json:"pending"` // open when it was closed: carried over, counted where they settle
	PendingCount  int         `json:"pending_count"`
	PendingAmount int64       `json:"pending_amount"`    // fen
	Carried       []ShiftLine `json:"carried,omitempty"` // carried over from an earlier shift, and settled in this one
	CarriedCount  int         `json:"carried_count,omitempty"`

	FirstSale  int64  `json:"first_sale,omitempty"` // the numbers of the sales that began in it
	LastSale   int64  `json:"last_sale,omitempty"`
	FirstEvent int64  `json:"first_event"` // its range of the event log
	LastEvent  int64  `json:"last_event"`
	LastHash   string `json:"last_hash,omitempty"` // of event LastEvent, hex
}

// ShiftTender is the money of one tender, and of one wallet.
type ShiftTender struct {
	Tender   Tender     `json:"tender"`
	Wallet   pay.Wallet `json:"wallet,omitempty"`
	Count    int64      `json:"count"`    // sales
	Gross    int64      `json:"gross"`    // fen of them
	Refunds  int64      `json:"refunds"`  // refunds
	Refunded int64      `json:"refunded"` // fen of them
	Net      int64      `json:"net"`      // fen
}

// ShiftLine is one sale or refund that was open at the end of a shift.
type ShiftLine struct {
	Kind    string `json:"kind"` // "sale", "refund"
	ID      string `json:"id"`
	Sale    string `json:"sale,omitempty"` // of a refund
	OrderNo string `json:"order_no,omitempty"`
	Amount  int64  `json:"amount"` // fen
	State   string `json:"state"`
	Shift   int64  `json:"shift"` // in which it began
}

// MovementKind is why cash moved without a sale.
type MovementKind string

// The kinds of movements.
const (
	CashIn   MovementKind = "in"   // change from the bank
	CashOut  MovementKind = "out"  // paid to somebody
	CashDrop MovementKind = "drop" // taken to the safe
)

// NewMovement notes cash that moved without a sale.
type NewMovement struct {
	Kind   MovementKind `json:"kind"`
	Amount int64        `json:"amount"` // fen
	Why    string       `json:"why,omitempty"`
	No     string       `json:"movement_no,omitempty"` // repeated with the same content it gives the same movement
}

// CashMovement is cash that moved without a sale.
type CashMovement struct {
	No       string       `json:"movement_no"`
	Shift    int64        `json:"shift"`
	Kind     MovementKind `json:"kind"`
	Amount   int64        `json:"amount"` // fen
	Why      string       `json:"why,omitempty"`
	Operator string       `json:"operator,omitempty"`
	At       time.Time    `json:"at"`
}

// Denomination is how many of one coin or note were counted.
type Denomination struct {
	Value int64 `json:"value"` // fen
	Count int64 `json:"count"`
}

// CloseShift closes the shift with a number. The cash is counted before anybody is told how much there should be:
// as a sum, or note by note. The same request again gives the same report.
type CloseShift struct {
	Number        int64          `json:"number"`
	Counted       *int64         `json:"counted,omitempty"` // fen
	Denominations []Denomination `json:"denominations,omitempty"`
	Note          string         `json:"note,omitempty"`
	Approval      *Approval      `json:"approval,omitempty"`
	// HandOver opens the next shift in the same step, with what was counted less Drop as its float. Drop, in fen, is taken
	// to the safe before the shift ends.
	HandOver bool  `json:"hand_over,omitempty"`
	Drop     int64 `json:"drop,omitempty"`
}

// ReportShift asks for the open shift with the money in the drawer.
type ReportShift struct {
	Approval *Approval `json:"approval,omitempty"`
}

// Shifts is the answer of GET /v1/shifts, newest first.
type Shifts struct {
	Shifts []Shift `json:"shifts"`
}

// ShiftStatus is the shift at a glance.
type ShiftStatus struct {
	Number       int64      `json:"number"`
	OpenedAt     *time.Time `json:"opened_at,omitempty"` // none: nobody has opened it
	PendingLines int        `json:"pending_lines"`       // what closing it now would carry over
}

// OpenShift opens the next shift with a float.
func (c *Client) OpenShift(ctx context.Context, n NewShift) (s Shift, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/shifts", n, &s)
}

// Shifts reads the newest closed shifts, newest first.
func (c *Client) Shifts(ctx context.Context, limit int) ([]Shift, error) {
	var list Shifts
	err := c.do(ctx, http.MethodGet, "/v1/shifts?limit="+strconv.Itoa(limit), nil, &list)
	return list.Shifts, err
}

// Shift reads one shift: a number, or "current".
func (c *Client) Shift(ctx context.Context, number string) (s Shift, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/shifts/"+url.PathEscape(number), nil, &s)
}

// ReportShift reads the open shift with the money in its drawer.
func (c *Client) ReportShift(ctx context.Context, n ReportShift) (s Shift, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/shifts/current/report", n, &s)
}

// MoveCash notes cash that moved without a sale.
func (c *Client) MoveCash(ctx context.Context, n NewMovement) (m CashMovement, err error) {
	return m, c.do(ctx, http.MethodPost, "/v1/shifts/current/movements", n, &m)
}

// CloseShift closes the open shift and gives its Z report.
func (c *Client) CloseShift(ctx context.Context, n CloseShift) (s Shift, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/shifts/current/close", n, &s)
}

// PrintShift prints the report of a shift: a number, or "current".
func (c *Client) PrintShift(ctx context.Context, number string) (j PrintJob, err error) {
	return j, c.do(ctx, http.MethodPost, "/v1/shifts/"+url.PathEscape(number)+"/print", nil, &j)
}
