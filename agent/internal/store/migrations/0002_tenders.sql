-- Cash and other tenders. SQLite cannot change a CHECK, so the table is made again, and with it those
-- that refer to it. The counters of numbers go on: a number must never come twice.

CREATE TEMP TABLE old_sale AS SELECT * FROM sale;
CREATE TEMP TABLE old_outbox AS SELECT * FROM outbox;
CREATE TEMP TABLE old_code AS SELECT * FROM code;
CREATE TEMP TABLE old_count AS SELECT name, seq FROM sqlite_sequence WHERE name IN ('sale', 'outbox');
DROP TABLE code;
DROP TABLE outbox;
DROP TABLE sale;

CREATE TABLE sale (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of sales; no clock decides it
    id              TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    order_no        TEXT NOT NULL CHECK (length(order_no) BETWEEN 1 AND 64),
    subject         TEXT NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 10000000000),
    currency        TEXT NOT NULL CHECK (currency = 'CNY'),
    tender          TEXT NOT NULL CHECK (tender IN ('wallet', 'cash', 'other')),
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'accepted', 'password', 'unknown',
                        'cancelling', 'paid', 'declined', 'reversed', 'lapsed', 'cancelled')),
    reason          TEXT NOT NULL CHECK (reason <> ''),
    message         TEXT NOT NULL CHECK (message <> ''),
    refusal_reason  TEXT NOT NULL,
    refusal_message TEXT NOT NULL,
    wallet          TEXT NOT NULL CHECK (wallet IN ('', 'wechat', 'alipay', 'unionpay')),
    wallet_ref      TEXT NOT NULL,
    payment_id      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    scanned_at      INTEGER,
    finished_at     INTEGER,
    -- settled sales have their time, and others have not
    CHECK ((state IN ('paid', 'declined', 'reversed', 'lapsed', 'cancelled')) = (finished_at IS NOT NULL)),
    -- only a sale without a code waits for one
    CHECK (tender <> 'wallet' OR state = 'cancelled' OR (state = 'waiting') = (scanned_at IS NULL)),
    CHECK ((wallet = '') = (scanned_at IS NULL)),
    -- what only the hub can prove carries the hub's name for it
    CHECK (tender <> 'wallet' OR payment_id <> '' OR state NOT IN ('accepted', 'password', 'paid')),
    CHECK (payment_id = '' OR state NOT IN ('waiting', 'sending', 'cancelled')),
    -- money in the cashier's hand is paid, and no wallet and no hub had a part in it
    CHECK (tender = 'wallet' OR state = 'paid' AND wallet = '' AND wallet_ref = '' AND payment_id = '')
) STRICT;

CREATE INDEX sale_by_order ON sale (order_no, seq);
-- an order is being paid, or was paid, by one sale at most
CREATE UNIQUE INDEX sale_one_per_order ON sale (order_no) WHERE finished_at IS NULL OR state = 'paid';
CREATE INDEX sale_open ON sale (seq) WHERE finished_at IS NULL;

CREATE TRIGGER sale_settled BEFORE UPDATE ON sale WHEN OLD.finished_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a settled sale does not change'); END;
CREATE TRIGGER sale_kept BEFORE DELETE ON sale
BEGIN SELECT RAISE(ABORT, 'a sale is never deleted'); END;

CREATE TABLE outbox (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('pay', 'fence', 'cancel')),
    key  TEXT NOT NULL UNIQUE REFERENCES sale (id),
    body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE code (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    sale   TEXT NOT NULL REFERENCES sale (id),
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX code_by_age ON code (at);

INSERT INTO sale (seq, id, order_no, subject, amount, currency, tender, state, reason, message, refusal_reason,
    refusal_message, wallet, wallet_ref, payment_id, created_at, scanned_at, finished_at)
    SELECT seq, id, order_no, subject, amount, currency, tender, state, reason, message, refusal_reason,
    refusal_message, wallet, wallet_ref, payment_id, created_at, scanned_at, finished_at FROM old_sale;
INSERT INTO outbox (seq, kind, key, body) SELECT seq, kind, key, body FROM old_outbox;
INSERT INTO code (digest, sale, at) SELECT digest, sale, at FROM old_code;
DELETE FROM sqlite_sequence WHERE name IN ('sale', 'outbox');
INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM old_count;
DROP TABLE old_sale;
DROP TABLE old_outbox;
DROP TABLE old_code;
DROP TABLE old_count;
