package alipay

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

// maxBody bounds an answer; a query with every detail has about 4 KiB.
const maxBody = 64 << 10

// newTransport makes keep-alive connections to the gateway. It takes no proxy from the environment
// and follows no redirect (a RoundTripper never does): a payment code goes to the verified host or
// nowhere. net/http repeats a POST by itself only when not a byte of it was written, so "at most
// once" holds.
func newTransport(roots *x509.CertPool) *http.Transport {
	const conns = 256 // the hub's calls in flight at once, each on a warm connection
	return &http.Transport{
		Proxy:       nil,
		DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots,
			ClientSessionCache: tls.NewLRUClientSessionCache(16)},
		TLSHandshakeTimeout:    4 * time.Second,
		MaxIdleConns:           conns,
		MaxIdleConnsPerHost:    conns,
		MaxConnsPerHost:        2 * conns,        // beyond it a call waits for its turn until its deadline
		IdleConnTimeout:        30 * time.Second, // below a front end's usual 60 s: we close first, no request is lost
		DisableCompression:     true,             // an answer is small, and a bomb is compressed
		MaxResponseHeaderBytes: 16 << 10,
	}
}

var header = http.Header{
	"Content-Type": {"application/x-www-form-urlencoded;charset=utf-8"},
	"Accept":       {"application/json"},
	"User-Agent":   {"cloud-cashier"},
}

// call posts one signed request and gives back what its node says, once that is proven to be
// Alipay's and not about another order or seller.
func (c *Channel) call(ctx context.Context, m method, form []byte, outTradeNo string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.CallTimeout)
	defer cancel()
	body, err := post(ctx, c.via, c.gateway, form)
	if err != nil {
		return answer{}, fault.Wrap(&scrubbed{err}, fault.InDoubt, "alipay.transport", "no usable answer from Alipay")
	}
	raw, sign, err := split(body, m.node)
	if err != nil {
		return answer{}, fault.Wrap(err, fault.InDoubt, "alipay.garbled", "Alipay's answer cannot be believed")
	}
	if err := verify(c.wallet, raw, sign); err != nil {
		return answer{}, fault.Wrap(err, fault.InDoubt, "alipay.signature", "the answer's signature is wrong: check Alipay's public key")
	}
	got, err := parse(raw)
	if err != nil {
		return answer{}, fault.Wrap(err, fault.InDoubt, "alipay.garbled", "Alipay's answer cannot be believed")
	}
	// A refusal may name no order; whoever names one must name ours.
	switch {
	case got.outTradeNo != "" && got.outTradeNo != outTradeNo:
		return answer{}, doubt("foreign", "the answer is for another order")
	case got.sellerID != "" && got.sellerID != c.sellerID:
		return answer{}, doubt("foreign", "the answer is for another merchant")
	}
	return got, nil
}

func post(ctx context.Context, via http.RoundTripper, to *url.URL, body []byte) ([]byte, error) {
	req := (&http.Request{
		Method: http.MethodPost, URL: to, Host: to.Host, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	resp, err := via.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	if resp.ContentLength > maxBody {
		return nil, errTooLarge
	}
	buf := make([]byte, 0, max(2048, resp.ContentLength+1))
	for {
		n, err := resp.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxBody:
			return nil, errTooLarge
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, cap(buf))...)[:len(buf)]
		}
	}
}

var errTooLarge = errors.New("the answer is too large")

func doubt(code, format string, args ...any) error {
	return fault.New(fault.InDoubt, "alipay."+code, format, args...)
}

// scrubbed is an error whose text was made by others and could hold what we sent: a gateway that
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
