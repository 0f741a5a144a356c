package carry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Reply is a whole answer, whatever its status: protocols over REST say what they refuse in the bodies of 4xx.
type Reply struct {
	Status   int
	Header   http.Header
	Body     []byte
	Verified bool // it came over TLS from the verified host
}

// Send makes one request of any method and reads the whole answer, bounded as with [Post]. The header must not be
// changed afterwards; a nil body is none.
func Send(ctx context.Context, via http.RoundTripper, method string, to *url.URL, header http.Header, body []byte) (Reply, error) {
	resp, err := Open(ctx, via, method, to, header, body)
	if err != nil {
		return Reply{}, err
	}
	defer resp.Body.Close()
	if resp.ContentLength > maxBody {
		return Reply{}, errTooLarge
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return Reply{}, err
	case len(text) > maxBody:
		return Reply{}, errTooLarge
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: text, Verified: resp.TLS != nil}, nil
}

// Open makes one request and gives the answer with its body still to be read, for files. The caller bounds what it
// reads, and closes.
func Open(ctx context.Context, via http.RoundTripper, method string, to *url.URL, header http.Header, body []byte) (*http.Response, error) {
	if to == nil || to.Host == "" {
		return nil, errors.New("no host to ask")
	}
	req := &http.Request{Method: method, URL: to, Host: to.Host, Header: header}
	if len(body) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return via.RoundTrip(req.WithContext(ctx))
}
