package till

import (
	"time"
	"unicode"
	"unicode/utf8"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// codeEMV is the refusal of EMVCo's codes.
const codeEMV = "code.emv"

// Sizes of texts in bytes: the hub takes order numbers up to 64, wallets subjects up to 127.
const (
	maxOrderNo = 64
	maxSubject = 127
)

// NewSale starts a sale, or gives the one that the same request started before; fresh tells which.
//
// Cash and other tenders are paid at once, whatever the link does.
//
// A sale of mode "qr" asks the hub for a code to show, with a connection only. An order that waits for a scan becomes
// one; a code for an order that shows ours is kept until ours is proven unpaid, and starts another sale of the order then.
//
// An order is one sale at a time. Asked again with the same amount it gives the sale that is open
// or paid; after one that was finally not paid it starts another, unless the request carries a
// code that was used already: that request was answered before. Another amount is a Conflict, and so is another tender while it is open or paid.
//
// While a sale over the same amount is in doubt, a new one by wallet is a Conflict unless the request
// says "again": it may be the same customer. The override is an event of the new sale.
func (t *Till) NewSale(n localapi.NewSale) (s localapi.Sale, fresh bool, err error) {
	if n.Tender == "" {
		n.Tender = localapi.TenderWallet
	}
	amount, code, err := t.check(n)
	if err != nil {
		return s, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	known, what, err := t.find(n, amount, code)
	switch {
	case err != nil:
		return s, false, err
	case what != nothing:
		h := t.open[known.ID]
		h.again.said = h.again.said || n.Again
		switch what {
		case toScan:
			err = t.scanInto(h, code, now)
		case toShow:
			err = t.showInto(h, n.Wallet, now)
		case toReplace:
			err = t.replace(h, code, now)
		}
		if err != nil {
			return s, false, err
		}
		return t.newestOf(h), false, nil
	case known.ID != "":
		s, err = t.withRefunds(known)
		return s, false, err
	}
	if err := t.roomForMore(); err != nil {
		return s, false, err
	}
	if err := t.mayBegin(now); err != nil {
		return s, false, err
	}
	t.staff.used = now
	switch {
	case n.Tender != localapi.TenderWallet:
		row, err := t.take(n, amount, now)
		if err != nil {
			return s, false, err
		}
		return t.view(row), true, nil
	case len(t.open) >= t.most:
		return s, false, fault.New(fault.Unavailable, "sale.too_many_open",
			"%d sales of this till are not settled: settle or cancel them first", len(t.open))
	}
	h, err := t.begin(n, amount, code, now)
	if err != nil {
		return s, false, err
	}
	return t.view(h.row), true, nil
}

// check refuses what no till may take.
func (t *Till) check(n localapi.NewSale) (amount money.Amount, code pay.Code, err error) {
	amount = money.Fen(n.Amount)
	switch n.Tender {
	case localapi.TenderWallet:
	case localapi.TenderCash, localapi.TenderOther:
		if n.Code != "" {
			return amount, code, fault.New(fault.Invalid, "sale.code", "a sale paid by %s has no payment code: send one of the two", string(n.Tender))
		}
	default:
		return amount, code, fault.New(fault.Invalid, "sale.tender", "tender %q is not taken by this till: it takes %q, %q and %q",
			string(n.Tender), string(localapi.TenderWallet), string(localapi.TenderCash), string(localapi.TenderOther))
	}
	if err := checkMode(n); err != nil {
		return amount, code, err
	}
	if err := amount.Charge(); err != nil {
		return amount, code, err
	}
	if err := checkPart(n, amount); err != nil {
		return amount, code, err
	}
	if err := checkText("order_no", n.OrderNo, maxOrderNo); err != nil {
		return amount, code, err
	}
	if err := checkText("subject", n.Subject, maxSubject); err != nil || n.Code == "" {
		return amount, code, err
	}
	if code, err = pay.ParseCode(n.Code); err != nil {
		return amount, code, err
	}
	_, err = walletOf(code)
	return amount, code, err
}

func checkText(field, s string, most int) error {
	if len(s) > most || !utf8.ValidString(s) {
		return fault.New(fault.Invalid, "sale."+field, "%s has more than %d bytes, or is no text", field, most)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fault.New(fault.Invalid, "sale."+field, "%s holds a control character", field)
		}
	}
	return nil
}

func walletOf(code pay.Code) (pay.Wallet, error) {
	w, ok := code.Wallet()
	if !ok {
		return "", fault.New(fault.Invalid, "code.unknown_wallet",
			"the code is of no wallet taken here: scan a WeChat, Alipay, UnionPay or stored-value code")
	}
	if code.EMV() { // the hub's way to UnionPay takes the 19 digits only, and would burn the code to say so
		return "", fault.New(fault.Invalid, codeEMV,
			"this is UnionPay's long code (EMVCo), which is not taken here: ask for UnionPay's code of 19 digits, or for another wallet")
	}
	return w, nil
}

// todo is what a request means for the open sale that it finds.
type todo int

const (
	nothing   todo = iota // it is looked at
	toScan                // it waits for the code that the request brings
	toShow                // it waits for a scan, and a code is to be shown instead
	toReplace             // its code is shown, and the request brings the customer's own
)

// find looks for the sale that a request means; none when it means a new one.
func (t *Till) find(n localapi.NewSale, amount money.Amount, code pay.Code) (known store.Row, what todo, err error) {
	err = t.read(func(tx *store.Tx) error {
		var user store.Row // the sale that used the code
		if !code.IsZero() {
			usedBy, err := tx.CodeUsed(t.digest(code))
			if err != nil {
				return err
			}
			if usedBy != "" {
				if user, err = tx.Sale(usedBy); err != nil {
					return err
				}
			}
		}
		last, ok := store.Row{}, false
		if n.OrderNo != "" {
			if last, ok, err = tx.LastOfOrder(n.OrderNo); err != nil {
				return err
			}
		}
		known, what, err = choose(n, amount, last, ok && t.open[last.ID].takesCode(), ok, user)
		return err
	})
	if h, ok := t.open[known.ID]; ok && err == nil {
		known = h.row // memory knows what has left
	}
	return known, what, err
}

// choose is find's decision. user is the sale that used the request's code, zero when none did; takes tells that the
// last one shows a code and would rather have one.
func choose(n localapi.NewSale, amount money.Amount, last store.Row, takes, ok bool, user store.Row) (store.Row, todo, error) {
	none, orderNo := store.Row{}, n.OrderNo
	if ok && last.Amount != amount {
		return none, nothing, fault.New(fault.Conflict, "sale.order_amount",
			"order %s is a sale over %s: repeat that amount, or use another order number", orderNo, last.Amount)
	}
	if ok && last.Bill != billOf(n) {
		return none, nothing, otherBill(last)
	}
	if ok && (!last.State.Final() || last.State == localapi.StatePaid) {
		if last.Tender != n.Tender { // money must not be taken a second time, by whatever means
			return none, nothing, otherTender(last)
		}
		if last.Received.Fen() != n.Received {
			return none, nothing, otherReceived(last)
		}
		what := nothing
		switch waits := last.State == localapi.StateWaiting; {
		case last.State.Final():
		case n.Mode == wire.ModeQR && last.Mode == wire.ModeQR && n.Wallet != "" && n.Wallet != last.Wallet:
			return none, nothing, otherWallet(last)
		case n.Mode == wire.ModeQR && waits:
			what = toShow
		case n.Code != "" && waits:
			what = toScan
		case n.Code != "" && takes:
			what = toReplace
		}
		if (what == toScan || what == toReplace) && user.ID != "" {
			return none, nothing, codeUsed()
		}
		return last, what, nil
	}
	switch {
	case user.ID == "":
		return none, nothing, nil
	case user.Amount == amount && user.Bill == billOf(n) && (orderNo == "" || orderNo == user.OrderNo):
		return user, nothing, nil
	}
	return none, nothing, codeUsed()
}

func otherTender(last store.Row) error {
	if last.State == localapi.StatePaid {
		return fault.New(fault.Conflict, "sale.order_paid", "order %s is paid already (%s): take no money for it", last.OrderNo, string(last.Tender))
	}
	return fault.New(fault.Conflict, "sale.order_open",
		"order %s waits for a wallet, sale %s: take no other money before that is cancelled or not paid", last.OrderNo, last.ID)
}

func codeUsed() error {
	return fault.New(fault.Conflict, "code.used", "this code was used before: ask the customer for a fresh one")
}

// begin journals a new sale; with a code it is on its way to the hub in the same commit.
func (t *Till) begin(n localapi.NewSale, amount money.Amount, code pay.Code, now time.Time) (*held, error) {
	like, err := t.beside(amount, allowed{said: n.Again}, now)
	if err != nil {
		return nil, err
	}
	saleID, orderNo := t.name(n)
	s := sale.New(saleID, orderNo, n.Subject, amount, now)
	s.Operator = t.onDuty()
	s.Bill = billOf(n)
	shown := shown{use: func(*store.Tx) error { return nil }}
	if n.Mode == wire.ModeQR {
		shown, err = t.showing(n.Wallet)
	} else if !code.IsZero() {
		shown, err = t.shown(s, code, now)
	}
	if err != nil {
		return nil, err
	}
	if shown.news.Event != "" {
		if s, err = t.cfg.Rules.Step(s, shown.news, now); err != nil {
			return nil, err
		}
	}
	var row store.Row
	err = t.update(func(tx *store.Tx) (err error) {
		if row, err = insert(tx, s, now); err != nil {
			return err
		}
		if err := noteAgain(tx, s.ID, like, now); err != nil {
			return err
		}
		return shown.use(tx)
	})
	if err != nil {
		return nil, err
	}
	h := t.hold(row, shown.code)
	h.again = allowed{said: n.Again, like: like}
	t.Log.Info("sale begun", logs.Sale, row.ID, logs.Order, row.OrderNo, logs.Status, string(row.State))
	t.tellSale(h.row)
	return h, nil
}

// name names a new sale; an order without a number is named after it.
func (t *Till) name(n localapi.NewSale) (saleID, orderNo string) {
	saleID, orderNo = t.newSaleID(), n.OrderNo
	if orderNo == "" {
		orderNo = saleID
	}
	return saleID, orderNo
}

// scanInto gives a waiting sale its code: one commit, and it may leave.
func (t *Till) scanInto(h *held, code pay.Code, at time.Time) error {
	shown, err := t.shown(h.row.Sale, code, at)
	if err != nil {
		return err
	}
	return t.into(h, shown, at)
}

// showInto makes a sale that waits for a scan one that shows a code.
func (t *Till) showInto(h *held, w pay.Wallet, at time.Time) error {
	shown, err := t.showing(w)
	if err != nil {
		return err
	}
	return t.into(h, shown, at)
}

func (t *Till) into(h *held, shown shown, at time.Time) error {
	like, err := t.beside(h.row.Amount, h.again, at)
	if err != nil {
		return err
	}
	h.code = shown.code // remember drops it again unless the step leads to sending
	err = t.step(h, shown.news, at, func(tx *store.Tx) error {
		if err := noteAgain(tx, h.row.ID, like, at); err != nil {
			return err
		}
		return shown.use(tx)
	})
	if err != nil {
		h.code = pay.Code{}
	}
	return err
}

// Scan takes a payment code from a scanner. at carries the monotonic reading of the scan. The
// newest waiting sale gets it: the cashier has just entered its amount. When the newest of all shows a code
// of ours, that is stopped first, and the scanned one is charged when it is proven unpaid. A scan that no sale can
// use is told to the watchers, and may be scanned again.
func (t *Till) Scan(code pay.Code, at time.Time) (used bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.guard("scan", "", func() error {
		notice, unused := t.scan(code, at)
		if unused {
			t.Notice(notice)
		}
		used = !unused
		return nil
	})
	return used
}

func (t *Till) scan(code pay.Code, at time.Time) (n localapi.Notice, unused bool) {
	refuse := func(kind string, err error) (localapi.Notice, bool) {
		return localapi.Notice{Kind: kind, Text: code.Mask(), Message: fault.MessageOf(err)}, true
	}
	if _, err := walletOf(code); err != nil {
		return refuse(unusable(code, err), err)
	}
	if t.Now().Sub(at) >= t.cfg.Rules.CodeLife {
		return localapi.Notice{Kind: "unreadable", Text: code.Mask(), Message: "This scan is too old. Scan the code again."}, true
	}
	var usedBy string
	if err := t.read(func(tx *store.Tx) (err error) {
		usedBy, err = tx.CodeUsed(t.digest(code))
		return err
	}); err != nil {
		return refuse("unreadable", err)
	}
	if usedBy != "" {
		return refuse("duplicate", codeUsed())
	}
	var newest *held
	for _, h := range t.open {
		if h.instead.code == code {
			return n, false // read twice: it waits for the end of the shown one
		}
		waits := h.row.State == localapi.StateWaiting || h.place == t.count && h.row.Shows()
		if waits && (newest == nil || h.place > newest.place) {
			newest = h
		}
	}
	if newest == nil {
		return localapi.Notice{Kind: "no_sale", Text: code.Mask(), Message: "No sale waits for a code. Enter the amount, then scan."}, true
	}
	take := t.scanInto
	if newest.takesCode() {
		take = t.replace
	}
	if err := take(newest, code, at); err != nil {
		return refuse(unusable(code, err), err)
	}
	return n, false
}

// Cancel stops a sale: at once when nothing of it left, else by having the hub undo it.
func (t *Till) Cancel(saleID string) (localapi.Sale, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cancel := sale.News{Event: sale.Cancel}
	if h, ok := t.open[saleID]; ok {
		h.instead = instead{} // all of it is stopped
		if err := t.step(h, cancel, t.Now(), nil); err != nil {
			return localapi.Sale{}, err
		}
		return t.view(h.row), nil
	}
	row, err := t.stored(saleID)
	if err == nil {
		_, err = t.cfg.Rules.Step(row.Sale, cancel, t.Now()) // settled: the law only says whether that is news
	}
	if err != nil {
		return localapi.Sale{}, err
	}
	return t.view(row), nil
}
