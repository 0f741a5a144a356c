package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// session is one connection with the statements prepared on it. One goroutine uses it at a time.
//
// database/sql's own cached statements are not used: preparing one takes a second connection while
// a transaction holds the first, and a few readers at once then wait for each other for ever.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newSession(pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

// steady keeps SQLite from planning a query anew at each use. Since 3.53 it does so when a parameter that an index may or
// may not help with could be a small number (sqlite3ExprIsInteger), and the driver clears all parameters between two
// uses, which counts as a change. A plus before a parameter changes no value, and SQLite looks no further.
var steady = strings.NewReplacer("= ?", "= +?", "=?", "=+?", "LIMIT ?", "LIMIT +?")

func (s *session) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), steady.Replace(query))
	if err == nil {
		s.stmts[query] = stmt
	}
	return stmt, err
}

func (s *session) exec(query string) error {
	stmt, err := s.prepare(query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

// close finalizes the statements first: SQLite keeps a connection and its files open as long as one
// of its statements lives.
func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}
