package carry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Stream sends a request, with a body by POST and without one by GET, and gives the answer's body as it comes when its
// status is 200: for answers that are too large for [Post]. Who reads bounds them. Verified is as of [Post]. Close ends it.
func Stream(ctx context.Context, via http.RoundTripper, to *url.URL, header http.Header, body []byte) (answer io.ReadCloser, verified bool, err error) {
	req := (&http.Request{Method: http.MethodGet, URL: to, Host: to.Host, Header: header}).WithContext(ctx)
	if body != nil {
		req.Method, req.ContentLength = http.MethodPost, int64(len(body))
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	resp, err := via.RoundTrip(req)
	if err != nil {
		return nil, false, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, false, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	return resp.Body, resp.TLS != nil, nil
}
