package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// session is one connection with the statements prepared on it. One goroutine uses it at a time, which is why SQLite's
// own lock around each call is left out (_mutex=no).
//
// database/sql is not between us and the driver: its pool has nothing to do for connections that are kept, its
// statements would take a second connection while a transaction holds the first, and its own handling of a call costs
// as much as SQLite's work in it.
type session struct {
	conn  driver.Conn
	stmts map[string]*statement
	args  []driver.NamedValue // of the call under way
}

// statement is a prepared one, with room for a row of it.
type statement struct {
	driver.StmtQueryContext
	inputs int
	row    []driver.Value
}

func newSession(dsn string) (*session, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open(dsn + "&_mutex=no")
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: map[string]*statement{}}, nil
}

// steady keeps SQLite from planning a query anew at each use. Since 3.53 it does so when a parameter that an index may or
// may not help with could be a small number (sqlite3ExprIsInteger), and the driver clears all parameters between two
// uses, which counts as a change. A plus before a parameter changes no value, and SQLite looks no further.
var steady = strings.NewReplacer("= ?", "= +?", "=?", "=+?", "LIMIT ?", "LIMIT +?")

func (s *session) prepare(query string) (*statement, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	prepared, err := s.conn.Prepare(steady.Replace(query))
	if err != nil {
		return nil, err
	}
	stmt := &statement{StmtQueryContext: prepared.(driver.StmtQueryContext), inputs: prepared.NumInput()}
	s.stmts[query] = stmt
	return stmt, nil
}

// start runs a statement up to its first row or its end.
func (s *session) start(query string, args []any) (Rows, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return Rows{}, err
	}
	if len(args) != stmt.inputs { // SQLite takes what is not given for NULL
		return Rows{}, fmt.Errorf("%d arguments for %d parameters", len(args), stmt.inputs)
	}
	s.args = s.args[:0]
	for i, a := range args {
		v, err := plain(a)
		if err != nil {
			return Rows{}, err
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	rows, err := stmt.QueryContext(context.Background(), s.args)
	clear(s.args) // nothing of a caller's is kept alive
	return Rows{rows: rows, stmt: stmt}, err
}

// exec runs a statement to its end. One that gave no row is at its end already, and needs no reset before it is used again.
func (s *session) exec(query string, args ...any) error {
	r, err := s.start(query, args)
	if err != nil || r.rows.Next(nil) == io.EOF {
		return err
	}
	return r.rows.Close()
}

// row runs a query for one row, once.
func (s *session) row(query string, dest ...any) error {
	tx := Tx{on: s}
	return tx.QueryRow(query).Scan(dest...)
}

// script runs statements that are used once.
func (s *session) script(text string) error {
	_, err := s.conn.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}

// close finalizes the statements first: SQLite keeps a connection and its files open as long as one
// of its statements lives.
func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.StmtQueryContext.(driver.Stmt).Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// Rows is where a query stands. It is good only inside the function it was given to.
type Rows struct {
	rows driver.Rows
	stmt *statement
}

// next reads the next row; io.EOF when there is none.
func (r Rows) next() error {
	if r.stmt.row == nil {
		r.stmt.row = make([]driver.Value, len(r.rows.Columns()))
	}
	return r.rows.Next(r.stmt.row)
}

// Scan copies the columns of the row: into a *string, *int64, *int, *uint64, *bool, *[]byte, a pointer to a type made of one of them,
// or what implements sql.Scanner.
func (r Rows) Scan(dest ...any) error { return assign(r.stmt.row, dest) }

// Row is the result of QueryRow.
type Row struct {
	rows Rows
	err  error
}

// Scan copies the row's columns, as [Rows.Scan] does.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	switch err := r.rows.next(); {
	case err == io.EOF:
		return sql.ErrNoRows
	case err != nil:
		return errors.Join(err, r.rows.rows.Close())
	}
	return errors.Join(r.rows.Scan(dest...), r.rows.rows.Close())
}

// NoRows reports that a QueryRow found nothing.
func NoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
