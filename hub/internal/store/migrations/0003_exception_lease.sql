-- Since when an attempt is being undone, and when a person stopped that.
ALTER TABLE attempt ADD COLUMN undoing_at INTEGER;
ALTER TABLE attempt ADD COLUMN written_off_at INTEGER;
UPDATE attempt SET undoing_at = sent_at WHERE status = 'reversing';

-- A doubt about a payment, from its opening to its end. Never two open ones of a kind for a payment;
-- a matter that was judged is not opened again.
CREATE TABLE exception (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL REFERENCES payment,
  kind TEXT NOT NULL CHECK (kind IN ('refused_event', 'late_success', 'slow_reversal', 'undo_ending', 'answer_differs', 'unlooked')),
  matter TEXT NOT NULL,
  known TEXT NOT NULL,                           -- JSON
  owner TEXT NOT NULL CHECK (owner IN ('hub', 'operations')),
  opened_at INTEGER NOT NULL,
  deadline_at INTEGER NOT NULL,
  resolved_at INTEGER,
  resolved_by TEXT NOT NULL DEFAULT '',
  decision TEXT NOT NULL DEFAULT '' CHECK (decision IN ('', 'written-off')),
  note TEXT NOT NULL DEFAULT '',
  CHECK ((resolved_at IS NOT NULL) = (resolved_by <> '')),
  CHECK (resolved_by IN ('', 'hub') OR note <> ''),
  UNIQUE (payment, kind, matter)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX exception_open ON exception (payment, kind) WHERE resolved_at IS NULL;

-- Who may write: one hub at a time. Each taking of it counts the epoch up; what an earlier epoch
-- writes is refused.
CREATE TABLE lease (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  holder TEXT NOT NULL CHECK (holder <> ''),
  epoch INTEGER NOT NULL CHECK (epoch > 0),
  expires_at INTEGER NOT NULL
) STRICT;
