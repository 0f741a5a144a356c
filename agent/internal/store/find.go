package store

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

// maxPrefix is how many sales whose order number begins alike are looked at: those with the greatest numbers, which
// are the newest where numbers grow.
const maxPrefix = 2000

// lastSigns is what the indexes keep of a number's end, and the least that a search by it needs.
const lastSigns = 4

// Search says what is looked for. A zero From or To is no bound.
type Search struct {
	Text     string // "" finds every sale of the days
	From, To time.Time
	Limit    int
}

// way is one meaning of a search's text.
type way struct {
	where string
	args  []any
}

// ways are what the text may mean: nobody who looks for a sale knows which number he has got. Each is answered by an
// index, newest first.
func (s Search) ways() (all []way) {
	if s.Text == "" {
		return []way{{where: "true"}}
	}
	add := func(where string, args ...any) { all = append(all, way{where, args}) }
	add(`s.id = ?`, s.Text)
	add(`s.order_no = ?`, s.Text)
	add(`s.bill = ? AND s.bill <> ''`, s.Text)
	add(`s.seq IN (SELECT seq FROM sale WHERE order_no > ? AND order_no < ? || char(1114111) ORDER BY order_no DESC LIMIT ?)`, s.Text, s.Text, maxPrefix)
	if signs := []rune(s.Text); len(signs) >= lastSigns {
		end := string(signs[len(signs)-lastSigns:])
		add(`substr(s.order_no, -4) = ? AND substr(s.order_no, ?) = ?`, end, -len(signs), s.Text)
		add(`substr(s.wallet_ref, -4) = ? AND substr(s.wallet_ref, ?) = ? AND s.wallet_ref <> ''`, end, -len(signs), s.Text)
	}
	if a, err := money.ParseYuan(strings.TrimLeft(s.Text, "¥￥ ")); err == nil {
		add(`s.amount = ?`, a.Fen())
	}
	return all
}

// query asks for one meaning of the text, newest first.
func (s Search) query(w way) (query string, args []any) {
	args = slices.Clone(w.args)
	query = `SELECT s.seq, s.id FROM sale s WHERE (` + w.where + `)`
	if !s.From.IsZero() {
		query, args = query+` AND s.created_at >= ?`, append(args, s.From.UnixMilli())
	}
	if !s.To.IsZero() {
		query, args = query+` AND s.created_at < ?`, append(args, s.To.UnixMilli())
	}
	return query + ` ORDER BY s.seq DESC LIMIT ?`, append(args, s.Limit)
}

// Find searches the whole journal, newest first. number is the receipt's number that the text may be; 0: none.
func (t *Tx) Find(s Search, number int64) (rows []Row, err error) {
	ways := s.ways()
	if number != 0 {
		ways = append(ways, way{`s.seq = ?`, []any{number}})
	}
	places := map[string]int64{}
	for _, w := range ways {
		query, args := s.query(w)
		err = t.tx.Query(func(from sqlite.Rows) error {
			var seq int64
			var id string
			err := from.Scan(&seq, &id)
			places[id] = seq
			return err
		}, query, args...)
		if err != nil {
			return nil, err
		}
	}
	found := make([]string, 0, len(places))
	for id := range places {
		found = append(found, id)
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(places[b], places[a]) })
	for _, id := range found[:min(len(found), s.Limit)] {
		row, err := t.Sale(id)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Parts reads a bill with its parts, oldest first; the zero value when there is none.
func (t *Tx) Parts(number string) (sale.Parts, error) {
	rows, err := t.list(`SELECT `+columns+` WHERE s.bill = ? AND s.bill <> '' ORDER BY s.seq`, number)
	sales := make([]sale.Sale, len(rows))
	for i, row := range rows {
		sales[i] = row.Sale
	}
	return sale.PartsOf(sales), err
}

// maxStory bounds the events of one sale that are read at once. A sale has a handful.
const maxStory = 200

// Story reads a sale's events, oldest first.
func (t *Tx) Story(saleID string) (list []Event, err error) {
	err = t.tx.Query(func(from sqlite.Rows) error {
		e, err := scanEvent(from)
		list = append(list, e)
		return err
	}, `SELECT `+eventColumns+` WHERE sale = ? ORDER BY seq LIMIT ?`, saleID, maxStory)
	return list, err
}

// Told is what a sale's event says about itself.
type Told struct {
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Operator string `json:"operator"`
	Amount   int64  `json:"amount"`
	Refund   string `json:"refund"` // that it is about
}

// Told reads it; what an event does not say stays empty.
func (e Event) Told() (told Told) {
	_ = json.Unmarshal(e.Body, &told) // a body of another shape tells nothing
	return told
}

// PrintsOf reads the slips of a sale, oldest first.
func (t *Tx) PrintsOf(saleID string) (list []printjob.Job, err error) {
	err = t.tx.Query(func(from sqlite.Rows) error {
		j, err := scanPrint(from)
		list = append(list, j)
		return err
	}, `SELECT `+printColumns+` WHERE sale = ? ORDER BY seq`, saleID)
	return list, err
}
