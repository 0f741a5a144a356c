package wechat

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

	"cloudcashier/shared/fault"
)

// maxBody bounds what is read of an answer, before [maxAnswer] judges it.
const maxBody = 64 << 10

// newTransport makes keep-alive connections to the wallet's host. It takes no proxy from the
// environment and follows no redirect (a RoundTripper never does): a payment code goes to the
// verified host or nowhere. net/http repeats a POST by itself only when not a byte of it was
// written, so "at most once" holds.
func newTransport(roots *x509.CertPool, cert *tls.Certificate, conns int) *http.Transport {
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
		DisableCompression:     true,             // an answer is 1.5 KiB, and a bomb is compressed
		MaxResponseHeaderBytes: 16 << 10,
	}
}

var header = http.Header{
	"Content-Type": {"text/xml; charset=utf-8"},
	"Accept":       {"text/xml, text/plain"},
	"User-Agent":   {"cloud-cashier"},
}

// protocolRefusal is return_code=FAIL: the only answer that carries no signature.
type protocolRefusal struct {
	text     string // return_msg
	verified bool   // it came over TLS from the verified host
}

func (e *protocolRefusal) Error() string {
	return fmt.Sprintf("return_code FAIL: %q", printable(e.text))
}

// call posts one signed body and gives back the answer's fields once they are proven to be
// WeChat Pay's, signed, and about our merchant and this order.
func (c *Channel) call(ctx context.Context, via http.RoundTripper, to *url.URL, body []byte, outTradeNo string) (fields, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.CallTimeout)
	defer cancel()
	text, verified, err := post(ctx, via, to, body)
	if err != nil {
		return nil, fault.Wrap(&scrubbed{err}, fault.InDoubt, "wechat.transport", "no usable answer from WeChat Pay")
	}
	got, err := parse(text)
	if err != nil {
		return nil, fault.Wrap(err, fault.InDoubt, "wechat.garbled", "the answer is garbled")
	}
	switch code := got.get("return_code"); code {
	case "SUCCESS":
	case "FAIL":
		return nil, fault.Wrap(&protocolRefusal{got.get("return_msg"), verified}, fault.InDoubt, "wechat.protocol",
			"WeChat Pay did not take the request: check appid, merchant number and APIv2 key")
	default:
		return nil, doubt("garbled", "return_code is %q", printable(code))
	}
	switch sign := got.get("sign"); {
	case sign == "":
		return nil, doubt("unsigned", "the answer is not signed")
	case !c.sign.matches(got, sign):
		return nil, doubt("signature", "the answer's signature is wrong: check the APIv2 key and the sign type")
	case got.get("appid") != c.appID || got.get("mch_id") != c.mchID:
		return nil, doubt("foreign", "the answer is for another merchant")
	}
	// A refusal names no order; whoever names one must name ours.
	if n := got.get("out_trade_no"); n != "" && n != outTradeNo {
		return nil, doubt("foreign", "the answer is for another order")
	}
	return got, nil
}

func post(ctx context.Context, via http.RoundTripper, to *url.URL, body []byte) (text string, verified bool, err error) {
	req := (&http.Request{
		Method: http.MethodPost, URL: to, Host: to.Host, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	resp, err := via.RoundTrip(req)
	if err != nil {
		return "", false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", false, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	if resp.ContentLength > maxBody {
		return "", false, errTooLarge
	}
	buf := make([]byte, 0, max(2048, resp.ContentLength+1))
	for {
		n, err := resp.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxBody:
			return "", false, errTooLarge
		case err == io.EOF:
			return string(buf), resp.TLS != nil, nil
		case err != nil:
			return "", false, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, cap(buf))...)[:len(buf)]
		}
	}
}

var errTooLarge = errors.New("the answer is too large")

func doubt(code, format string, args ...any) error {
	return fault.New(fault.InDoubt, "wechat."+code, format, args...)
}

// scrubbed is an error whose text was made by others and could hold what we sent: a wallet that
// echoes the request into a broken status line must not write a payment code into our log.
type scrubbed struct{ err error }

func (e *scrubbed) Error() string { return printable(e.err.Error()) }
func (e *scrubbed) Unwrap() error { return e.err }

// printable makes foreign text fit for a log: short, and without any run of letters and digits
// long enough to be a payment code (16 or more) or a key.
func printable(s string) string {
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
		if letterOrDigit(s[i]) {
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
