package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// liar stands between an SDK and the sandbox, with a certificate that the SDK trusts, and changes one byte of what
// passes. A client certificate is handed on to the sandbox exactly when the SDK showed it. Not only lies pass: when
// the aim is behind the last byte, the message goes through as it is, which shows that the refusals before were
// for the byte and not for the liar.
type liar struct {
	url, authority string // authority: PEM
	server         *http.Server
	done           chan struct{}
	to             string
	strike         strikes
	plain, shown   *http.Transport // without and with the merchant's certificate

	mu   sync.Mutex
	aim  aim
	last shot
}

// aim is what to change in the messages that come next.
type aim struct {
	Side string `json:"side"` // "request" or "answer"
	At   int    `json:"at"`   // counts the bytes that are protected
}

// shot is what became of the last message.
type shot struct {
	Field string `json:"field"` // empty: nothing was changed
	Code  string `json:"code"`  // of the wallet's answer as the wallet gave it
}

func newLiar(w wallets, strike strikes) (*liar, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(w.account.CA)) {
		return nil, fmt.Errorf("the sandbox's account has no certificate of its authority")
	}
	merchant, err := tls.X509KeyPair([]byte(w.account.WeChat.ClientCert), []byte(w.account.WeChat.ClientKey))
	if err != nil {
		return nil, fmt.Errorf("read the merchant's certificate: %w", err)
	}
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the liar's door: %w", err)
	}
	own, authority, err := certificate(door.Addr().String())
	if err != nil {
		return nil, err
	}
	carry := func(certs ...tls.Certificate) *http.Transport {
		return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}, DisableCompression: true}
	}
	l := &liar{url: "https://" + door.Addr().String(), authority: authority, done: make(chan struct{}), strike: strike,
		to: "https" + strings.TrimPrefix(w.url, "http"), plain: carry(), shown: carry(merchant)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /aim", l.takeAim)
	mux.HandleFunc("GET /shot", l.tellShot)
	mux.HandleFunc("/", l.pass)
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	secure := tls.NewListener(door, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert})
	go func() {
		defer close(l.done)
		_ = l.server.Serve(secure) // ends with close
	}()
	return l, nil
}

func (l *liar) close() {
	_ = l.server.Close()
	<-l.done
	l.plain.CloseIdleConnections()
	l.shown.CloseIdleConnections()
}

func (l *liar) takeAim(w http.ResponseWriter, r *http.Request) {
	var a aim
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aim, l.last = a, shot{}
}

func (l *liar) tellShot(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = json.NewEncoder(w).Encode(l.last) // a reader that hung up has no use for the error
}

// pass carries one request there and its answer back.
func (l *liar) pass(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	aim := l.aim
	l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	query, hit := r.URL.RawQuery, ""
	if aim.Side == "request" {
		query, body, hit = l.strike.request(query, body, aim.At)
	}
	answer, text, err := l.forward(r, query, body)
	if err != nil {
		panic(http.ErrAbortHandler) // what the wallet does to us, we do to the SDK
	}
	code := ""
	if m := l.strike.code.FindSubmatch(text); m != nil {
		code = string(m[1])
	}
	if aim.Side == "answer" {
		text, hit = l.strike.answer(text, aim.At)
	}
	l.mu.Lock()
	l.last = shot{hit, code}
	l.mu.Unlock()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text)
}

func (l *liar) forward(r *http.Request, query string, body []byte) (*http.Response, []byte, error) {
	target := l.to + r.URL.Path
	if query != "" {
		target += "?" + query
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header = r.Header.Clone()
	request.Header.Del("Connection") // it was about the connection that ends here
	way := l.plain
	if len(r.TLS.PeerCertificates) > 0 && bytes.Equal(r.TLS.PeerCertificates[0].Raw, l.shown.TLSClientConfig.Certificates[0].Certificate[0]) {
		way = l.shown
	}
	answer, err := way.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, text, err
}

// certificate makes one for this machine that vouches for itself. Authorities of one name are mistaken for each other.
func certificate(name string) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make the liar's key: %w", err)
	}
	t := x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "conformance " + name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, &t, &t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make the liar's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
