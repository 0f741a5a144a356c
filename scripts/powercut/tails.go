package powercut

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// commit is a moment at which a transaction became safe.
type commit struct {
	op  int   // the end of its sync
	end int64 // of the write-ahead log by then
}

// firstLog lists the commits into the write-ahead log before it is begun anew for the first time after the
// database was made: up to there each transaction lies behind the one before.
func firstLog(l Log) (commits []commit, err error) {
	d := newDisk(Ordered, l.Root)
	wal := l.Root + "/" + l.DB + "-wal"
	for i, op := range l.Ops {
		if err := d.do(op); err != nil {
			return nil, err
		}
		switch {
		case op.Kind == Unlink && op.Path == wal: // the making of the file has a log of its own
			commits = nil
		case op.Kind == Write && op.Path == wal && op.Off == 0 && len(commits) > 0:
			return commits, nil
		case op.Kind == SyncEnd && op.Path == wal:
			if n := d.nodes[d.now[wal]]; len(commits) == 0 || int64(len(n.safe)) > commits[len(commits)-1].end {
				commits = append(commits, commit{i, int64(len(n.safe))})
			}
		}
	}
	return commits, nil
}

// head is what stands before each page in the write-ahead log, and before all of them.
const head, before = 24, 32

// Tails cuts the write-ahead log off inside its last three frames, as it was after a commit drawn from the seed:
// at every byte, or at every step-th and all bytes of the frames' heads. What was told before the first commit
// that does not fit any more must be there.
func (j *Judge) Tails(seed uint64, step int64, dir string) (failures []Failure, judged int, err error) {
	commits, err := firstLog(j.log)
	if err != nil || len(commits) < 10 {
		return nil, 0, fmt.Errorf("the log has %d commits, too few to cut: %w", len(commits), err)
	}
	last := len(commits)/2 + rand.New(rand.NewPCG(seed, 1)).IntN(len(commits)/2)
	d := newDisk(Ordered, j.log.Root)
	for _, op := range j.log.Ops[:commits[last].op+1] {
		if err := d.do(op); err != nil {
			return nil, 0, err
		}
	}
	files := d.leave(lost, 512, 0, rand.New(rand.NewPCG(seed, 1)))
	wal := slices.IndexFunc(files, func(f drawn) bool { return strings.HasSuffix(f.name, "-wal") })
	if len(files[wal].safe) < before {
		return nil, 0, fmt.Errorf("the log has %d synced bytes, too few to cut", len(files[wal].safe))
	}
	frame := int64(binary.BigEndian.Uint32(files[wal].safe[8:])) + head // the log says how large its pages are
	for size := commits[last].end; size >= commits[last].end-3*frame; size-- {
		if into := (size - before) % frame; into > head && into%step != 0 {
			continue
		}
		fit := last
		for commits[fit].end > size {
			fit--
		}
		cut := commits[last].op + 1
		if fit < last {
			cut = commits[fit+1].op
		}
		files[wal].size = size
		broken, err := j.tryImage(files, dir, cut)
		if err != nil {
			return failures, judged, err
		}
		judged++
		if len(broken) > 0 {
			failures = append(failures, Failure{Spec: Spec{Seed: seed, Cut: cut, Unit: size}, Broken: broken})
		}
	}
	return failures, judged, nil
}

// Copies is what became of backups by cp.
type Copies struct {
	Whole      int // copied without a checkpoint between the two files: everything told by then is there
	Refused    int // across a checkpoint: the program would not start
	Complete   int // across a checkpoint, and nothing is missing
	Incomplete int // across a checkpoint, and rows are missing without a word
}

// Copy takes database and write-ahead log at two different moments, as cp of a running program's folder does. What
// must hold: without a checkpoint in between, all that was told before the earlier moment. Across one there is no
// promise to keep, because SQLite makes none; how often that happens is counted.
func (j *Judge) Copy(seed uint64, pairs int, dir string) (c Copies, failures []Failure, err error) {
	dice := rand.New(rand.NewPCG(seed, 2))
	db := j.log.Root + "/" + j.log.DB
	made := slices.IndexFunc(j.log.Ops, func(op Op) bool { return op.Kind == Known })
	for i := range pairs {
		first := made + dice.IntN(len(j.log.Ops)-made)
		second := min(first+dice.IntN(len(j.log.Ops)/4), len(j.log.Ops))
		early, err := j.seen(first)
		if err != nil {
			return c, failures, err
		}
		late, err := j.seen(second)
		if err != nil {
			return c, failures, err
		}
		mixed := maps.Clone(late)
		mixed[db] = early[db]
		if i%2 == 1 {
			mixed = maps.Clone(late)
			mixed[db+"-wal"] = early[db+"-wal"]
		}
		var files []drawn
		for name, b := range mixed {
			files = append(files, drawn{name: name, safe: b, size: int64(len(b))})
		}
		broken, err := j.tryImage(files, dir, first)
		if err != nil {
			return c, failures, err
		}
		checkpointed := slices.ContainsFunc(j.log.Ops[first:second], func(op Op) bool { return op.Kind == Write && op.Path == db })
		switch {
		case !checkpointed && len(broken) > 0:
			failures = append(failures, Failure{Spec: Spec{Seed: seed, Index: uint64(i), Cut: first}, Broken: broken})
		case !checkpointed:
			c.Whole++
		case len(broken) == 0:
			c.Complete++
		case strings.HasPrefix(broken[0], "the program would not start"):
			c.Refused++
		default:
			c.Incomplete++
		}
	}
	return c, failures, nil
}

// seen is what a reader of the folder sees after so many operations.
func (j *Judge) seen(ops int) (map[string][]byte, error) {
	d := newDisk(Ordered, j.log.Root)
	for _, op := range j.log.Ops[:ops] {
		if err := d.do(op); err != nil {
			return nil, err
		}
	}
	return d.whole(), nil
}
