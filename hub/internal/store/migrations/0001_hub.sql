-- Money is in minor units, times are unix milliseconds (NULL: not yet).
-- A list of values to check stands in pairs: SQLite puts a longer one into a table of its own, anew at each write.

CREATE TABLE merchant (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE store (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchant, name TEXT NOT NULL, created_at INTEGER NOT NULL,
  required INTEGER NOT NULL DEFAULT 0 CHECK (required IN (0, 1)) -- its tills sell with an operator on duty only
) STRICT, WITHOUT ROWID;

-- Who works at the tills of a store. Nobody is deleted: old sales name them.
CREATE TABLE operator (
  id TEXT PRIMARY KEY,
  merchant TEXT NOT NULL REFERENCES merchant,
  store TEXT REFERENCES store,                   -- NULL: all of the merchant's
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 48),
  role TEXT NOT NULL CHECK (role IN ('cashier', 'supervisor')),
  refund INTEGER NOT NULL CHECK (refund BETWEEN 0 AND 10000000000), -- on their own word, for one sale
  pin TEXT NOT NULL CHECK (length(pin) = 67),    -- a slow salted hash (shared/roster), never the digits
  disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_of ON operator (merchant, store);
CREATE TRIGGER operator_kept BEFORE DELETE ON operator BEGIN SELECT RAISE(ABORT, 'an operator is disabled, never deleted'); END;
CREATE TRIGGER operator_place BEFORE UPDATE OF id, merchant, store, created_at ON operator
BEGIN SELECT RAISE(ABORT, 'where an operator works does not change'); END;

CREATE TABLE terminal (
  id TEXT PRIMARY KEY,
  merchant TEXT NOT NULL REFERENCES merchant,
  store TEXT NOT NULL REFERENCES store,
  name TEXT NOT NULL,
  key BLOB NOT NULL CHECK (length(key) = 32),   -- its Ed25519 public key
  serial TEXT NOT NULL UNIQUE,                   -- of its certificate, lower hex
  revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
  down_seq INTEGER NOT NULL DEFAULT 0,           -- the last message written for it
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE activation_code (
  hash TEXT PRIMARY KEY,                         -- keyed: the table holds no usable code
  merchant TEXT NOT NULL REFERENCES merchant,
  store TEXT NOT NULL REFERENCES store,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_by TEXT REFERENCES terminal,
  used_key BLOB,
  CHECK ((used_by IS NULL) = (used_key IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  merchant TEXT NOT NULL REFERENCES merchant,
  public BLOB,                                   -- Ed25519; NULL: HMAC with a secret derived from the master key
  revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE nonce (
  api_key TEXT NOT NULL, nonce TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (api_key, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonce_expires ON nonce (expires_at);

CREATE TABLE payment (
  id TEXT PRIMARY KEY,
  merchant TEXT NOT NULL,
  store TEXT NOT NULL,
  terminal TEXT NOT NULL,                        -- empty: from the API
  source TEXT NOT NULL CHECK (source IN ('till', 'api')),
  scope TEXT NOT NULL,                           -- of key: the terminal for a till's, empty for the API's
  key TEXT NOT NULL CHECK (key <> ''),
  body_hash TEXT NOT NULL,
  order_no TEXT NOT NULL CHECK (order_no <> ''),
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (currency = 'CNY'),
  subject TEXT NOT NULL,
  metadata TEXT NOT NULL,
  wallet TEXT NOT NULL CHECK (wallet IN ('wechat', 'alipay') OR wallet IN ('unionpay', 'storedvalue')),
  status TEXT NOT NULL CHECK (status IN ('created', 'pending') OR status IN ('unknown', 'succeeded') OR status IN ('declined', 'reversing') OR status IN ('reversed', 'closed')),
  waiting INTEGER NOT NULL CHECK (waiting IN (0, 1)),
  decline_code TEXT NOT NULL,
  decline_message TEXT NOT NULL,
  decline_wallet TEXT NOT NULL,
  paid_at INTEGER,
  created_at INTEGER NOT NULL,
  finished_at INTEGER,
  refunded_amount INTEGER NOT NULL DEFAULT 0 CHECK (refunded_amount >= 0),   -- these two are kept by triggers
  refunding_amount INTEGER NOT NULL DEFAULT 0 CHECK (refunding_amount >= 0), -- asked back, without an outcome
  rev INTEGER NOT NULL DEFAULT 0,                -- counts the changes: who writes one says which state it was worked out from
  deferred_at INTEGER,                           -- when a till took it without a connection: the goods are gone
  CHECK (deferred_at IS NULL OR wallet = 'storedvalue' AND source = 'till'),
  CHECK ((finished_at IS NOT NULL) = (status IN ('succeeded', 'declined') OR status IN ('reversed', 'closed'))),
  CHECK (status <> 'declined' OR decline_code <> ''),
  CHECK (refunded_amount + refunding_amount <= CASE status WHEN 'succeeded' THEN amount ELSE 0 END),
  UNIQUE (merchant, source, scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_order ON payment (merchant, order_no, id);
CREATE INDEX payment_open ON payment (created_at) WHERE finished_at IS NULL;

CREATE TABLE attempt (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL REFERENCES payment,
  channel TEXT NOT NULL,
  out_trade_no TEXT NOT NULL UNIQUE CHECK (length(out_trade_no) BETWEEN 8 AND 32),
  status TEXT NOT NULL CHECK (status IN ('created', 'pending') OR status IN ('unknown', 'succeeded') OR status IN ('declined', 'reversing') OR status IN ('reversed', 'closed')),
  wallet_ref TEXT NOT NULL,
  cause TEXT NOT NULL,
  sent_at INTEGER,
  stamp_at INTEGER,                              -- the wall clock then: UnionPay knows the order by this second and out_trade_no
  called_at INTEGER,
  settled_at INTEGER,
  undoing_at INTEGER,                            -- since when it is being undone
  written_off_at INTEGER,                        -- when a person stopped that
  look_at INTEGER,                               -- when a wallet's notice wants it asked about
  tries INTEGER NOT NULL,
  checks INTEGER NOT NULL,
  left_at INTEGER,                               -- when another attempt took its place
  route TEXT NOT NULL CHECK (length(route) <= 4096), -- JSON: why this channel; empty: nothing was chosen
  shown INTEGER NOT NULL CHECK (shown IN (0, 1)), -- the customer scans our code
  qr TEXT NOT NULL CHECK (qr = '' OR shown = 1), -- the text of that code, once the wallet gave it
  qr_until INTEGER CHECK ((qr_until IS NOT NULL) = (shown = 1)), -- when the code ends
  CHECK (status = 'created' OR status = 'closed' OR sent_at IS NOT NULL),
  CHECK (left_at IS NULL OR (status NOT IN ('created', 'pending') AND status NOT IN ('unknown', 'succeeded'))),
  CHECK ((settled_at IS NOT NULL) = (status IN ('succeeded', 'declined') OR status IN ('reversed', 'closed')))
) STRICT, WITHOUT ROWID;
-- One attempt of a payment is in force. Another takes its place only when it is proven not to have charged, whoever writes it.
CREATE UNIQUE INDEX attempt_in_force ON attempt (payment) WHERE left_at IS NULL;
CREATE INDEX attempt_left ON attempt (payment) WHERE left_at IS NOT NULL;
CREATE TRIGGER attempt_is_left BEFORE UPDATE OF left_at ON attempt WHEN new.left_at IS NOT old.left_at
  AND (old.left_at IS NOT NULL OR old.status NOT IN ('created', 'pending') OR new.status NOT IN ('declined', 'closed'))
  BEGIN SELECT RAISE(ABORT, 'an attempt is left once, by a proof that it did not charge'); END;
CREATE TRIGGER attempt_route BEFORE UPDATE OF route ON attempt BEGIN SELECT RAISE(ABORT, 'a decision is written once'); END;

CREATE TRIGGER attempt_qr BEFORE UPDATE OF qr, shown, qr_until ON attempt
  WHEN old.qr <> '' AND old.qr <> new.qr OR old.shown <> new.shown OR old.qr_until IS NOT new.qr_until
  BEGIN SELECT RAISE(ABORT, 'a code that was shown stays'); END;

-- Money of a payment that goes back. What our own law turned away stands here too, as failed.
CREATE TABLE refund (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL REFERENCES payment,
  merchant TEXT NOT NULL,
  store TEXT NOT NULL,
  terminal TEXT NOT NULL,                        -- who asked; empty: the API
  source TEXT NOT NULL CHECK (source IN ('till', 'api')),
  scope TEXT NOT NULL,                           -- of key, as in payment
  key TEXT NOT NULL CHECK (key <> ''),
  body_hash TEXT NOT NULL,
  refund_no TEXT NOT NULL CHECK (refund_no <> ''),
  out_refund_no TEXT NOT NULL UNIQUE CHECK (length(out_refund_no) BETWEEN 8 AND 32),
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL CHECK (currency = 'CNY'),
  reason TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('created', 'pending') OR status IN ('unknown', 'succeeded') OR status = 'failed'),
  wallet_ref TEXT NOT NULL,
  decline_code TEXT NOT NULL,
  decline_message TEXT NOT NULL,
  decline_wallet TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  not_before_at INTEGER NOT NULL,                -- when it may first be sent
  since_at INTEGER NOT NULL,                     -- when the status last changed
  stamp_at INTEGER,                              -- the wall clock at the first sending: UnionPay knows the refund by this second and out_refund_no
  sent_at INTEGER,                               -- the latest sending
  stray_at INTEGER,                              -- the latest sending whose answer never came
  called_at INTEGER,
  look_at INTEGER,                               -- when a wallet's notice wants it asked about
  finished_at INTEGER,
  refunded_at INTEGER,
  tries INTEGER NOT NULL,
  CHECK ((finished_at IS NOT NULL) = (status IN ('succeeded', 'failed'))),
  CHECK ((refunded_at IS NOT NULL) = (status = 'succeeded')),
  CHECK ((decline_code <> '') = (status = 'failed')),
  CHECK (status = 'failed' OR (sent_at IS NULL) = (status = 'created')),
  CHECK ((stamp_at IS NULL) = (sent_at IS NULL)),
  CHECK (stray_at IS NULL OR stray_at <= sent_at),
  UNIQUE (merchant, source, scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX refund_payment ON refund (payment, id);
CREATE INDEX refund_open ON refund (created_at) WHERE finished_at IS NULL;

-- The sums in payment cannot be forgotten, and its CHECK refuses a refund beyond what was paid,
-- whoever writes it.
CREATE TRIGGER refund_new AFTER INSERT ON refund BEGIN
  UPDATE payment SET refunded_amount = refunded_amount + iif(new.status = 'succeeded', new.amount, 0),
    refunding_amount = refunding_amount + iif(new.finished_at IS NULL, new.amount, 0), rev = rev + 1 WHERE id = new.payment;
END;
CREATE TRIGGER refund_ended AFTER UPDATE OF status ON refund WHEN old.status <> new.status BEGIN
  UPDATE payment SET
    refunded_amount = refunded_amount + iif(new.status = 'succeeded', new.amount, 0) - iif(old.status = 'succeeded', new.amount, 0),
    refunding_amount = refunding_amount + iif(new.finished_at IS NULL, new.amount, 0) - iif(old.finished_at IS NULL, new.amount, 0),
    rev = rev + 1
    WHERE id = new.payment;
END;
CREATE TRIGGER refund_fixed BEFORE UPDATE OF payment, amount, out_refund_no ON refund BEGIN SELECT RAISE(ABORT, 'a refund is asked for once'); END;
CREATE TRIGGER refund_named BEFORE UPDATE OF stamp_at ON refund WHEN old.stamp_at IS NOT new.stamp_at AND old.stamp_at IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'a refund is first sent once'); END;
CREATE TRIGGER refund_no_delete BEFORE DELETE ON refund BEGIN SELECT RAISE(ABORT, 'refunds are kept'); END;

-- What the engine must still do about a payment or a refund. A row found begun at start-up means: it
-- may have happened, ask.
CREATE TABLE work (
  entity TEXT PRIMARY KEY,                       -- pay_…, ref_…
  task TEXT NOT NULL CHECK (task IN ('submit', 'present') OR task IN ('ask', 'reverse') OR task IN ('refund', 'ask_refund')),
  due_at INTEGER NOT NULL,
  begun INTEGER NOT NULL CHECK (begun IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Every change of state, append only. hash covers the row and the entity's previous hash.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  entity TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  cause TEXT NOT NULL,
  at INTEGER NOT NULL,
  prev BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX event_entity ON event (entity, seq);
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append only'); END;

-- What a terminal must still be told; gone once it says it has it.
CREATE TABLE down (
  terminal TEXT NOT NULL REFERENCES terminal, seq INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (terminal, seq)
) STRICT, WITHOUT ROWID;

-- Tombstones: a key a terminal asked about before it arrived is never charged.
CREATE TABLE fence (
  terminal TEXT NOT NULL REFERENCES terminal, key TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (terminal, key)
) STRICT, WITHOUT ROWID;

-- One payment code makes one payment. Only a keyed digest is kept, for a day.
CREATE TABLE code_use (
  digest BLOB PRIMARY KEY, payment TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX code_use_at ON code_use (at);

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

-- A doubt about a payment or one of its refunds, from its opening to its end. Never two open ones of a
-- kind for either; a matter that was judged is not opened again.
CREATE TABLE exception (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL REFERENCES payment,
  refund TEXT NOT NULL,                          -- empty: about the payment itself
  kind TEXT NOT NULL CHECK (kind IN ('refused_event', 'late_success', 'slow_reversal', 'undo_ending', 'answer_differs', 'unlooked',
    'slow_refund', 'deferred_refused')),
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
  CHECK (kind <> 'slow_refund' OR refund <> ''),
  UNIQUE (payment, refund, kind, matter)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX exception_open ON exception (payment, refund, kind) WHERE resolved_at IS NULL;

-- Who may write: one hub at a time. Each taking of it counts the epoch up; what an earlier epoch
-- writes is refused.
CREATE TABLE lease (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  holder TEXT NOT NULL CHECK (holder <> ''),
  epoch INTEGER NOT NULL CHECK (epoch > 0),
  expires_at INTEGER NOT NULL
) STRICT;

-- Stored value: what customers have with us. The balance is the sum of the account's entries; the
-- trigger keeps it so, and the CHECK keeps it from going below nothing.
CREATE TABLE stored_account (
  id TEXT PRIMARY KEY,
  merchant TEXT NOT NULL REFERENCES merchant,
  name TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (currency = 'CNY'),
  balance INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0),
  revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of each attempt. One that was undone before it came has no account.
CREATE TABLE stored_order (
  out_trade_no TEXT PRIMARY KEY CHECK (length(out_trade_no) BETWEEN 8 AND 32),
  account TEXT REFERENCES stored_account,
  serial TEXT,                                   -- of the code
  amount INTEGER NOT NULL CHECK (amount > 0),
  status TEXT NOT NULL CHECK (status IN ('paid', 'declined') OR status = 'reversed'),
  decline_code TEXT NOT NULL,
  decline_message TEXT NOT NULL,
  at INTEGER NOT NULL,
  CHECK ((status = 'declined') = (decline_code <> '')),
  CHECK ((account IS NULL) = (serial IS NULL)),
  CHECK (status <> 'paid' OR account IS NOT NULL)
) STRICT, WITHOUT ROWID;
-- a code is spent once; one that was declined is not spent
CREATE UNIQUE INDEX stored_order_serial ON stored_order (serial) WHERE serial IS NOT NULL AND status <> 'declined';

CREATE TABLE stored_entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL REFERENCES stored_account,
  kind TEXT NOT NULL CHECK (kind IN ('topup', 'charge') OR kind IN ('reversal', 'refund')),
  number TEXT NOT NULL CHECK (number <> ''),     -- the topup's, the out_trade_no, the out_refund_no
  out_trade_no TEXT REFERENCES stored_order,     -- NULL: a topup
  amount INTEGER NOT NULL CHECK (amount <> 0 AND (amount < 0) = (kind = 'charge')),
  at INTEGER NOT NULL,
  CHECK ((kind = 'topup') = (out_trade_no IS NULL)),
  UNIQUE (kind, number)
) STRICT;
CREATE INDEX stored_entry_order ON stored_entry (out_trade_no) WHERE out_trade_no IS NOT NULL;
CREATE INDEX stored_entry_account ON stored_entry (account, seq);
CREATE TRIGGER stored_entry_balance AFTER INSERT ON stored_entry
BEGIN UPDATE stored_account SET balance = balance + NEW.amount WHERE id = NEW.account; END;
CREATE TRIGGER stored_entry_no_update BEFORE UPDATE ON stored_entry BEGIN SELECT RAISE(ABORT, 'entries are append only'); END;
CREATE TRIGGER stored_entry_no_delete BEFORE DELETE ON stored_entry BEGIN SELECT RAISE(ABORT, 'entries are append only'); END;

-- The wallets' keys, sealed (hub/internal/vault): a row that was changed or moved does not open.
CREATE TABLE wallet_key (
  name TEXT NOT NULL CHECK (name <> ''),
  version INTEGER NOT NULL CHECK (version > 0),
  merchant TEXT NOT NULL,                        -- empty: the channel serves every merchant
  channel TEXT NOT NULL CHECK (channel <> ''),
  kind TEXT NOT NULL CHECK (kind IN ('rsa', 'secret') OR kind IN ('certificate', 'public')),
  holder TEXT NOT NULL CHECK (holder IN ('sealed', 'token')),
  state TEXT NOT NULL CHECK (state IN ('active', 'verify-only') OR state = 'retired'),
  kek TEXT NOT NULL,                             -- which key wraps dek
  dek BLOB NOT NULL,
  sealed BLOB NOT NULL,
  public BLOB NOT NULL,                          -- PKIX; empty for a secret
  fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (name, version),
  CHECK ((state = 'retired') = (dek = x'') AND (dek = x'') = (sealed = x''))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX wallet_key_active ON wallet_key (name) WHERE state = 'active';
CREATE TRIGGER wallet_key_stays_retired BEFORE UPDATE ON wallet_key WHEN OLD.state = 'retired'
  BEGIN SELECT RAISE(ABORT, 'a retired key stays retired'); END;
CREATE TRIGGER wallet_key_no_delete BEFORE DELETE ON wallet_key BEGIN SELECT RAISE(ABORT, 'versions of keys are kept'); END;

-- The channels and the rules between them, as they were applied: the newest version is in force. Keys stand here by
-- reference alone.
CREATE TABLE channel_set (
  version INTEGER PRIMARY KEY CHECK (version > 0),
  body TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 1000000), -- YAML
  applied_by TEXT NOT NULL CHECK (applied_by <> ''),
  at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER channel_set_no_update BEFORE UPDATE ON channel_set BEGIN SELECT RAISE(ABORT, 'versions are append only'); END;
CREATE TRIGGER channel_set_no_delete BEFORE DELETE ON channel_set BEGIN SELECT RAISE(ABORT, 'versions are append only'); END;

-- Channels that people keep new payments away from.
CREATE TABLE channel_drain (
  channel TEXT PRIMARY KEY, drained_by TEXT NOT NULL CHECK (drained_by <> ''), note TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
