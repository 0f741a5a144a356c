package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// exports are the queries behind "export": each row becomes one JSON line under the column names.
// Columns ending in _at are times, those named in flags are booleans.
var exports = map[string]string{
	"payments": `SELECT p.id, p.merchant, p.store, p.terminal, p.source, p.key, p.order_no, p.amount, p.currency, p.wallet, p.status,
 '' AS outcome, a.channel, a.out_trade_no, a.wallet_ref, p.decline_code, p.paid_at, p.created_at, p.finished_at,
 p.refunded_amount, p.deferred_at FROM payment p JOIN attempt a ON a.payment = p.id AND a.left_at IS NULL ORDER BY p.id`,
	"attempts": `SELECT a.id, a.payment, a.channel, a.out_trade_no, a.status, a.wallet_ref, a.cause, p.amount, a.sent_at, a.called_at,
 a.settled_at, a.tries, a.checks, a.left_at, iif(a.route = '', 'null', a.route) AS route FROM attempt a JOIN payment p ON p.id = a.payment ORDER BY a.id`,
	"refunds": `SELECT r.id, r.payment, r.merchant, r.store, r.terminal, r.source, r.key, r.refund_no, r.amount, r.currency, r.status,
 '' AS refund_outcome, p.wallet, a.channel, a.out_trade_no, r.out_refund_no, r.wallet_ref, r.reason, r.decline_code, r.created_at, r.not_before_at,
 r.stamp_at, r.sent_at, r.finished_at, r.refunded_at FROM refund r JOIN payment p ON p.id = r.payment JOIN attempt a ON a.payment = p.id AND a.left_at IS NULL ORDER BY r.id`,
	"events":      `SELECT seq, entity, kind, body, cause, at AS at_at, lower(hex(prev)) AS prev, lower(hex(hash)) AS hash FROM event ORDER BY seq`,
	"storedvalue": `SELECT seq, account, kind, number, out_trade_no, amount, at AS at_at FROM stored_entry ORDER BY seq`,
	"records":     `SELECT terminal, seq, sale, kind, body, at AS at_at, lower(hex(hash)) AS hash FROM till_record ORDER BY terminal, seq`,
}

// Exports names what can be exported.
func Exports() []string {
	return []string{"payments", "attempts", "refunds", "events", "records", "storedvalue"}
}

// Export writes a kind of record as NDJSON, from a database file that may be in use or a copy. It
// changes nothing.
func Export(path, what string, w io.Writer) error {
	query, ok := exports[what]
	if !ok {
		return fault.New(fault.Invalid, "export.kind", "%q cannot be exported: choose %s", what, strings.Join(Exports(), ", "))
	}
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "export.read", "cannot read %s", path)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		line, err := exportLine(rows, columns)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write export: %w", err)
		}
	}
	return rows.Err()
}

// exportLine makes one JSON object with the columns in their order.
func exportLine(rows *sql.Rows, columns []string) ([]byte, error) {
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		return nil, err
	}
	line := []byte{'{'}
	status := ""
	for i, name := range columns {
		value := *(values[i].(*any))
		if name == "status" {
			status, _ = value.(string)
		}
		key, text, err := exportCell(name, value, status)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			line = append(line, ',')
		}
		line = fmt.Appendf(line, "%q:%s", key, text)
	}
	return append(line, '}'), nil
}

func exportCell(name string, value any, status string) (key string, text []byte, err error) {
	switch v := value.(type) {
	case int64:
		if n := len(name) - len("_at"); n > 0 && name[n:] == "_at" {
			if name == "at_at" {
				name = "at"
			}
			value = time.UnixMilli(v).UTC()
		}
	case string:
		switch name {
		case "outcome":
			value = pay.Status(status).Outcome()
		case "refund_outcome":
			name, value = "outcome", pay.RefundStatus(status).Outcome()
		case "body", "route":
			return name, []byte(v), nil // JSON already
		}
	}
	text, err = json.Marshal(value)
	return name, text, err
}
