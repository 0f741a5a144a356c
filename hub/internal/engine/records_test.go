package engine_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/wire"
)

// journal is a till's: rows of a few sales, chained as the till chains them.
type journal []wire.Record

func (j journal) grow(n int, text string) journal {
	j = slices.Clone(j)
	for range n {
		seq := uint64(len(j) + 1)
		j = j.with(fmt.Sprintf("sale_%d", (seq-1)/3), fmt.Sprintf(`{"n":%d,"text":%q}`, seq, text))
	}
	return j
}

func (j journal) with(sale, body string) journal {
	r := wire.Record{Seq: uint64(len(j) + 1), Sale: sale, Kind: "new", Body: json.RawMessage(body), At: time.UnixMilli(1_700_000_000_123), Prev: make([]byte, 32)}
	for _, before := range j {
		if before.Sale == sale {
			r.Prev = before.Hash()
		}
	}
	return append(slices.Clone(j), r)
}

// batch are rows after a number up to another, as the till sends them.
func (j journal) batch(after, through int) wire.Records {
	m := wire.Records{After: uint64(after), Rows: j[after:through]}
	if after > 0 {
		m.Hash = j[after-1].Hash()
	}
	return m
}

func (h *house) records(m wire.Records) wire.Stored {
	h.t.Helper()
	s, err := (engine.Desk{Engine: h.engine}).Records(h.t.Context(), till, m)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

type recordLine struct {
	Terminal, Sale, Kind, Hash string
	Seq                        uint64
	Body                       json.RawMessage
	At                         time.Time
}

// copied exports what the hub has, the way an operator does.
func (h *house) copied() (list []recordLine) {
	h.t.Helper()
	for _, text := range h.export("records") {
		var l recordLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

func (h *house) export(what string) []string {
	h.t.Helper()
	var out bytes.Buffer
	if err := store.Export(filepath.Join(h.dir, "hub.db"), what, &out); err != nil {
		h.t.Fatal(err)
	}
	return strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' })
}

func (h *house) forks() (n int) {
	for _, l := range h.export("events") {
		if strings.Contains(l, `"terminal.fork"`) && strings.Contains(l, till.ID) {
			n++
		}
	}
	return n
}

// wantCopy holds the copy against the journal it should be of.
func (h *house) wantCopy(j journal) {
	h.t.Helper()
	got := h.copied()
	if len(got) != len(j) {
		h.t.Errorf("%d rows are stored, want %d", len(got), len(j))
		return
	}
	for i, r := range j {
		g := got[i]
		if g.Terminal != till.ID || g.Seq != r.Seq || g.Sale != r.Sale || g.Kind != r.Kind || string(g.Body) != string(r.Body) ||
			!g.At.Equal(r.At) || g.Hash != hex.EncodeToString(r.Hash()) {
			h.t.Errorf("row %d is stored as %+v", r.Seq, g)
		}
	}
}

func TestTheCopyOfATillsJournal(t *testing.T) {
	ours := journal{}.grow(20, "茶 <1>")
	restored := ours[:10:10].grow(12, "written after the old journal was put back")
	stranger := journal{}.grow(20, "of a cloned till")
	edited := slices.Clone(ours)
	edited[12].Body = json.RawMessage(`{"n":13,"text":"edited"}`)
	unchained := append(slices.Clone(ours[:15]), ours[15])
	unchained[15].Prev = bytes.Repeat([]byte{1}, 32)
	for name, c := range map[string]struct {
		message wire.Records
		through int    // what the answer says
		fork    uint64 // and this
		copy    journal
	}{
		"a question":                {ours.batch(15, 15), 15, 0, ours[:15]},
		"a question, ahead of us":   {ours.batch(20, 20), 15, 0, ours[:15]},
		"a question, behind":        {ours.batch(3, 3), 15, 0, ours[:15]},
		"the next":                  {ours.batch(15, 20), 20, 0, ours},
		"one":                       {ours.batch(15, 16), 16, 0, ours[:16]},
		"the same again":            {ours.batch(0, 15), 15, 0, ours[:15]},
		"a part again":              {ours.batch(4, 9), 15, 0, ours[:15]},
		"old and new":               {ours.batch(10, 18), 18, 0, ours[:18]},
		"all":                       {ours.batch(0, 20), 20, 0, ours},
		"a gap":                     {ours.batch(16, 18), 15, 0, ours[:15]},
		"no rows in a row":          {wire.Records{Rows: []wire.Record{ours[1], ours[3]}}, 15, 0, ours[:15]},
		"no hash":                   {wire.Records{After: 15, Rows: ours[15:16]}, 15, 0, ours[:15]},
		"an old journal, its next":  {restored.batch(10, 11), 15, 11, ours[:15]},
		"an old journal, later on":  {restored.batch(15, 17), 15, 15, ours[:15]},
		"an old journal, asking":    {restored.batch(12, 12), 15, 12, ours[:15]},
		"an old journal, overtaken": {restored.batch(14, 20), 15, 14, ours[:15]},
		"another till":              {stranger.batch(0, 5), 15, 1, ours[:15]},
		"another till's next":       {stranger.batch(15, 20), 15, 15, ours[:15]},
		"an edited row":             {edited.batch(10, 14), 15, 13, ours[:15]},
		"an edited row before":      {edited.batch(13, 20), 15, 13, ours[:15]},
		"a chain that breaks":       {wire.Records{After: 15, Hash: ours[14].Hash(), Rows: unchained[15:16]}, 15, 16, ours[:15]},
		"good rows before a bad one": {wire.Records{After: 15, Hash: ours[14].Hash(), Rows: func() []wire.Record {
			rows := slices.Clone(ours[15:18])
			rows[2].Prev = make([]byte, 32)
			return rows
		}()}, 17, 18, ours[:17]},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer func() { h.stop() }()
				if s := h.records(ours.batch(0, 15)); s != (wire.Stored{Through: 15}) {
					t.Fatalf("%+v", s)
				}
				for range 2 { // and the same once more, by a lost answer
					if s := h.records(c.message); s.Through != uint64(c.through) || s.Fork != c.fork {
						t.Errorf("%+v, want through %d, fork %d", s, c.through, c.fork)
					}
				}
				if n := h.forks(); n > 1 || (n == 1) != (c.fork != 0) || (c.fork != 0) != bytes.Contains(h.logs.Bytes(), []byte("ALARM")) {
					t.Errorf("%d forks are events; log %s", n, h.logs.Bytes())
				}
				h.stop()
				h.start() // what was said to be stored is on the disk
				h.wantCopy(c.copy)
				if s := h.records(ours.batch(0, 0)); s.Through != uint64(len(c.copy)) {
					t.Errorf("after a restart %+v", s)
				}
			})
		})
	}
}

// TestTheCopyOutOfAnything sends every row in messages that are lost, doubled and out of order, to a
// hub that restarts; the till goes by what the hub says.
func TestTheCopyOutOfAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer func() { h.stop() }()
		ours := journal{}.grow(200, "x")
		for seed := range uint64(3) {
			rng, late, through := rand.New(rand.NewPCG(seed, 1)), []wire.Records(nil), 0
			for range 2000 {
				after := min(through+rng.IntN(12), len(ours)) // it runs ahead of the answers
				m := ours.batch(after, min(after+rng.IntN(10), len(ours)))
				switch rng.IntN(4) {
				case 0: // lost
					continue
				case 1: // late
					late = append(late, m)
					m = late[rng.IntN(len(late))]
				}
				s := h.records(m)
				if s.Fork != 0 || s.Through < uint64(through) {
					t.Fatalf("%+v after %d", s, through)
				}
				through = int(s.Through)
			}
			if rng.IntN(2) == 0 {
				h.stop()
				h.start()
			}
		}
		for through := 0; through < len(ours); {
			through = int(h.records(ours.batch(through, min(through+wire.MaxRecords, len(ours)))).Through)
		}
		h.wantCopy(ours)
		if h.forks() != 0 {
			t.Error("a fork out of nothing")
		}
	})
}

func TestTheCopyCannotBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer func() { h.stop() }()
		h.records(journal{}.grow(3, "x").batch(0, 3))
		for _, statement := range []string{"DELETE FROM till_record WHERE seq = 1", "UPDATE till_record SET body = '{}' WHERE seq = 1"} {
			if err := h.store.Update(func(tx *store.Tx) error { err := tx.Exec(statement); return err }); err == nil {
				t.Errorf("%s was taken", statement)
			}
		}
	})
}

// TestCopiesWaitBehindPayments: one at a time is in the writer's hands, behind what hurries, and who waits too long is
// sent away. A question needs no writer.
func TestCopiesWaitBehindPayments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer func() { h.stop() }()
		ours, hold, held := journal{}.grow(3, "x"), make(chan struct{}), make(chan error, 1)
		go func() { held <- h.store.Update(func(*store.Tx) error { <-hold; return nil }) }()
		synctest.Wait()
		const tills = 30
		answers, start := make(chan error, tills), time.Now()
		for range tills {
			go func() {
				_, err := (engine.Desk{Engine: h.engine}).Records(t.Context(), till, ours.batch(0, 3))
				answers <- err
			}()
		}
		for range tills - 1 {
			if err := <-answers; fault.KindOf(err) != fault.Unavailable || time.Since(start) > 2*time.Second {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
		}
		if s := h.records(wire.Records{}); s.Through != 0 {
			t.Errorf("asked while the writer is busy: %+v", s)
		}
		close(hold)
		if err := <-answers; err != nil {
			t.Error(err)
		}
		if err := <-held; err != nil {
			t.Error(err)
		}
		h.wantCopy(ours)
	})
}

// TestSeveralMessagesOfAJournal: they are one transaction, and end at the first that does not fit.
func TestSeveralMessagesOfAJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer func() { h.stop() }()
		desk, ours, stranger := engine.Desk{Engine: h.engine}, journal{}.grow(40, "x"), journal{}.grow(40, "y")
		for i, c := range []struct {
			ms   []wire.Records
			want wire.Stored
		}{
			{[]wire.Records{ours.batch(0, 5), ours.batch(5, 9), ours.batch(9, 10)}, wire.Stored{Through: 10}},
			{[]wire.Records{ours.batch(10, 12), ours.batch(14, 16)}, wire.Stored{Through: 12}},
			{[]wire.Records{ours.batch(12, 15), {After: 15}, ours.batch(15, 20)}, wire.Stored{Through: 15}}, // one without its hash
			{[]wire.Records{ours.batch(15, 18), stranger.batch(18, 20), ours.batch(18, 30)}, wire.Stored{Through: 18, Fork: 18}},
		} {
			if s, err := desk.Records(t.Context(), till, c.ms...); err != nil || s != c.want {
				t.Errorf("%d: %+v, %v", i, s, err)
			}
		}
		h.wantCopy(ours[:18])
	})
}
