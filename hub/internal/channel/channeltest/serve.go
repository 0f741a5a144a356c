package channeltest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Answer writes what the scripted wallet says to one request.
type Answer func(w http.ResponseWriter, r *http.Request, body []byte)

// Scripted is a wallet that says what a test tells it to, over TLS.
type Scripted struct {
	URL   string
	Roots *x509.CertPool // trusts the server
}

// Serve starts a scripted wallet. It asks for a client certificate and takes any or none.
func Serve(t *testing.T, answer Answer) *Scripted {
	t.Helper()
	ca := newAuthority(t)
	return serveAs(t, ca.issue(t, now(), now().Add(time.Hour), "127.0.0.1"), ca.pool(), answer)
}

func serveAs(t *testing.T, cert tls.Certificate, roots *x509.CertPool, answer Answer) *Scripted {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the connector hung up while asking
		}
		answer(w, r, body)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what these tests are about
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	return &Scripted{URL: s.URL, Roots: roots}
}

// raw takes the connection over and writes bytes as they are, then closes.
func raw(w http.ResponseWriter, s string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, s)
}

// authority is a certificate authority of one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// now is the real clock: TLS clients check certificates against it.
func now() time.Time { return time.Now() }

func newAuthority(t testing.TB) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: now().Add(-24 * time.Hour), NotAfter: now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func (a authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a authority) issue(t testing.TB, from, to time.Time, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		NotBefore: from.Add(-time.Minute), NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// ClientCertificate makes a merchant's certificate, from an authority nobody knows.
func ClientCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	return newAuthority(t).issue(t, now(), now().Add(time.Hour), "merchant")
}

// certificates shows the connector hosts it must not talk to: no request may reach them.
func certificates(t *testing.T, x Target) {
	ca, other := newAuthority(t), newAuthority(t)
	cases := []struct {
		name string
		cert tls.Certificate
		good bool
	}{
		{"right host", ca.issue(t, now(), now().Add(time.Hour), "127.0.0.1"), true},
		{"wrong host", ca.issue(t, now(), now().Add(time.Hour), "api.mch.weixin.qq.com.example"), false},
		{"expired", ca.issue(t, now().Add(-time.Hour), now().Add(-time.Minute), "127.0.0.1"), false},
		{"not valid yet", ca.issue(t, now().Add(time.Hour), now().Add(2*time.Hour), "127.0.0.1"), false},
		{"unknown authority", other.issue(t, now(), now().Add(time.Hour), "127.0.0.1"), false},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			var reached atomic.Bool
			s := serveAs(t, k.cert, ca.pool(), func(w http.ResponseWriter, r *http.Request, body []byte) {
				reached.Store(true)
				w.Write(x.genuine(w, r, body))
			})
			c := x.Connect(t, s.URL, s.Roots)
			for _, call := range x.calls() {
				a := call.do(c, t.Context(), x.Wallet)
				if k.good {
					if a.Finding != call.honest(x) {
						t.Errorf("%s found %q (%v), want %q", call.name, a.Finding, a.Err, call.honest(x))
					}
					continue
				}
				hold(t, call.name, x.Wallet, a)
				var refused *tls.CertificateVerificationError
				if !errors.As(a.Err, &refused) {
					t.Errorf("%s: the error is %v, want the certificate refused", call.name, a.Err)
				}
			}
			if reached.Load() != k.good {
				t.Errorf("a request reached the host: %t, want %t", reached.Load(), k.good)
			}
		})
	}
}
