package alipay

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Bounds of an answer's node: a query with every voucher detail nests 5 deep and has about 40
// members.
const (
	maxDepth   = 16
	maxMembers = 128
)

var (
	errSplit    = errors.New("the answer is garbled")
	errUnsigned = errors.New("the answer is not signed")
)

// parts are an answer taken apart; they share its memory.
type parts struct {
	raw, sign, certSN []byte
	sealed            bool // raw is an encrypted node, with its quotes, which the signature covers, too
}

// splitParts finds the node and the signature in an answer, without parsing what is not verified yet:
//
//	{"alipay_trade_pay_response":{…},"alipay_cert_sn":"…","sign":"…"}
//
// The node comes first, as in every answer of Alipay; the signature covers its bytes from its { to
// the matching }, or from quote to quote. error_response, another method's node, a name sent twice, an
// unknown name and anything after the closing brace are refused.
func splitParts(body []byte, node string) (p parts, err error) {
	s := scan{rest: body}
	if !s.take('{') {
		return p, fmt.Errorf("%w: no object", errSplit)
	}
	name, ok := s.text()
	if !ok || !s.take(':') {
		return p, fmt.Errorf("%w: no node", errSplit)
	}
	if string(name) != node {
		if string(name) == "error_response" {
			return p, fmt.Errorf("%w: error_response, which nobody can verify", errSplit)
		}
		return p, fmt.Errorf("%w: the node does not come first", errSplit)
	}
	if p.raw, p.sealed = s.quoted(); !p.sealed {
		if p.raw, ok = s.object(); !ok {
			return p, fmt.Errorf("%w: the node is no whole object", errSplit)
		}
	}
	for s.take(',') {
		name, ok := s.text()
		if !ok || !s.take(':') {
			return p, fmt.Errorf("%w: no name", errSplit)
		}
		value, ok := s.text()
		switch {
		case !ok:
			return p, fmt.Errorf("%w: a value that is no text", errSplit)
		case string(name) == "sign" && p.sign == nil:
			p.sign = value
		case string(name) == "alipay_cert_sn" && p.certSN == nil:
			p.certSN = value
		default:
			return p, fmt.Errorf("%w: a name that does not belong there", errSplit)
		}
	}
	if !s.take('}') || !s.end() {
		return p, fmt.Errorf("%w: more after the answer", errSplit)
	}
	if len(p.sign) == 0 {
		return p, errUnsigned
	}
	return p, nil
}

// quoted reads a string and gives it with its quotes.
func (s *scan) quoted() ([]byte, bool) {
	s.space()
	from := s.rest
	text, ok := s.text()
	if !ok {
		s.rest = from
		return nil, false
	}
	return from[:len(text)+2], true
}

// scan walks over JSON; rest is what is still to be read.
type scan struct{ rest []byte }

func (s *scan) space() { s.rest = bytes.TrimLeft(s.rest, " \t\r\n") }

func (s *scan) end() bool { s.space(); return len(s.rest) == 0 }

func (s *scan) take(b byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != b {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// text reads a string without escapes and gives what is between its quotes. Names and signatures
// have no escapes; taking them would let one name be written in two ways.
func (s *scan) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	for i, b := range s.rest {
		switch {
		case b == '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text, true
		case b == '\\' || b < ' ':
			return nil, false
		}
	}
	return nil, false
}

// object gives an object's bytes up to its matching brace, whatever stands in its strings.
func (s *scan) object() ([]byte, bool) {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != '{' {
		return nil, false
	}
	n, ok := extent(s.rest)
	if !ok {
		return nil, false
	}
	raw := s.rest[:n]
	s.rest = s.rest[n:]
	return raw, true
}

// extent counts the bytes of the object or array that b begins with.
func extent(b []byte) (int, bool) {
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++ // the escaped byte closes nothing
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return 0, false
			}
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// verify checks the signature over the node's bytes as they came.
func verify(key *rsa.PublicKey, raw, sign []byte) error {
	// Strict: loose base64 reads several texts as one signature.
	sig := make([]byte, base64.StdEncoding.DecodedLen(len(sign)))
	n, err := base64.StdEncoding.Strict().Decode(sig, sign)
	if err != nil {
		return errors.New("the signature is no base64")
	}
	digest := sha256.Sum256(raw)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig[:n])
}

// answer is what we read of a verified node.
type answer struct {
	code, subCode                   string
	outTradeNo, tradeNo             string
	totalAmount, currency, sellerID string
	tradeStatus                     string
	gmtPayment, sendPayDate         string
	qrCode                          string
	retryFlag, action               string

	outRequestNo, refundStatus, refundAmount string // of one refund
	refundFee, fundChange, gmtRefundPay      string // refundFee: of all refunds of the trade

	billURL     string // where a bill is
	certContent string // a certificate of Alipay's
}

// field gives the place of a member we read; nil for all others.
func (a *answer) field(name string) *string {
	switch name {
	case "code":
		return &a.code
	case "sub_code":
		return &a.subCode
	case "out_trade_no":
		return &a.outTradeNo
	case "trade_no":
		return &a.tradeNo
	case "total_amount":
		return &a.totalAmount
	case "trans_currency":
		return &a.currency
	case "seller_id":
		return &a.sellerID
	case "trade_status":
		return &a.tradeStatus
	case "gmt_payment":
		return &a.gmtPayment
	case "send_pay_date":
		return &a.sendPayDate
	case "retry_flag":
		return &a.retryFlag
	case "action":
		return &a.action
	case "qr_code":
		return &a.qrCode
	}
	return a.refundField(name)
}

// refundField is field for what is said of refunds.
func (a *answer) refundField(name string) *string {
	switch name {
	case "out_request_no":
		return &a.outRequestNo
	case "refund_status":
		return &a.refundStatus
	case "refund_amount":
		return &a.refundAmount
	case "refund_fee":
		return &a.refundFee
	case "fund_change":
		return &a.fundChange
	case "gmt_refund_pay":
		return &a.gmtRefundPay
	case "bill_download_url":
		return &a.billURL
	case "alipay_cert_content":
		return &a.certContent
	}
	return nil
}

var errNode = errors.New("the answer's node is no strict JSON")

// parse reads a verified node. A name sent twice is refused, known or not, and so is a name with
// escapes or a member of ours that is no string: encoding/json would take the last of two, in any
// letter case, and put up with the rest.
func parse(raw []byte) (answer, error) {
	var a answer
	s := scan{rest: raw}
	if !utf8.Valid(raw) || !json.Valid(raw) || !s.take('{') {
		return a, errNode
	}
	seen := make([][]byte, 0, 32)
	for !s.take('}') {
		name, ok := s.text()
		if !ok || len(seen) == maxMembers {
			return a, fmt.Errorf("%w: a name with escapes, or too many", errNode)
		}
		for _, n := range seen {
			if bytes.Equal(n, name) {
				return a, fmt.Errorf("%w: a name came twice", errNode)
			}
		}
		seen = append(seen, name)
		s.take(':')
		value, ok := s.value()
		if !ok {
			return a, fmt.Errorf("%w: too deep", errNode)
		}
		s.take(',')
		if place := a.field(string(name)); place != nil {
			if *place, ok = unquote(value); !ok {
				return a, fmt.Errorf("%w: %s is no text", errNode, name)
			}
		}
	}
	return a, nil
}

// unquote gives the text of a valid JSON string; false for any other value.
func unquote(value []byte) (text string, ok bool) {
	if value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	return text, json.Unmarshal(value, &text) == nil
}

// value reads one value of JSON known to be valid; false when it nests too deep.
func (s *scan) value() (v []byte, ok bool) {
	s.space()
	n := 0
	switch s.rest[0] {
	case '{', '[':
		if n, ok = extent(s.rest); !ok {
			return nil, false
		}
	case '"':
		for n = 1; s.rest[n] != '"'; n++ {
			if s.rest[n] == '\\' {
				n++
			}
		}
		n++
	default:
		n = bytes.IndexAny(s.rest, ",} \t\r\n")
	}
	v, s.rest = s.rest[:n], s.rest[n:]
	return v, true
}
