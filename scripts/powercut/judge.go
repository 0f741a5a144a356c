package powercut

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Judge opens images the way the program does and compares them with what was said.
type Judge struct {
	log        Log
	migrations fs.FS // the program's own
	claims     []claim
}

// claim is a fact and the operation from which on it must hold.
type claim struct {
	Fact
	from int
}

// NewJudge makes the judge of a log; migrations is the program's folder of them.
func NewJudge(l Log, migrations fs.FS) *Judge {
	j := &Judge{log: l, migrations: migrations}
	for i, op := range l.Ops {
		if op.Kind == Known {
			j.claims = append(j.claims, claim{op.Fact, i})
		}
	}
	return j
}

// books are the rows of an image that claims are about.
type books struct {
	rows   map[string]Fact // by id of the sale or payment, and by its order
	steps  map[[2]string]bool
	orders map[string]string // the hub's: payment by the wallet's number
}

// Look opens the image's database and gives every claim of the first cut operations that it breaks. An error
// means that the program would not start on it.
func (j *Judge) Look(path string, cut int) (broken []string, err error) {
	b, err := j.read(path)
	if err != nil {
		return nil, err
	}
	return j.compare(b, cut), nil
}

func (j *Judge) compare(b books, cut int) (broken []string) {
	for _, c := range j.claims {
		if c.from >= cut {
			break
		}
		if why := c.against(b); why != "" {
			broken = append(broken, fmt.Sprintf("%s (told at operation %d)", why, c.from))
		}
	}
	return broken
}

// against says how the books break the claim; nothing when they keep it.
func (c claim) against(b books) string {
	row, ok := b.rows[c.ID]
	if c.Who == "wallet" {
		row, ok = b.rows[c.OrderNo]
		if _, sent := b.orders[c.OutTradeNo]; !ok || b.orders != nil && !sent {
			return fmt.Sprintf("the wallet charged %s for order %s, and no attempt is recorded", c.OutTradeNo, c.OrderNo)
		}
	}
	switch {
	case !ok:
		return fmt.Sprintf("%s was told that %s is %s %s, and it is not there", c.Who, c.ID, c.State, c.Outcome)
	case row.OrderNo != c.OrderNo || row.Amount != c.Amount:
		return fmt.Sprintf("%s was told %s is order %s of %d fen, and it is %s of %d", c.Who, c.ID, c.OrderNo, c.Amount, row.OrderNo, row.Amount)
	case c.Outcome != pay.Unknown && row.Outcome != c.Outcome:
		return fmt.Sprintf("%s was told that %s is %s, and it is %s (%s)", c.Who, c.ID, c.Outcome, row.Outcome, row.State)
	case c.State != "" && !b.steps[[2]string{c.ID, c.State}]:
		return fmt.Sprintf("%s was told that %s is %s, and no event says so", c.Who, c.ID, c.State)
	}
	return ""
}

// read opens the file as the program does at its start (recovery, its own check, its migrations), checks all of
// it, and reads what claims are about.
func (j *Judge) read(path string) (b books, err error) {
	db, err := sqlite.Open(path, j.migrations)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return b, err
	}
	defer r.Close()
	r.SetMaxOpenConns(1)
	var verdict string
	if err := r.QueryRow("PRAGMA integrity_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
		return b, fmt.Errorf("integrity check: %s: %w", verdict, errors.Join(err, errors.New("damaged")))
	}
	b = books{rows: map[string]Fact{}, steps: map[[2]string]bool{}}
	if j.log.Program == "hub" {
		b.orders = map[string]string{}
	}
	return b, b.fill(r, map[string][3]string{
		"agent": {`SELECT id, order_no, amount, state FROM sale`, `SELECT sale, coalesce(json_extract(body, '$.state'), '') FROM event`, ``},
		"hub": {`SELECT id, order_no, amount, status FROM payment`, `SELECT entity, coalesce(json_extract(body, '$.status'), '') FROM event`,
			`SELECT out_trade_no, payment FROM attempt WHERE sent_at IS NOT NULL`},
	}[j.log.Program])
}

func (b books) fill(r *sql.DB, queries [3]string) error {
	for i, query := range queries {
		if query == "" {
			continue
		}
		rows, err := r.Query(query)
		if err != nil {
			return err
		}
		for rows.Next() {
			var f Fact
			if i == 0 {
				if err = rows.Scan(&f.ID, &f.OrderNo, &f.Amount, &f.State); err == nil {
					f.Outcome = outcome(f.State)
					b.rows[f.ID], b.rows[f.OrderNo] = f, f
				}
			} else if err = rows.Scan(&f.ID, &f.State); err == nil {
				if i == 1 {
					b.steps[[2]string{f.ID, f.State}] = true
				} else {
					b.orders[f.ID] = f.State
				}
			}
			if err != nil {
				break
			}
		}
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// outcome is what people are told of a sale's state or a payment's status.
func outcome(state string) pay.Outcome {
	switch {
	case state == "paid" || state == "succeeded":
		return pay.Paid
	case slices.Contains([]string{"declined", "reversed", "lapsed", "cancelled", "closed"}, state):
		return pay.NotPaid
	}
	return pay.Unknown
}

// clearFolder empties a folder.
func clearFolder(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := os.RemoveAll(filepath.Join(dir, n.Name())); err != nil {
			return err
		}
	}
	return nil
}
