// Package shift is the law of a till's shifts: what one took in and gave out, read from the till's event log.
//
// A shift is a range of that log. It ends with its own event "shift_closed" and begins behind that of the one before,
// so that there is always a current one, every event is in exactly one, and no clock decides which. A sale counts where
// it became paid and a refund where it succeeded; what is open at the end is carried over by name, and counts where it
// settles. A closed shift is never written again, so that the sum of all of them is the sum of the log: a report that
// was reissued when a carried line settles would count it in two places, or change what somebody signed.
//
// It is arithmetic on values and stands here because till and hub both compute it, each from its own copy of the log.
// It refuses to guess: unknown is not paid, and an event about money that it cannot read is an error. Newcomers get one
// thing wrong: a refund belongs to the shift that gave the money back, not to the one that sold.
package shift

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// The events of a shift in the till's log. They belong to no sale.
const (
	Opened = "shift_opened"
	Ended  = "shift_closed"
	In     = "cash_in"
	Out    = "cash_out"
	Drop   = "cash_drop"
)

// Entry is one event of the log.
type Entry struct {
	Seq    int64
	Sale   string // "" when it belongs to none
	Kind   string
	Body   []byte // JSON
	At     time.Time
	Hash   []byte
	Wallet pay.Wallet // of the event's sale, as it was paid
}

// Opening is the body of [Opened].
type Opening struct {
	Shift    int64  `json:"shift"`
	Float    int64  `json:"float"` // fen
	Operator string `json:"operator,omitempty"`
}

// Movement is the body of [In], [Out] and [Drop].
type Movement struct {
	No       string `json:"movement_no"`
	Shift    int64  `json:"shift"`
	Amount   int64  `json:"amount"` // fen
	Why      string `json:"why,omitempty"`
	Operator string `json:"operator,omitempty"`
}

// movements are the events of cash that moves without a sale.
var movements = map[string]localapi.MovementKind{In: localapi.CashIn, Out: localapi.CashOut, Drop: localapi.CashDrop}

// KindOf is the event of a movement; "" for a kind there is not.
func KindOf(k localapi.MovementKind) string {
	for event, kind := range movements {
		if kind == k {
			return event
		}
	}
	return ""
}

// Closing is what the people at the till say when they close a shift.
type Closing struct {
	At                       time.Time
	Counted                  int64 // fen
	Denominations            []localapi.Denomination
	Operator, Approved, Note string
}

// facts are what the bodies of events about sales and refunds have in common. Only those that changed one have an outcome.
type facts struct {
	Outcome string          `json:"outcome"`
	Refund  string          `json:"refund"`
	From    string          `json:"from"`
	State   string          `json:"state"`
	Tender  localapi.Tender `json:"tender"`
	Wallet  pay.Wallet      `json:"wallet"`
	Amount  int64           `json:"amount"`
	OrderNo string          `json:"order_no"`
}

// Tally is the current shift, as far as the log was read. The zero value is that of an empty log.
type Tally struct {
	before   int64 // shifts closed
	opened   time.Time
	by       string
	byStaff  bool
	float    int64
	tenders  map[tender]*localapi.ShiftTender
	moved    []localapi.CashMovement
	open     map[string]localapi.ShiftLine // by id, of all shifts
	carried  []localapi.ShiftLine
	sales    int64 // begun, in all shifts
	first    int64 // the sales begun before this shift
	from     int64 // the event before the first
	through  int64
	lastHash []byte
}

type tender struct {
	tender localapi.Tender
	wallet pay.Wallet
}

// After takes up behind a closed shift, whose report tells all that is open.
func After(z localapi.Shift, closedSeq int64) *Tally {
	t := &Tally{before: z.Number, from: closedSeq, through: closedSeq, sales: z.LastSale, first: z.LastSale, open: map[string]localapi.ShiftLine{}}
	for _, line := range z.Pending {
		t.open[line.ID] = line
	}
	return t
}

// Number is the current shift's.
func (t *Tally) Number() int64 { return t.before + 1 }

// Through is the last event that was read.
func (t *Tally) Through() int64 { return t.through }

// Empty reports that nothing has happened in the shift: it may still be opened with a float.
func (t *Tally) Empty() bool { return t.opened.IsZero() }

// Clone is a copy that may be thrown away.
func (t *Tally) Clone() *Tally {
	c := *t
	c.tenders, c.open = map[tender]*localapi.ShiftTender{}, maps.Clone(t.open)
	for k, v := range t.tenders {
		one := *v
		c.tenders[k] = &one
	}
	c.moved, c.carried = slices.Clone(t.moved), slices.Clone(t.carried)
	return &c
}

// Add reads the next event. The end of a shift begins the next one.
func (t *Tally) Add(e Entry) error {
	if e.Seq != t.through+1 {
		return fault.New(fault.Internal, "shift.gap", "event %d does not follow %d: the log was edited", e.Seq, t.through)
	}
	t.through = e.Seq
	if e.Kind != Ended {
		t.lastHash = e.Hash
	}
	kind, moves := movements[e.Kind]
	switch {
	case e.Sale == "" && e.Kind == Opened:
		var b Opening
		if err := read(e, &b); err != nil {
			return err
		}
		t.begin(e.At)
		t.float, t.by, t.byStaff = b.Float, b.Operator, true
	case e.Sale == "" && e.Kind == Ended:
		*t = *After(localapi.Shift{Number: t.Number(), Pending: t.lines(), LastSale: t.sales}, e.Seq)
	case e.Sale == "" && moves:
		var b Movement
		if err := read(e, &b); err != nil {
			return err
		}
		t.begin(e.At)
		t.moved = append(t.moved, localapi.CashMovement{No: b.No, Shift: b.Shift, Kind: kind, Amount: b.Amount, Why: b.Why, Operator: b.Operator, At: e.At})
	case e.Sale != "":
		var b facts
		if err := read(e, &b); err != nil {
			return err
		}
		switch {
		case b.Outcome == "": // a word that contradicts it, a slip of paper: nothing moved
		case b.Refund != "":
			t.refund(e, b)
		default:
			t.sale(e, b)
		}
	}
	return nil
}

func read(e Entry, into any) error {
	if err := json.Unmarshal(e.Body, into); err != nil {
		return fault.Wrap(err, fault.Internal, "shift.event", "event %d (%s) cannot be read", e.Seq, e.Kind)
	}
	return nil
}

// begin notes the first that happened in the shift.
func (t *Tally) begin(at time.Time) {
	if t.opened.IsZero() {
		t.opened = at
	}
}

func (t *Tally) sale(e Entry, b facts) {
	state := localapi.State(b.State)
	if e.Kind == "new" {
		t.sales++
	}
	if state == localapi.StatePaid && b.From != b.State {
		t.begin(e.At)
		one := t.of(b.Tender, b.Wallet)
		one.Count++
		one.Gross += b.Amount
		one.Net += b.Amount
	}
	t.line(localapi.ShiftLine{Kind: "sale", ID: e.Sale, OrderNo: b.OrderNo, Amount: b.Amount, State: b.State}, state.Final())
}

func (t *Tally) refund(e Entry, b facts) {
	state := localapi.RefundState(b.State)
	if state == localapi.RefundSucceeded && b.From != b.State {
		t.begin(e.At)
		one := t.of(b.Tender, e.Wallet)
		one.Refunds++
		one.Refunded += b.Amount
		one.Net -= b.Amount
	}
	t.line(localapi.ShiftLine{Kind: "refund", ID: b.Refund, Sale: e.Sale, Amount: b.Amount, State: b.State}, state.Final())
}

// line notes what is open, and what of earlier shifts is not any more.
func (t *Tally) line(l localapi.ShiftLine, final bool) {
	if t.open == nil {
		t.open = map[string]localapi.ShiftLine{}
	}
	l.Shift = t.Number()
	known, was := t.open[l.ID]
	if was {
		l.Shift = known.Shift
	}
	if !final {
		t.open[l.ID] = l
		return
	}
	delete(t.open, l.ID)
	if was && l.Shift != t.Number() {
		t.carried = append(t.carried, l)
	}
}

func (t *Tally) of(how localapi.Tender, w pay.Wallet) *localapi.ShiftTender {
	if how != localapi.TenderWallet {
		w = ""
	}
	k := tender{how, w}
	if t.tenders == nil {
		t.tenders = map[tender]*localapi.ShiftTender{}
	}
	if t.tenders[k] == nil {
		t.tenders[k] = &localapi.ShiftTender{Tender: how, Wallet: w}
	}
	return t.tenders[k]
}

// lines are what is open, in the order of their ids, which is that of their birth.
func (t *Tally) lines() []localapi.ShiftLine {
	list := make([]localapi.ShiftLine, 0, len(t.open))
	for _, l := range t.open {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b localapi.ShiftLine) int {
		return cmp.Or(cmp.Compare(a.Shift, b.Shift), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Report is the shift as far as it was read, with the money in the drawer.
func (t *Tally) Report() localapi.Shift {
	s := localapi.Shift{Number: t.Number(), OpenedBy: t.by, ByItself: !t.byStaff && !t.opened.IsZero(), Float: t.float,
		Tenders: []localapi.ShiftTender{}, Movements: slices.Clone(t.moved), Pending: t.lines(), Carried: slices.Clone(t.carried),
		CarriedCount: len(t.carried), LastSale: t.sales, FirstEvent: t.from + 1, LastEvent: t.through, LastHash: hex.EncodeToString(t.lastHash)}
	if !t.opened.IsZero() {
		at := t.opened
		s.OpenedAt = &at
	}
	if t.sales > t.first {
		s.FirstSale = t.first + 1
	}
	for _, one := range t.tenders {
		s.Tenders = append(s.Tenders, *one)
	}
	slices.SortFunc(s.Tenders, func(a, b localapi.ShiftTender) int {
		return cmp.Or(strings.Compare(string(a.Tender), string(b.Tender)), strings.Compare(string(a.Wallet), string(b.Wallet)))
	})
	for _, l := range s.Pending {
		s.PendingAmount += l.Amount
	}
	s.PendingCount = len(s.Pending)
	drawer := t.float
	if cash, ok := t.tenders[tender{tender: localapi.TenderCash}]; ok {
		drawer += cash.Net
	}
	for _, m := range t.moved {
		switch m.Kind {
		case localapi.CashIn:
			s.PaidIn += m.Amount
		case localapi.CashOut:
			s.PaidOut += m.Amount
		case localapi.CashDrop:
			s.Dropped += m.Amount
		}
	}
	drawer += s.PaidIn - s.PaidOut - s.Dropped
	s.Expected = &drawer
	return s
}

// Close is the shift's Z report. The log gets it as the body of [Ended] once [Brief] has made it short enough.
func (t *Tally) Close(c Closing) localapi.Shift {
	s := t.Report()
	difference := c.Counted - *s.Expected
	s.Closed, s.ClosedAt, s.ClosedBy, s.Approved, s.Note = true, &c.At, c.Operator, c.Approved, c.Note
	s.Counted, s.Difference, s.Denominations = &c.Counted, &difference, c.Denominations
	if s.OpenedAt == nil {
		s.OpenedAt = &c.At // nothing happened in it
	}
	return s
}

// Blind is the report for people who have not counted yet: without what should be in the drawer.
func Blind(s localapi.Shift) localapi.Shift {
	s.Blind, s.Expected = true, nil
	s.Tenders = slices.DeleteFunc(slices.Clone(s.Tenders), func(one localapi.ShiftTender) bool { return one.Tender == localapi.TenderCash })
	return s
}

// inBrief is how many lines of each kind an event names. An event fits a message to the hub; its counts and sums are
// those of all lines, and the log itself tells the others.
const inBrief = 16

// Brief is a report that fits an event of the log.
func Brief(s localapi.Shift) localapi.Shift {
	s.Movements, s.Denominations = nil, nil // events of their own; and the sum is there
	s.Pending, s.Carried = short(s.Pending), short(s.Carried)
	return s
}

func short(list []localapi.ShiftLine) []localapi.ShiftLine {
	list = slices.Clone(list[:min(len(list), inBrief)])
	for i := range list {
		list[i].OrderNo, list[i].Sale = "", "" // its id says it
	}
	return list
}
