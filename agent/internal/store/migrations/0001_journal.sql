-- The till's journal. Times are unix milliseconds, amounts fen.

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
    tender          TEXT NOT NULL CHECK (tender IN ('wallet', 'cash', 'other')),
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'deferred', 'accepted', 'password', 'unknown',
                        'cancelling', 'paid', 'declined', 'reversed', 'lapsed', 'cancelled')),
    reason          TEXT NOT NULL CHECK (reason <> ''),
    message         TEXT NOT NULL CHECK (message <> ''),
    refusal_reason  TEXT NOT NULL,
    refusal_message TEXT NOT NULL,
    wallet          TEXT NOT NULL CHECK (wallet IN ('', 'wechat', 'alipay', 'unionpay', 'storedvalue')),
    wallet_ref      TEXT NOT NULL,
    payment_id      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    scanned_at      INTEGER,
    finished_at     INTEGER,
    deferred_at     INTEGER, -- accepted without a connection then, by the hub's clock
    claim           TEXT NOT NULL DEFAULT '', -- of a deferred sale; worth nothing for another one, and no payment code
    -- what was accepted without a connection has what the hub collects with, and nothing else has
    CHECK ((claim <> '') = (deferred_at IS NOT NULL)),
    CHECK (state <> 'deferred' OR deferred_at IS NOT NULL),
    CHECK (state <> 'sending' OR deferred_at IS NULL),
    -- settled sales have their time, and others have not
    CHECK ((state IN ('paid', 'declined', 'reversed', 'lapsed', 'cancelled')) = (finished_at IS NOT NULL)),
    -- only a sale without a code waits for one
    CHECK (tender <> 'wallet' OR state = 'cancelled' OR (state = 'waiting') = (scanned_at IS NULL)),
    CHECK ((wallet = '') = (scanned_at IS NULL)),
    -- what only the hub can prove carries the hub's name for it
    CHECK (tender <> 'wallet' OR payment_id <> '' OR state NOT IN ('accepted', 'password', 'paid')),
    CHECK (payment_id = '' OR state NOT IN ('waiting', 'sending', 'deferred', 'cancelled')),
    -- money in the cashier's hand is paid, and no wallet and no hub had a part in it
    CHECK (tender = 'wallet' OR state = 'paid' AND wallet = '' AND wallet_ref = '' AND payment_id = '')
) STRICT;

CREATE INDEX sale_by_order ON sale (order_no, seq);
-- an order is being paid, or was paid, by one sale at most
CREATE UNIQUE INDEX sale_one_per_order ON sale (order_no) WHERE finished_at IS NULL OR state = 'paid';
CREATE INDEX sale_open ON sale (seq) WHERE finished_at IS NULL;

CREATE INDEX sale_deferred ON sale (deferred_at) WHERE finished_at IS NULL AND deferred_at IS NOT NULL;

CREATE TRIGGER sale_settled BEFORE UPDATE ON sale WHEN OLD.finished_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a settled sale does not change'); END;
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

-- What the hub owes an answer to: one message per sale. The body holds no payment code; a deferred
-- sale's holds its claim.
CREATE TABLE outbox (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('pay', 'fence', 'cancel')),
    key  TEXT NOT NULL UNIQUE REFERENCES sale (id),
    body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

-- Which codes were used: keyed digests, kept for a day.
CREATE TABLE code (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    sale   TEXT NOT NULL REFERENCES sale (id),
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX code_by_age ON code (at);
