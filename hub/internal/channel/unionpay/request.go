package unionpay

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// beijing is the zone of every time in the protocol; China has had no summer time since 1991.
var beijing = time.FixedZone("CST", 8*60*60)

const (
	timeLayout = "20060102150405" // txnTime
	cny        = "156"
)

// kind is a transaction's type and sub-type.
type kind struct{ txnType, subType string }

var (
	kindPay      = kind{"01", "06"}
	kindQuery    = kind{"00", "00"}
	kindReversal = kind{"99", "01"}
	kindRefund   = kind{"04", "00"}
	kindVoid     = kind{"31", "00"} // all of a payment, on its own day
)

var errOrderNumber = fault.New(fault.Invalid, "unionpay.order_number",
	"an attempt's number must be 8 to 32 letters and digits, and the moment it was sent must be known: nothing was sent")

// name is what UnionPay knows an order by, and one without the other finds nothing.
type name struct{ orderID, txnTime string }

func naming(number string, sent time.Time) name {
	return name{number, sent.In(beijing).Format(timeLayout)}
}

// refuse turns away an order that must not leave: false, and a decline, because what was never
// sent was never charged.
func refuse(o channel.Order) (channel.Answer, bool) {
	if o.Code.IsZero() {
		return declined("", codeUsed), false
	}
	if w, known := o.Code.Wallet(); known && w != pay.UnionPay {
		// Another wallet's code is another wallet's money: it is not shown to this one.
		return declined("", codeUsed), false
	}
	if code := o.Code.Reveal(); len(code) > 20 || strings.Trim(code, "0123456789") != "" {
		return declined("", codeKind), false // qrNo has 1 to 20 digits; codes of EMVCo's kind do not fit
	}
	err := o.Amount.Charge()
	switch {
	case err != nil:
	case o.Amount.Currency() != money.CNY:
		err = fault.New(fault.Invalid, "unionpay.currency", "UnionPay is set up for CNY only, not %s", o.Amount.Currency())
	case !carry.OrderNumber(o.OutTradeNo) || o.SentAt.IsZero():
		err = errOrderNumber
	default:
		return channel.Answer{}, true
	}
	a := declined("", misconfigured)
	a.Err = err
	return a, false
}

func fen(a money.Amount) string { return strconv.FormatInt(a.Fen(), 10) }

// common are the fields of every request.
func (c *Channel) common(k kind, n name) fields {
	return fields{
		{"accessType", "0"}, {"bizType", "000000"}, {"certId", c.certID}, {"encoding", "UTF-8"}, {"merId", c.merID},
		{"orderId", n.orderID}, {"signMethod", "01"}, {"txnSubType", k.subType}, {"txnTime", n.txnTime}, {"txnType", k.txnType},
		{"version", "5.1.0"},
	}
}

func (c *Channel) payFields(o channel.Order) fields {
	f := append(c.common(kindPay, naming(o.OutTradeNo, o.SentAt)), field{"backUrl", c.backURL}, field{"channelType", c.channelType},
		field{"currencyCode", cny}, field{"qrNo", o.Code.Reveal()}, field{"txnAmt", fen(o.Amount)})
	if c.termID != "" { // empty fields are not sent
		f = append(f, field{"termId", c.termID})
	}
	return f
}

// orderFields name an order. A query goes without channelType.
func (c *Channel) orderFields(k kind, n name) fields {
	f := c.common(k, n)
	if k != kindQuery {
		f = append(f, field{"channelType", c.channelType})
	}
	return f
}

// codeBusy tells that a request could not be signed now.
const codeBusy = "unionpay.busy"

// form signs a request and writes it. Everything travels in the body, nothing in the address,
// where front ends log it.
func (c *Channel) form(f fields) ([]byte, error) {
	slices.SortFunc(f, byName)
	sign, err := signature(c.key, signedText(f))
	switch {
	case err == nil:
	case fault.KindOf(err) == fault.Unavailable: // the signer's own word: it is busy, or its token does not answer
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, codeBusy, "the request could not be signed in time and was not sent")
	default:
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, "unionpay.sign",
			"the request could not be signed and was not sent: check the merchant's key")
	}
	body := make([]byte, 0, 1024)
	for _, p := range append(f, field{"signature", sign}) {
		if len(body) > 0 {
			body = append(body, '&')
		}
		body = append(body, p.name...)
		body = append(body, '=')
		body = append(body, url.QueryEscape(p.value)...)
	}
	return body, nil
}

// signedText joins fields in the order of their names, all but the signature, values as they are.
func signedText(sorted fields) []byte {
	text := make([]byte, 0, 4096)
	for _, p := range sorted {
		if p.name == "signature" {
			continue
		}
		if len(text) > 0 {
			text = append(text, '&')
		}
		text = append(text, p.name...)
		text = append(text, '=')
		text = append(text, p.value...)
	}
	return text
}

// digest is what RSA signs: the hash of the hash's hexadecimal text. UnionPay hashes twice.
func digest(text []byte) [sha256.Size]byte {
	first := sha256.Sum256(text)
	return sha256.Sum256([]byte(hex.EncodeToString(first[:])))
}

func signature(key crypto.Signer, text []byte) (string, error) {
	sum := digest(text)
	sig, err := key.Sign(nil, sum[:], crypto.SHA256) // this padding takes no randomness
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}
