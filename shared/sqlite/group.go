package sqlite

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"cloudcashier/shared/fault"
)

// Tx is one submitter's share of a transaction. It is good only inside the function it was given to.
type Tx struct {
	on     *session
	number uint64
	wrote  bool // something may have been changed
	after  []func()
}

// Number tells write transactions apart: who shares a commit has the same one. What is found out about the file in one
// holds to its end. Of a View it is 0.
func (tx *Tx) Number() uint64 { return tx.number }

// Exec runs a statement.
func (tx *Tx) Exec(query string, args ...any) error {
	tx.wrote = true
	if err := tx.on.exec(query, args...); err != nil {
		return named(query, err)
	}
	return nil
}

// ExecCount runs a statement and reports how many rows it changed.
func (tx *Tx) ExecCount(query string, args ...any) (n int64, err error) {
	if err := tx.Exec(query, args...); err != nil {
		return 0, err
	}
	err = tx.QueryRow("SELECT changes()").Scan(&n)
	return n, err
}

// QueryRow runs a query for at most one row; Scan gives sql.ErrNoRows when there is none.
func (tx *Tx) QueryRow(query string, args ...any) Row {
	tx.wrote = tx.wrote || writes(query)
	rows, err := tx.on.start(query, args)
	if err != nil {
		return Row{err: named(query, err)}
	}
	return Row{rows: rows}
}

// Query runs a query and hands each row to scan, in order. Within scan, the same query is not to be run again.
func (tx *Tx) Query(scan func(Rows) error, query string, args ...any) error {
	tx.wrote = tx.wrote || writes(query)
	rows, err := tx.on.start(query, args)
	if err != nil {
		return named(query, err)
	}
	for {
		err := rows.next()
		if err == io.EOF {
			return rows.rows.Close()
		}
		if err == nil {
			err = scan(rows)
		}
		if err != nil {
			return errors.Join(err, rows.rows.Close())
		}
	}
}

// AfterCommit has f called once the transaction is synced, on the submitter's goroutine, before
// Update returns. Nothing is called when it is rolled back.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// writes reports a query that changes something and gives it back, with RETURNING.
func writes(query string) bool { return !strings.HasPrefix(query, "SELECT") }

type job struct {
	fn    func(*Tx) error
	again bool // fn may run twice
	tx    Tx
	err   chan error // buffered, one answer; never closed
}

// Update runs fn inside a write transaction and returns nil only after the commit is synced to
// the disk. Concurrent calls share one commit; each sees the writes of those before it, and an
// error or a panic in fn undoes fn's writes alone.
//
// Three errors: fn's own (nothing of it was written); one with Kind InDoubt and code
// storage.commit (nobody knows: end the process and look the record up); and one with Kind
// Unavailable after Close or an earlier failure (nothing was written).
//
// fn runs on the writer's goroutine and must not wait for anything, least of all another Update.
func (db *DB) Update(fn func(*Tx) error) error { return db.submit(db.jobs, fn, false) }

// UpdateAgain is Update for what is done all the time and hardly ever refused once it has written something. It costs an eighth less,
// because nothing is kept to put it back alone; when that is needed after all, the whole commit is undone and begun anew with
// everything kept, so that fn may run twice: what it tells others it must set afresh each time.
func (db *DB) UpdateAgain(fn func(*Tx) error) error { return db.submit(db.jobs, fn, true) }

// UpdateBehind is Update for long work that can wait, such as copying: it joins a commit behind
// everything that waits in Update, and a commit takes one of its kind at most. So what hurries never
// waits for more than one of them, however many there are.
func (db *DB) UpdateBehind(fn func(*Tx) error) error { return db.submit(db.behind, fn, false) }

func (db *DB) submit(line chan *job, fn func(*Tx) error, again bool) error {
	j := &job{fn: fn, again: again, err: make(chan error, 1)}
	j.tx.on = db.writer
	select {
	case line <- j:
	case <-db.done:
		return db.unavailable()
	}
	select {
	case err := <-j.err:
		if err == nil {
			for _, f := range j.tx.after {
				f()
			}
		}
		return err
	case <-db.done:
		select { // the loop may have answered just before it ended
		case err := <-j.err:
			if err == nil {
				for _, f := range j.tx.after {
					f()
				}
			}
			return err
		default:
			return db.unavailable()
		}
	}
}

func (db *DB) unavailable() error {
	cause := db.Err()
	if cause == nil {
		cause = errClosed
	}
	return fault.Wrap(cause, fault.Unavailable, "storage.closed", "the database takes no more work")
}

// View runs fn inside a read transaction that sees one moment of the committed file. After Close it
// is Unavailable.
func (db *DB) View(fn func(*Tx) error) error {
	var r *session
	select {
	case r = <-db.idle:
	case <-db.quit:
		return db.unavailable()
	}
	defer func() { db.idle <- r }() // never blocks: it has room for every reader
	if err := r.exec("BEGIN"); err != nil {
		return storageError("read", db.path, err)
	}
	defer func() { _ = r.exec("ROLLBACK") }()
	return fn(&Tx{on: r})
}

// loop is the writer: it takes what waits, runs it in one transaction, commits, answers.
func (db *DB) loop() {
	defer close(db.done)
	batch := make([]*job, 0, maxBatch+1)
	for {
		batch = db.gather(batch[:0])
		if len(batch) == 0 { // closed, and nothing is left
			return
		}
		if err := db.commit(batch); err != nil {
			db.fail(err)
			return
		}
	}
}

// gather waits for work and takes all of it that one commit may hold, what can wait last.
func (db *DB) gather(batch []*job) []*job {
	var behind *job
	select {
	case j := <-db.jobs:
		batch = append(batch, j)
	case behind = <-db.behind:
	case <-db.quit: // finish what was submitted before Close
	}
	batch = db.drain(batch)
	runtime.Gosched() // whoever is about to submit may: each commit writes the same pages again
	batch = db.drain(batch)
	if behind == nil {
		select {
		case behind = <-db.behind:
		default:
			return batch
		}
	}
	return append(batch, behind)
}

// drain takes what waits this moment.
func (db *DB) drain(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-db.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction and answers each job. An error means storage failed.
func (db *DB) commit(batch []*job) error {
	slices.SortStableFunc(batch, func(a, b *job) int { // those that may run twice first: when one fails, no other has run
		switch {
		case a.again == b.again:
			return 0
		case a.again:
			return -1
		}
		return 1
	})
	errs := make([]error, len(batch))
	err := db.run(batch, errs, false)
	if errors.Is(err, errUndo) {
		if err = db.writer.exec("ROLLBACK"); err == nil {
			err = db.run(batch, errs, true)
		}
	}
	if err == nil {
		if len(batch) == 1 && errs[0] != nil {
			err = db.writer.exec("ROLLBACK")
		} else {
			err = db.writer.exec("COMMIT")
		}
	}
	if err != nil {
		cause := storageError("commit", db.path, err)
		for _, j := range batch {
			j.err <- fault.Wrap(cause, fault.InDoubt, "storage.commit", "the record may or may not be stored")
		}
		return cause
	}
	for i, j := range batch {
		j.err <- errs[i]
	}
	return nil
}

// errUndo says that a job failed whose writes cannot be put back alone.
var errUndo = errors.New("the commit is begun anew")

// run begins a transaction and runs the jobs in it. What one wrote that fails is put back: it runs behind a savepoint, unless it is
// alone, or may run again and nothing has failed yet.
func (db *DB) run(batch []*job, errs []error, careful bool) error {
	db.number++
	err := db.writer.exec("BEGIN IMMEDIATE")
	for i := 0; i < len(batch) && err == nil; i++ {
		j := batch[i]
		bare := len(batch) == 1 || j.again && !careful
		errs[i], err = db.runJob(j, bare)
		if err == nil && errs[i] != nil && bare && len(batch) > 1 && j.tx.wrote {
			err = errUndo
		}
	}
	return err
}

// runJob runs one job, behind a savepoint or bare. refused is the job's
// own error; broken means the connection cannot be trusted any more.
func (db *DB) runJob(j *job, bare bool) (refused, broken error) {
	if !bare {
		if err := db.writer.exec("SAVEPOINT job"); err != nil {
			return nil, err
		}
	}
	j.tx.number, j.tx.wrote, j.tx.after = db.number, false, nil
	refused = call(j)
	if refused != nil && !isStatement(refused) {
		return refused, refused
	}
	if bare {
		return refused, nil
	}
	if refused != nil {
		if err := db.writer.exec("ROLLBACK TO job"); err != nil {
			return refused, err
		}
	}
	return refused, db.writer.exec("RELEASE job")
}

// call isolates a panic: the submitter gets it as an error, the others go on.
func call(j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fmt.Errorf("%v\n%s", p, debug.Stack()), fault.Internal, "storage.panic", "a write panicked and was undone")
		}
	}()
	return j.fn(&j.tx)
}

// named says which statement was refused; the driver's error stays inside.
func named(query string, err error) error { return fmt.Errorf("%w, at %q", err, query) }
