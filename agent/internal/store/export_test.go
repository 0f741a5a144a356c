package store

import "cloudcashier/shared/sqlite"

// Plans tells how SQLite answers each meaning of a search.
func (t *Tx) Plans(s Search) (plans []string, err error) {
	for _, w := range append(s.ways(), way{`s.seq = ?`, []any{1}}) {
		query, args := s.query(w)
		plan := ""
		err := t.tx.Query(func(from sqlite.Rows) error {
			var id, parent, unused int
			var detail string
			err := from.Scan(&id, &parent, &unused, &detail)
			plan += detail + "; "
			return err
		}, `EXPLAIN QUERY PLAN `+query, args...)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}
