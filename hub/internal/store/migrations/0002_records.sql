-- The tills' journals, as far as they have been copied here. A row is never changed: one that comes
-- again must be the same.
CREATE TABLE till_record (
  terminal TEXT NOT NULL REFERENCES terminal,
  seq INTEGER NOT NULL CHECK (seq > 0),          -- the till's own number, without gaps
  sale TEXT NOT NULL,                            -- empty: belongs to none
  kind TEXT NOT NULL CHECK (kind <> ''),
  body TEXT NOT NULL CHECK (json_valid(body)),
  at INTEGER NOT NULL,                           -- by the till's clock
  hash BLOB NOT NULL CHECK (length(hash) = 32),  -- over the row and the hash of the sale's previous row
  PRIMARY KEY (terminal, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX till_record_sale ON till_record (terminal, sale, seq);
CREATE TRIGGER till_record_no_update BEFORE UPDATE ON till_record BEGIN SELECT RAISE(ABORT, 'records are append only'); END;
CREATE TRIGGER till_record_no_delete BEFORE DELETE ON till_record BEGIN SELECT RAISE(ABORT, 'records are append only'); END;
