package powercut

import (
	"slices"
	"strings"
)

// asNormal is the log as synchronous=NORMAL would have made it: a commit is not synced, only a checkpoint is,
// before and after, and the head of a new log.
func asNormal(l Log) Log {
	wal := l.Root + "/" + l.DB + "-wal"
	drop := map[int]bool{} // calls
	header := false        // all that was written since the last sync is the log's head
	for i, op := range l.Ops {
		switch {
		case op.Path != wal:
		case op.Kind == Write:
			header = op.Off == 0
		case op.Kind == SyncBegin && !header && !checkpoints(l.Ops[i:], wal, strings.TrimSuffix(wal, "-wal")):
			drop[op.Call] = true
		}
	}
	return without(l, func(op Op) bool { return drop[op.Call] })
}

// checkpoints reports whether the next write goes to the database itself.
func checkpoints(ops []Op, wal, db string) bool {
	for _, op := range ops {
		if op.Kind == Write && (op.Path == wal || op.Path == db) {
			return op.Path == db
		}
	}
	return false
}

// asOff is the log as synchronous=OFF would have made it: nothing is synced.
func asOff(l Log) Log { return without(l, func(Op) bool { return true }) }

// foldersUnsynced is the log of a program that forgets that names need a sync of their own.
func foldersUnsynced(l Log) Log {
	folders := map[string]bool{l.Root: true}
	for _, op := range l.Ops {
		if op.Kind == Mkdir {
			folders[op.Path] = true
		}
	}
	return without(l, func(op Op) bool { return folders[op.Path] })
}

// tellsFirst is the log of a program that answers and only then syncs: what is said moves before the last sync.
func tellsFirst(l Log) Log {
	wal := l.Root + "/" + l.DB + "-wal"
	var out []Op
	for _, op := range l.Ops {
		if op.Kind == Known && op.Fact.Who != "wallet" {
			i := len(out) - 1
			for i > 0 && !(out[i].Kind == SyncBegin && out[i].Path == wal) {
				i--
			}
			out = slices.Insert(out, max(i, 0), op)
			continue
		}
		out = append(out, op)
	}
	l.Ops = out
	return l
}

func without(l Log, bad func(Op) bool) Log {
	l.Ops = slices.DeleteFunc(slices.Clone(l.Ops), func(op Op) bool {
		return (op.Kind == SyncBegin || op.Kind == SyncEnd) && bad(op)
	})
	return l
}
