// Package carry brings one request to a wallet's host and its answer back, for every connector.
//
// It refuses what a payment code must not meet: a host that is not verified, a proxy from the
// environment, a redirect, a bomb. Newcomers get one thing wrong: foreign text may echo what we
// sent, so an error or a field of an answer goes into a log only through [Printable] or [Scrub].
package carry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds what is read of an answer; those of the wallets have 1 to 4 KiB.
const maxBody = 64 << 10

var errTooLarge = errors.New("the answer is too large")

// NewTransport makes keep-alive connections to a wallet's host, at most conns idle ones. A nil roots
// means the system's; cert, when there is one, is always shown. It takes no proxy from the
// environment and follows no redirect (a RoundTripper never does): a payment code goes to the
// verified host or nowhere. net/http repeats a POST by itself only when not a byte of it was
// written, so "at most once" holds.
func NewTransport(roots *x509.CertPool, cert *tls.Certificate, conns int) *http.Transport {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(16)}
	if cert != nil {
		// Always, whatever authorities the server names: it names none, or not the one it wants.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    4 * time.Second,
		MaxIdleConns:           conns,
		MaxIdleConnsPerHost:    conns,
		MaxConnsPerHost:        2 * conns,        // beyond it a call waits for its turn until its deadline
		IdleConnTimeout:        30 * time.Second, // below a front end's usual 60 s: we close first, no request is lost
		DisableCompression:     true,             // an answer is small, and a bomb is compressed
		MaxResponseHeaderBytes: 16 << 10,
	}
}

// Post sends a body and gives the answer's, when its status is 200; verified tells that it came over
// TLS from the verified host. The header must not be changed afterwards: it is shared.
func Post(ctx context.Context, via http.RoundTripper, to *url.URL, header http.Header, body []byte) (answer []byte, verified bool, err error) {
	req := (&http.Request{
		Method: http.MethodPost, URL: to, Host: to.Host, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	resp, err := via.RoundTrip(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, false, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	if resp.ContentLength > maxBody {
		return nil, false, errTooLarge
	}
	buf := make([]byte, 0, max(2048, resp.ContentLength+1))
	for {
		n, err := resp.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxBody:
			return nil, false, errTooLarge
		case err == io.EOF:
			return buf, resp.TLS != nil, nil
		case err != nil:
			return nil, false, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, cap(buf))...)[:len(buf)]
		}
	}
}

// Scrub wraps an error whose text was made by others and could hold what we sent: a wallet that
// echoes the request into a broken status line must not write a payment code into our log.
func Scrub(err error) error { return &scrubbed{err} }

type scrubbed struct{ err error }

func (e *scrubbed) Error() string { return Printable(e.err.Error()) }
func (e *scrubbed) Unwrap() error { return e.err }

// Printable makes foreign text fit for a log: short, and without any run of letters and digits
// long enough to be a payment code (16 or more) or a key.
func Printable(s string) string {
	var out strings.Builder
	run := 0
	flush := func(end int) {
		if run >= 16 {
			out.WriteString("…")
		} else {
			out.WriteString(s[end-run : end])
		}
		run = 0
	}
	for i := 0; i < len(s) && out.Len() < 160; i++ {
		if LetterOrDigit(s[i]) {
			run++
			continue
		}
		flush(i)
		out.WriteByte(s[i])
	}
	if out.Len() < 160 {
		flush(len(s))
	}
	return strings.ToValidUTF8(out.String(), "")
}

// LetterOrDigit reports an ASCII letter or digit.
func LetterOrDigit(b byte) bool {
	return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}

// ShownText reports what can be the text of a code to show: visible ASCII, and small enough for a till's screen.
func ShownText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 512
}

// OrderNumber reports the one shape of number that every wallet takes.
func OrderNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if !LetterOrDigit(s[i]) {
			return false
		}
	}
	return len(s) >= 8 && len(s) <= 32
}
