package alipay

import (
	"crypto"
	"crypto/rsa"
)

// Split finds an answer's node and signature.
var Split = split

// Verify checks a node's signature.
func Verify(key *rsa.PublicKey, raw, sign []byte) error { return verify(key, raw, sign) }

// Sign signs a text as a request is signed.
func Sign(key crypto.Signer, text string) (string, error) { return signature(key, []byte(text)) }

// Parse reads a verified node and gives the code and the order's number.
func Parse(raw []byte) (code, outTradeNo string, err error) {
	a, err := parse(raw)
	return a.code, a.outTradeNo, err
}

// PayDeclines gives the table of refusals.
var PayDeclines = payDeclines

// RefundDeclines gives the table of refused refunds.
var RefundDeclines = refundDeclines

// NoticeText is what Alipay signs of a notice, and ReadNotice what a genuine one claims.
var NoticeText, ReadNotice = noticeText, read
