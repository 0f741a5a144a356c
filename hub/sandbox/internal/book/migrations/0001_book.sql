-- Times are unix milliseconds, amounts fen.
-- A list of values to check stands in pairs: SQLite puts a longer one into a table of its own, anew at each write.
CREATE TABLE merchants (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  wechat_appid TEXT NOT NULL UNIQUE,
  mch_id TEXT NOT NULL UNIQUE,
  api_key TEXT NOT NULL,
  client_cert TEXT NOT NULL,
  client_key TEXT NOT NULL,
  alipay_app_id TEXT NOT NULL UNIQUE,
  seller_id TEXT NOT NULL UNIQUE,
  alipay_key TEXT NOT NULL,
  app_public_key TEXT NOT NULL,
  mer_id TEXT NOT NULL UNIQUE,
  sign_cert TEXT NOT NULL,
  sign_key TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  wallet TEXT NOT NULL CHECK (wallet IN ('wechat', 'alipay') OR wallet = 'unionpay'),
  mch TEXT NOT NULL,
  number TEXT NOT NULL CHECK (number <> ''),
  digest BLOB NOT NULL CHECK (length(digest) = 16),
  -- The payment code that was used: bearer money, so only its hash. An order never executed used none,
  -- nor one whose own code the customer scans.
  code BLOB CHECK ((length(code) = 16 AND code IS NOT NULL) = (state NOT IN ('ghost', 'burnt') AND shown = 0)),
  born INTEGER CHECK ((born IS NULL) = (code IS NULL)), -- of the code
  fate INTEGER NOT NULL CHECK (fate BETWEEN 0 AND 99),
  amount INTEGER NOT NULL CHECK (amount > 0 OR (amount = 0 AND state = 'burnt')),
  state TEXT NOT NULL CHECK (state IN ('ghost', 'burnt') OR state IN ('offered', 'waiting') OR state IN ('paid', 'refused') OR state IN ('closed', 'undone')),
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  paid INTEGER CHECK (state <> 'paid' OR paid IS NOT NULL),
  ended INTEGER CHECK ((ended IS NOT NULL) = (state IN ('burnt', 'refused') OR state IN ('closed', 'undone'))),
  plan INTEGER CHECK (plan IS NULL OR state IN ('waiting', 'undone') OR state = 'closed' AND shown = 1),
  due INTEGER,
  hidden INTEGER NOT NULL CHECK (hidden >= 0),
  again INTEGER NOT NULL CHECK (again >= 0),
  returned INTEGER NOT NULL CHECK (returned = 0 OR (state = 'undone' AND paid IS NOT NULL)),
  terminal TEXT NOT NULL,
  store TEXT NOT NULL,
  attach TEXT NOT NULL,
  refunded INTEGER NOT NULL CHECK (refunded >= 0 AND refunded <= iif(state = 'paid', amount, 0)),
  parts INTEGER NOT NULL CHECK (parts >= 0),
  last_back INTEGER CHECK ((last_back IS NULL) = (parts = 0)),
  stamp TEXT NOT NULL, -- UnionPay's txnTime, part of what names the order there; empty elsewhere
  shown INTEGER NOT NULL CHECK (shown IN (0, 1)), -- the customer scans the merchant's code
  CHECK (state <> 'offered' OR shown = 1),
  UNIQUE (wallet, mch, number)
) STRICT;
CREATE INDEX orders_due ON orders (due) WHERE due IS NOT NULL;

-- Codes handed out; those used are found in orders. Neither is indexed: codes are random, and an
-- index would dirty a page of its own for every payment. They are held in memory.
CREATE TABLE issued (
  seq INTEGER PRIMARY KEY,
  code BLOB NOT NULL CHECK (length(code) = 16),
  born INTEGER NOT NULL
) STRICT;

CREATE TABLE refunds (
  id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  number TEXT NOT NULL CHECK (number <> ''),
  stamp TEXT NOT NULL, -- as in orders
  undo INTEGER NOT NULL CHECK (undo IN (0, 1)), -- UnionPay's undo: what a reversal books, under a number of its own
  amount INTEGER NOT NULL CHECK (amount > 0),
  state TEXT NOT NULL CHECK (state IN ('processing', 'returned') OR state = 'shut'),
  created INTEGER NOT NULL,
  ended INTEGER CHECK ((ended IS NULL) = (state = 'processing')),
  due INTEGER CHECK ((due IS NULL) = (state <> 'processing')),
  UNIQUE (order_id, number)
) STRICT;
CREATE INDEX refunds_number ON refunds (number);
CREATE INDEX refunds_due ON refunds (due) WHERE due IS NOT NULL;

CREATE TABLE lines (
  seq INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  refund_id INTEGER UNIQUE REFERENCES refunds (id) CHECK (iif(kind = 'refund', refund_id IS NOT NULL, refund_id IS NULL OR kind = 'reversal')),
  kind TEXT NOT NULL CHECK (kind IN ('charge', 'reversal') OR kind = 'refund'),
  amount INTEGER NOT NULL CHECK (amount > 0),
  at INTEGER NOT NULL
) STRICT;
-- Whatever goes wrong above, an order is charged once and reversed once.
CREATE UNIQUE INDEX lines_once ON lines (order_id, kind) WHERE kind IN ('charge', 'reversal');
CREATE TRIGGER lines_fixed BEFORE UPDATE ON lines BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER lines_kept BEFORE DELETE ON lines BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- Whatever goes wrong above, no more goes back than was charged.
CREATE TRIGGER lines_bounded BEFORE INSERT ON lines WHEN NEW.kind <> 'charge' AND
  NEW.amount + (SELECT coalesce(sum(amount), 0) FROM lines WHERE order_id = NEW.order_id AND kind <> 'charge') >
  (SELECT coalesce(sum(amount), 0) FROM lines WHERE order_id = NEW.order_id AND kind = 'charge')
BEGIN SELECT RAISE(ABORT, 'more would go back than was charged'); END;

-- Where a merchant wants notices: of an order (refund_id 0), or of one of its refunds.
CREATE TABLE wants (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  refund_id INTEGER NOT NULL,
  url TEXT NOT NULL CHECK (url <> ''),
  sign TEXT NOT NULL, -- WeChat Pay v2's: how it is signed
  PRIMARY KEY (order_id, refund_id)
) STRICT, WITHOUT ROWID;

-- Each is sent until the merchant takes it, or the wallet's ladder ends; then due is NULL.
CREATE TABLE notices (
  id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  refund_id INTEGER NOT NULL, -- 0: of the order itself
  what TEXT NOT NULL CHECK (what IN ('paid', 'closed') OR what = 'refund'),
  url TEXT NOT NULL,
  sign TEXT NOT NULL,
  made INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  due INTEGER,
  taken INTEGER NOT NULL CHECK (taken IN (0, 1) AND (taken = 0 OR due IS NULL)),
  UNIQUE (order_id, refund_id, what)
) STRICT;
CREATE INDEX notices_due ON notices (due) WHERE due IS NOT NULL;
-- What a merchant agreed upon with the wallets: rates, Alipay's certificates and content key, partners. JSON.
CREATE TABLE terms (
  name TEXT PRIMARY KEY REFERENCES merchants (name),
  body TEXT NOT NULL
) STRICT;
