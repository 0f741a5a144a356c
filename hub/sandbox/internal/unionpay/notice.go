package unionpay

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/shared/money"
)

// ladder is section 4.5's: five sendings.
var ladder = []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute}

// Notice writes what UnionPay posts (section 4.5), of what succeeded alone: a consumption, or a refund or an undo, which is an
// order of its own.
func (d *Door) Notice(n book.Notice) (door.Post, error) {
	o := n.Order
	if d.Merchants.UnionPayMer(o.Mch) == nil {
		return door.Post{}, fmt.Errorf("notice %d is for no merchant", n.ID)
	}
	f := map[string]string{"txnType": "01", "txnSubType": "06"}
	number, stamp, ref, id, sum, at := o.Number, o.Stamp, o.Ref(), o.ID, o.Amount, o.Created
	if n.What == book.ToldRefund {
		g := n.Refund
		number, stamp, ref, id, sum, at = g.Number, g.Stamp, g.Ref(wallet), g.ID, g.Amount, g.Created
		f["txnType"], f["txnSubType"] = map[bool]string{false: "04", true: "31"}[g.Undo], "00"
		f["origQryId"] = o.Ref()
	} else if o.Attach != "" {
		f["reqReserved"] = o.Attach
	}
	describe(f, number, stamp, ref, id, sum, at)
	f["merId"], f["accessType"], f["bizType"] = o.Mch, "0", "000000"
	f["respCode"], f["respMsg"] = "00", success
	f["signMethod"], f["version"], f["encoding"], f["signPubKeyCert"] = "01", "5.1.0", "UTF-8", d.Keys.Cert
	raw, err := d.Keys.Key.Sign(digest(signedText(f)))
	if err != nil {
		return door.Post{}, fmt.Errorf("sign notice: %w", err)
	}
	form := url.Values{"signature": {base64.StdEncoding.EncodeToString(raw)}}
	for name, value := range f {
		form.Set(name, value)
	}
	return door.Post{ContentType: "application/x-www-form-urlencoded;charset=UTF-8", Body: []byte(form.Encode()), Ladder: ladder,
		Taken: func(status int, _ []byte) bool { return status == http.StatusOK || status == http.StatusFound }}, nil
}

func describe(f map[string]string, number, stamp, ref string, id int64, sum money.Amount, at time.Time) {
	f["orderId"], f["txnTime"], f["queryId"], f["currencyCode"] = number, stamp, ref, "156"
	f["txnAmt"], f["settleAmt"], f["settleCurrencyCode"] = strconv.FormatInt(sum.Fen(), 10), strconv.FormatInt(sum.Fen(), 10), "156"
	f["traceNo"], f["traceTime"], f["settleDate"] = traceNo(id), at.In(china).Format(traceLayout), settleDate(at).Format("0102")
	f["accNo"], f["payType"], f["payCardType"], f["issInsNo"] = "622848****1234", "0201", "01", "ABC"
}
