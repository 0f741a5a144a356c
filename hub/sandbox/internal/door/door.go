// Package door is what passes through a pretended wallet's front door: a request as it came off the
// wire, and a reply with the way it must travel.
//
// It refuses to be a web framework: routing, limits and faults on the wire belong to package
// sandbox, the wallets' languages to their own packages. Newcomers get one thing wrong: Body is
// the raw bytes, because signatures are over raw bytes.
package door

import (
	"crypto/x509"
	"net/http"
	"time"
)

// Request is one call of a merchant.
type Request struct {
	Method       string
	Path         string // unescaped
	URI          string // the whole target, as on the request line
	Base         string // scheme and host as the merchant dialled them
	Header       http.Header
	Query        string // raw
	Body         []byte
	Certificates []*x509.Certificate // the connection's client certificates, leaf first, not verified
	Now          time.Time           // one moment for the whole request, whole milliseconds, UTC
}

// Reply is what the merchant gets.
type Reply struct {
	Status      int
	ContentType string
	Header      http.Header // more headers, spelt as they are
	Body        []byte
	Cut         bool          // close the connection without a byte
	After       time.Duration // hold the reply back

	Order, Verdict string // for the log
}

// Down is a wallet that is out of order.
func Down() Reply {
	return Reply{Status: 503, ContentType: "text/html; charset=utf-8", Body: []byte("<html><body>503 Service Unavailable</body></html>\n")}
}

// Garble damages a body so that no parser can take it: half of it, then bytes that are no UTF-8.
func Garble(body []byte) []byte {
	return append(append([]byte{}, body[:len(body)/2]...), 0x00, 0xff, 0xfe, '<', '{', 0x80)
}
