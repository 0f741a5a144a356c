-- The till's journal. Times are unix milliseconds, amounts fen.
-- A list of values to check stands in pairs: SQLite puts a longer one into a table of its own, anew at each write.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sale (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of sales; no clock decides it
    id              TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    order_no        TEXT NOT NULL CHECK (length(order_no) BETWEEN 1 AND 64),
    subject         TEXT NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 10000000000),
    currency        TEXT NOT NULL CHECK (currency = 'CNY'),
    tender          TEXT NOT NULL CHECK (tender IN ('wallet', 'cash') OR tender = 'other'),
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'deferred', 'accepted', 'shown', 'password', 'unknown',
                        'cancelling', 'paid', 'declined', 'reversed', 'lapsed', 'cancelled')),
    reason          TEXT NOT NULL CHECK (reason <> ''),
    message         TEXT NOT NULL CHECK (message <> ''),
    refusal_reason  TEXT NOT NULL,
    refusal_message TEXT NOT NULL,
    wallet          TEXT NOT NULL CHECK (wallet IN ('', 'wechat') OR wallet IN ('alipay', 'unionpay') OR wallet = 'storedvalue'),
    wallet_ref      TEXT NOT NULL,
    payment_id      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    scanned_at      INTEGER,
    finished_at     INTEGER,
    deferred_at     INTEGER, -- accepted without a connection then, by the hub's clock
    claim           TEXT NOT NULL DEFAULT '', -- of a deferred sale; worth nothing for another one, and no payment code
    mode            TEXT NOT NULL DEFAULT '' CHECK (mode IN ('', 'qr')), -- qr: the customer scans our code
    qr              TEXT NOT NULL DEFAULT '' CHECK (length(qr) <= 512), -- the text of that code while the sale is open; no secret
    qr_until        INTEGER, -- its end, by the hub's clock
    operator        TEXT NOT NULL DEFAULT '', -- who was on duty when it was begun
    received        INTEGER CHECK (received BETWEEN amount AND 10000000000), -- cash in the cashier's hand; what is above the amount is change
    bill            TEXT NOT NULL DEFAULT '' CHECK (length(bill) <= 64), -- the sale pays a part of it
    bill_total      INTEGER CHECK (bill_total BETWEEN amount AND 10000000000),
    CHECK (received IS NULL OR tender = 'cash'),
    CHECK ((bill <> '') = (bill_total IS NOT NULL)),
    CHECK (mode = '' OR tender = 'wallet' AND deferred_at IS NULL AND state <> 'waiting'),
    CHECK (qr = '' OR mode = 'qr' AND finished_at IS NULL),
    CHECK ((qr <> '') = (qr_until IS NOT NULL)),
    CHECK (state <> 'shown' OR qr <> ''),
    -- what was accepted without a connection has what the hub collects with, and nothing else has
    CHECK ((claim <> '') = (deferred_at IS NOT NULL)),
    CHECK (state <> 'deferred' OR deferred_at IS NOT NULL),
    CHECK (state <> 'sending' OR deferred_at IS NULL),
    -- settled sales have their time, and others have not
    CHECK ((state IN ('paid', 'declined') OR state IN ('reversed', 'lapsed') OR state = 'cancelled') = (finished_at IS NOT NULL)),
    -- only a sale without a code waits for one
    CHECK (tender <> 'wallet' OR state = 'cancelled' OR (state = 'waiting') = (scanned_at IS NULL)),
    CHECK ((wallet = '') = (scanned_at IS NULL) OR mode = 'qr'), -- whose code we show may be the hub's choice
    -- what only the hub can prove carries the hub's name for it
    CHECK (tender <> 'wallet' OR payment_id <> '' OR (state NOT IN ('accepted', 'shown') AND state NOT IN ('password', 'paid'))),
    CHECK (payment_id = '' OR (state NOT IN ('waiting', 'sending') AND state NOT IN ('deferred', 'cancelled'))),
    -- money in the cashier's hand is paid, and no wallet and no hub had a part in it
    CHECK (tender = 'wallet' OR state = 'paid' AND wallet = '' AND wallet_ref = '' AND payment_id = '')
) STRICT;

CREATE INDEX sale_by_order ON sale (order_no, seq);
-- an order is being paid, or was paid, by one sale at most
CREATE UNIQUE INDEX sale_one_per_order ON sale (order_no) WHERE finished_at IS NULL OR state = 'paid';
CREATE INDEX sale_open ON sale (seq) WHERE finished_at IS NULL;
CREATE INDEX sale_by_end ON sale (finished_at) WHERE finished_at IS NOT NULL; -- a day's sums

CREATE INDEX sale_deferred ON sale (deferred_at) WHERE finished_at IS NULL AND deferred_at IS NOT NULL;

-- for search: by amount, by the last four signs of either number, by day
CREATE INDEX sale_by_amount ON sale (amount, seq);
CREATE INDEX sale_by_order_end ON sale (substr(order_no, -4), seq);
CREATE INDEX sale_by_wallet_end ON sale (substr(wallet_ref, -4), seq) WHERE wallet_ref <> '';
CREATE INDEX sale_by_time ON sale (created_at, seq);

CREATE INDEX sale_by_bill ON sale (bill, seq) WHERE bill <> '';
-- the parts of a bill name one total, and what is open or paid of them never exceeds it
CREATE TRIGGER sale_within_bill BEFORE INSERT ON sale
WHEN NEW.bill <> '' AND (EXISTS (SELECT 1 FROM sale s WHERE s.bill = NEW.bill AND s.bill_total <> NEW.bill_total)
    OR NEW.bill_total < NEW.amount + (SELECT coalesce(sum(s.amount), 0) FROM sale s
        WHERE s.bill = NEW.bill AND (s.finished_at IS NULL OR s.state = 'paid')))
BEGIN SELECT RAISE(ABORT, 'the parts would pay more than the bill'); END;
CREATE TRIGGER sale_fixed BEFORE UPDATE OF received, bill, bill_total ON sale
BEGIN SELECT RAISE(ABORT, 'what was taken does not change'); END;
CREATE TRIGGER sale_settled BEFORE UPDATE ON sale WHEN OLD.finished_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a settled sale does not change'); END;
CREATE TRIGGER sale_operator BEFORE UPDATE OF operator ON sale WHEN NEW.operator <> OLD.operator
BEGIN SELECT RAISE(ABORT, 'who began a sale does not change'); END;
CREATE TRIGGER sale_kept BEFORE DELETE ON sale
BEGIN SELECT RAISE(ABORT, 'a sale is never deleted'); END;

-- Every change of a sale, in the transaction of the change. prev is the hash of the sale's
-- previous event, so that an edit shows. sale is '' for what belongs to none.
CREATE TABLE event (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    sale TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type <> ''),
    body TEXT NOT NULL CHECK (json_valid(body)),
    at   INTEGER NOT NULL,
    prev BLOB NOT NULL CHECK (length(prev) = 32)
) STRICT;

CREATE INDEX event_by_sale ON event (sale, seq);
CREATE TRIGGER event_fixed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'an event does not change'); END;
CREATE TRIGGER event_kept BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;

-- Money of a paid sale on its way back. Its events are the sale's: they stand in the sale's chain.
CREATE TABLE refund (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of refunds; no clock decides it
    id          TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    sale        TEXT NOT NULL REFERENCES sale (id),
    refund_no   TEXT NOT NULL UNIQUE CHECK (length(refund_no) BETWEEN 1 AND 64),
    amount      INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 10000000000),
    currency    TEXT NOT NULL CHECK (currency = 'CNY'),
    tender      TEXT NOT NULL CHECK (tender IN ('wallet', 'cash') OR tender = 'other'), -- the sale's
    why         TEXT NOT NULL,
    kind        TEXT NOT NULL DEFAULT 'refund' CHECK (kind IN ('refund', 'void')),
    operator    TEXT NOT NULL DEFAULT '', -- who was on duty
    approved_by TEXT NOT NULL DEFAULT '', -- who stood for it beside them
    state       TEXT NOT NULL CHECK (state IN ('queued', 'pending') OR state IN ('succeeded', 'failed')),
    reason      TEXT NOT NULL CHECK (reason <> ''),
    message     TEXT NOT NULL CHECK (message <> ''),
    refund_id   TEXT NOT NULL,
    wallet_ref  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    CHECK ((state IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    -- what only the hub can prove carries the hub's name for it
    CHECK (tender <> 'wallet' OR refund_id <> '' OR state NOT IN ('pending', 'succeeded')),
    CHECK (refund_id = '' OR state <> 'queued'),
    -- money from the cashier's hand is given back, and no wallet and no hub had a part in it
    CHECK (tender = 'wallet' OR state = 'succeeded' AND refund_id = '' AND wallet_ref = '')
) STRICT;

CREATE INDEX refund_by_sale ON refund (sale, seq);
CREATE INDEX refund_open ON refund (seq) WHERE finished_at IS NULL;
CREATE INDEX refund_by_end ON refund (finished_at) WHERE finished_at IS NOT NULL;

-- of a paid sale, in its tender, and together never more than was paid
CREATE TRIGGER refund_within BEFORE INSERT ON refund
WHEN NOT EXISTS (SELECT 1 FROM sale s WHERE s.id = NEW.sale AND s.state = 'paid' AND s.tender = NEW.tender AND s.currency = NEW.currency
    AND s.amount >= NEW.amount + (SELECT coalesce(sum(r.amount), 0) FROM refund r WHERE r.sale = NEW.sale AND r.state <> 'failed'))
BEGIN SELECT RAISE(ABORT, 'more would go back than was paid'); END;
-- a void is all of a sale
CREATE TRIGGER refund_void BEFORE INSERT ON refund
WHEN NEW.kind = 'void' AND NOT EXISTS (SELECT 1 FROM sale s WHERE s.id = NEW.sale AND s.amount = NEW.amount)
BEGIN SELECT RAISE(ABORT, 'a void gives all back'); END;
CREATE TRIGGER refund_fixed BEFORE UPDATE OF id, sale, refund_no, amount, currency, tender, why, kind, operator, approved_by, created_at ON refund
BEGIN SELECT RAISE(ABORT, 'what is refunded does not change'); END;
CREATE TRIGGER refund_settled BEFORE UPDATE ON refund WHEN OLD.finished_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a settled refund does not change'); END;
CREATE TRIGGER refund_kept BEFORE DELETE ON refund
BEGIN SELECT RAISE(ABORT, 'a refund is never deleted'); END;

-- Who works at this till, and who mistyped. Names and PINs stand in the hub's list (meta), which it signed.
CREATE TABLE operator (
    id       TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    wrong    INTEGER NOT NULL DEFAULT 0 CHECK (wrong >= 0), -- PINs since the last right one
    pin      TEXT NOT NULL DEFAULT '', -- which PIN these were tried at, by its salt: another begins anew
    tried_at INTEGER, -- the last of them
    on_since INTEGER, -- on duty since then
    CHECK ((wrong > 0) = (tried_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
-- one at a time
CREATE UNIQUE INDEX operator_on_duty ON operator (on_since IS NOT NULL) WHERE on_since IS NOT NULL;

-- What the hub owes an answer to: one message per sale and per refund, named by the key. The body
-- holds no payment code; a deferred sale's holds its claim.
CREATE TABLE outbox (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL CHECK (kind IN ('pay', 'fence') OR kind IN ('cancel', 'refund')),
    key    TEXT NOT NULL UNIQUE,
    body   TEXT NOT NULL CHECK (json_valid(body)),
    sale   TEXT AS (CASE WHEN kind <> 'refund' THEN key END) REFERENCES sale (id),
    refund TEXT AS (CASE WHEN kind = 'refund' THEN key END) REFERENCES refund (id)
) STRICT;

-- Which codes were used: keyed digests, kept for a day.
CREATE TABLE code (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    sale   TEXT NOT NULL REFERENCES sale (id),
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX code_by_age ON code (at);

-- The shifts. One is here once staff opened it, or once it was closed; its range of the log ends with event closed_seq.
CREATE TABLE shift (
    number     INTEGER PRIMARY KEY CHECK (number > 0),
    opened_at  INTEGER NOT NULL,
    opened_by  TEXT NOT NULL,
    change     INTEGER NOT NULL CHECK (change BETWEEN 0 AND 10000000000), -- in the drawer at its start
    closed_seq INTEGER UNIQUE REFERENCES event (seq),
    closed_at  INTEGER,
    counted    INTEGER CHECK (counted BETWEEN 0 AND 10000000000),
    report     TEXT CHECK (json_valid(report)), -- the Z, with every line
    CHECK ((closed_seq IS NULL) = (closed_at IS NULL) AND (closed_seq IS NULL) = (counted IS NULL) AND (closed_seq IS NULL) = (report IS NULL)),
    CHECK (report IS NULL OR report ->> '$.number' = number AND report ->> '$.counted' = counted AND report ->> '$.float' = change
        AND report ->> '$.difference' = counted - (report ->> '$.expected') AND report ->> '$.last_event' = closed_seq - 1)
) STRICT;

CREATE TRIGGER shift_next BEFORE INSERT ON shift
WHEN NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM shift) OR EXISTS (SELECT 1 FROM shift WHERE closed_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'a shift follows the last one, once that is closed'); END;
CREATE TRIGGER shift_opened BEFORE UPDATE OF number, opened_at, opened_by, change ON shift
BEGIN SELECT RAISE(ABORT, 'how a shift was opened does not change'); END;
CREATE TRIGGER shift_closed BEFORE UPDATE ON shift WHEN OLD.closed_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a closed shift does not change'); END;
CREATE TRIGGER shift_kept BEFORE DELETE ON shift
BEGIN SELECT RAISE(ABORT, 'a shift is never deleted'); END;

-- Cash that moved without a sale.
CREATE TABLE cash_movement (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    no       TEXT NOT NULL UNIQUE CHECK (length(no) BETWEEN 1 AND 64),
    shift    INTEGER NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('in', 'out') OR kind = 'drop'),
    amount   INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 10000000000),
    why      TEXT NOT NULL,
    operator TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE TRIGGER movement_now BEFORE INSERT ON cash_movement
WHEN NEW.shift <> 1 + (SELECT coalesce(max(number), 0) FROM shift WHERE closed_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'cash moves in the open shift'); END;
CREATE TRIGGER movement_fixed BEFORE UPDATE ON cash_movement
BEGIN SELECT RAISE(ABORT, 'a movement of cash does not change'); END;
CREATE TRIGGER movement_kept BEFORE DELETE ON cash_movement
BEGIN SELECT RAISE(ABORT, 'a movement of cash is never deleted'); END;

-- Slips of paper. The row is there before the first byte of its slip leaves. Not part of any sale.
CREATE TABLE print_job (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT, -- the printer names it back when it is through with it
    sale        TEXT REFERENCES sale (id),
    shift       INTEGER CHECK (shift > 0),
    cause       TEXT NOT NULL CHECK (cause IN ('paid', 'request') OR cause IN ('x', 'z')),
    copy        INTEGER NOT NULL CHECK (copy BETWEEN 1 AND 9),
    state       TEXT NOT NULL CHECK (state IN ('queued', 'printing') OR state IN ('doubt', 'done') OR state IN ('failed', 'dropped')),
    attempts    INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 3),
    marked      INTEGER NOT NULL CHECK (marked IN (0, 1)),
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    CHECK ((state IN ('done', 'failed') OR state = 'dropped') = (finished_at IS NOT NULL)),
    CHECK (state IN ('queued', 'dropped') OR attempts > 0),
    CHECK ((sale IS NULL) = (cause IN ('x', 'z')) AND (shift IS NULL) = (cause IN ('paid', 'request'))), -- of a sale or of a shift
    -- after the first try every other says on its face that it is one
    CHECK (attempts < 2 OR marked = 1)
) STRICT;

CREATE INDEX print_by_sale ON print_job (sale);
CREATE INDEX print_open ON print_job (seq) WHERE finished_at IS NULL;
-- a payment prints each of its slips once
CREATE UNIQUE INDEX print_once ON print_job (sale, copy) WHERE cause = 'paid';
-- and a shift its Z: every other one says that it is a reprint
CREATE UNIQUE INDEX print_z_once ON print_job (shift) WHERE cause = 'z' AND marked = 0;
CREATE INDEX print_by_shift ON print_job (shift) WHERE shift IS NOT NULL;
CREATE TRIGGER print_closed BEFORE INSERT ON print_job
WHEN NEW.cause = 'z' AND NOT EXISTS (SELECT 1 FROM shift WHERE number = NEW.shift AND closed_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'a shift has its Z once it is closed'); END;
CREATE TRIGGER print_fixed BEFORE UPDATE OF sale, shift, cause, copy, created_at ON print_job
BEGIN SELECT RAISE(ABORT, 'what is printed does not change'); END;
CREATE TRIGGER print_marked BEFORE UPDATE OF marked ON print_job WHEN OLD.marked = 1 AND NEW.marked = 0
BEGIN SELECT RAISE(ABORT, 'a reprint stays one'); END;
