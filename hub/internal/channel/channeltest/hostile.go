package channeltest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/pay"
)

// Target is a connector to be lied to.
type Target struct {
	Wallet pay.Wallet
	// Connect makes the connector, with base ("https://127.0.0.1:4711") as the wallet's host.
	Connect func(t *testing.T, base string, roots *x509.CertPool) channel.Channel
	// Genuine makes the wallet's honest answer to a request: charged, for a payment and for a
	// query; undone, for a reversal; taken or done, for a refund and the question about it. It runs on the server's goroutine.
	Genuine func(path string, request []byte) []byte
	// Withdrawn is what the honest answer proves when an order that is shown is undone: only of a wallet that can show codes.
	Withdrawn channel.Finding
	// Seal signs the genuine body in the answer's head, for protocols that sign there; may be nil.
	Seal func(head http.Header, body []byte)
	// Paid is what the honest answer to a payment proves: Approved when empty.
	Paid channel.Finding
	// Stride is how far apart the bytes stand that are damaged one by one: 1 damages each.
	Stride int
}

// genuine makes the honest answer's body and puts its seal, if any, into the head.
func (x Target) genuine(w http.ResponseWriter, r *http.Request, request []byte) []byte {
	body := x.Genuine(r.URL.Path, request)
	if x.Seal != nil {
		x.Seal(w.Header(), body)
	}
	return body
}

// call is one thing a connector does.
type call struct {
	name string
	do   func(channel.Channel, context.Context, pay.Wallet) channel.Answer
	want channel.Finding // what the genuine answer proves
}

func (c call) honest(x Target) channel.Finding {
	if c.name == "pay" {
		return x.Paid
	}
	return c.want
}

// calls are the three things a connector does, each on the sample attempt.
var calls = []call{
	{"pay", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
		return c.Pay(ctx, SampleOrder(w))
	}, channel.Approved},
	{"query", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
		return c.Query(ctx, SampleRef())
	}, channel.Approved},
	{"reverse", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
		return c.Reverse(ctx, SampleRef())
	}, channel.Reversed},
	{"refund", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
		return asAnswer(c.(channel.Refunder).Refund(ctx, SampleRefund()))
	}, channel.Approved},
	{"ask about a refund", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
		return asAnswer(c.(channel.Refunder).QueryRefund(ctx, SampleRefund()))
	}, channel.Approved},
}

// calls are all that this connector does.
func (x Target) calls() []call {
	if x.Withdrawn == "" {
		return calls
	}
	return append(calls[:len(calls):len(calls)],
		call{"present", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
			o := SampleOrder(w)
			o.Code = pay.Code{}
			return c.(channel.Presenter).Present(ctx, o)
		}, channel.Pending},
		call{"withdraw", func(c channel.Channel, ctx context.Context, w pay.Wallet) channel.Answer {
			r := SampleRef()
			r.Shown = true
			return c.Reverse(ctx, r)
		}, x.Withdrawn})
}

// asAnswer shows a refund's answer as one about a payment: what was taken or done as approved.
func asAnswer(a channel.RefundAnswer) channel.Answer {
	switch a.Finding {
	case channel.Refunded, channel.RefundTaken:
		return channel.Answer{Finding: channel.Approved, Err: a.Err}
	case channel.RefundUnknown:
		return channel.Answer{Finding: channel.Unknown, Err: a.Err}
	}
	return channel.Answer{Finding: channel.Finding(a.Finding), Err: a.Err}
}

// Hostile puts every wire fault that needs no knowledge of the protocol between the connector and
// an honest wallet. Whatever comes back damaged, late, from elsewhere or not at all proves nothing.
func Hostile(t *testing.T, x Target) {
	if x.Paid == "" {
		x.Paid = channel.Approved
	}
	t.Run("damaged", func(t *testing.T) { damaged(t, x) })
	t.Run("answers", func(t *testing.T) { answers(t, x) })
	t.Run("silence", func(t *testing.T) { silence(t, x) })
	t.Run("tls", func(t *testing.T) { certificates(t, x) })
}

// hold fails the test unless the answer is Unknown, says why, and shows no payment code.
func hold(t *testing.T, name string, w pay.Wallet, a channel.Answer) {
	t.Helper()
	if a.Finding != channel.Unknown || a.Err == nil {
		t.Errorf("%s: found %q (%v), want unknown with its cause", name, a.Finding, a.Err)
		return
	}
	if strings.Contains(a.Err.Error(), SampleOrder(w).Code.Reveal()) {
		t.Errorf("%s: the error shows the payment code: %v", name, a.Err)
	}
}

// damaged changes one byte of the genuine answer at a time, then cuts it short.
func damaged(t *testing.T, x Target) {
	var alter func([]byte) []byte
	s := Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.Write(alter(x.genuine(w, r, body)))
	})
	c := x.Connect(t, s.URL, s.Roots)
	for _, call := range x.calls() {
		size := 0
		alter = func(b []byte) []byte { size = len(b); return b }
		if a := call.do(c, t.Context(), x.Wallet); a.Finding != call.honest(x) || a.Err != nil {
			t.Fatalf("%s: the genuine answer gave %q (%v), want %q", call.name, a.Finding, a.Err, call.honest(x))
		}
		for i := 0; i < size; i += x.Stride {
			alter = func(b []byte) []byte {
				b = bytes.Clone(b)
				if b[i] == 'x' {
					b[i] = 'y'
				} else {
					b[i] = 'x'
				}
				return b
			}
			hold(t, fmt.Sprintf("%s, byte %d changed", call.name, i), x.Wallet, call.do(c, t.Context(), x.Wallet))
		}
		for i := 0; i < size; i += 1 + size/16 {
			alter = func(b []byte) []byte { return b[:i] }
			hold(t, fmt.Sprintf("%s, cut to %d bytes", call.name, i), x.Wallet, call.do(c, t.Context(), x.Wallet))
		}
	}
}

// answers wraps the genuine bytes in what a connector must not accept around them.
func answers(t *testing.T, x Target) {
	elsewhere := Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		t.Error("a redirect was followed")
		w.Write(x.genuine(w, r, body))
	})
	status := func(code int) Answer {
		return func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Header().Set("Location", elsewhere.URL+r.URL.Path)
			w.WriteHeader(code)
			if code != http.StatusNoContent {
				w.Write(x.genuine(w, r, body))
			}
		}
	}
	cases := map[string]Answer{
		"empty": func(http.ResponseWriter, *http.Request, []byte) {},
		"twice": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(bytes.Repeat(x.genuine(w, r, body), 2))
		},
		"trailing byte": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(append(x.genuine(w, r, body), 'x'))
		},
		"trailing zero": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(append(x.genuine(w, r, body), 0))
		},
		"leading byte": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(append([]byte("x"), x.genuine(w, r, body)...))
		},
		"HTML": func(w http.ResponseWriter, r *http.Request, body []byte) {
			io.WriteString(w, "<html><body>the service is being maintained</body></html>")
		},
		"huge": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(append(x.genuine(w, r, body), bytes.Repeat([]byte{' '}, 65<<10)...))
		},
		"endless": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Write(x.genuine(w, r, body))
			for page := bytes.Repeat([]byte{' '}, 4<<10); ; {
				if _, err := w.Write(page); err != nil {
					return // the connector hung up, as it should
				}
			}
		},
		"compressed": func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(x.genuine(w, r, body))
			z.Close()
		},
		"cut inside": func(w http.ResponseWriter, r *http.Request, body []byte) {
			b := x.genuine(w, r, body)
			raw(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b[:len(b)-1]))
		},
		"cut in the head": func(w http.ResponseWriter, r *http.Request, body []byte) { raw(w, "HTTP/1.1 200 OK\r\nConte") },
		"closed":          func(w http.ResponseWriter, r *http.Request, body []byte) { raw(w, "") },
		"no HTTP":         func(w http.ResponseWriter, r *http.Request, body []byte) { raw(w, "220 mail ready\r\n\r\n") },
		"request echoed":  func(w http.ResponseWriter, r *http.Request, body []byte) { raw(w, string(body)+"\r\n\r\n") },
		"echoed in the head": func(w http.ResponseWriter, r *http.Request, body []byte) {
			raw(w, "HTTP/1.1 200 OK\r\n"+string(body)+"\r\n\r\n")
		},
		"endless head": func(w http.ResponseWriter, r *http.Request, body []byte) {
			raw(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
		},
	}
	for _, code := range []int{201, 202, 204, 301, 302, 307, 308, 400, 401, 403, 404, 429, 500, 502, 503, 504} {
		cases[fmt.Sprintf("status %d", code)] = status(code)
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			s := Serve(t, answer)
			c := x.Connect(t, s.URL, s.Roots)
			for _, call := range x.calls() {
				hold(t, call.name, x.Wallet, call.do(c, t.Context(), x.Wallet))
			}
		})
	}
}

// silence ends the caller's context while the wallet keeps the connection open and says nothing,
// or says half of it.
func silence(t *testing.T, x Target) {
	for _, half := range []bool{false, true} {
		for _, call := range x.calls() {
			arrived, done := make(chan struct{}), make(chan struct{})
			s := Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				if half {
					b := x.genuine(w, r, body)
					w.Write(b[:len(b)/2])
					w.(http.Flusher).Flush()
				}
				close(arrived)
				<-done
			})
			c := x.Connect(t, s.URL, s.Roots)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			a := call.do(c, ctx, x.Wallet)
			close(done)
			hold(t, fmt.Sprintf("%s, half an answer: %t", call.name, half), x.Wallet, a)
			if !errors.Is(a.Err, context.Canceled) {
				t.Errorf("%s: the error is %v, want the context's", call.name, a.Err)
			}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := x.Connect(t, "https://"+l.Addr().String(), x509.NewCertPool())
	for _, call := range x.calls() {
		hold(t, call.name+", nobody listens", x.Wallet, call.do(c, t.Context(), x.Wallet))
	}
}
