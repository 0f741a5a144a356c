package fleet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloudcashier/shared/fault"
)

const (
	activators   = 4 // at once, as many as the hub serves
	activateTime = 30 * time.Second
	maxAnswer    = 64 << 10
)

// identity is who a till is. All tills of a hub share its CA and key.
type identity struct {
	terminal string
	key      ed25519.PrivateKey
	cert     tls.Certificate
	address  string // of the terminals' door
	ca       *x509.CertPool
	hubKey   ed25519.PublicKey
}

// enrol makes each code a till.
func (o Options) enrol(ctx context.Context) ([]identity, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(o.CA) {
		return nil, fault.New(fault.Invalid, "fleet.ca", "the CA file holds no PEM certificate: take the hub's own")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: activators}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: activateTime}
	who := make([]identity, len(o.Codes))
	next := make(chan int)
	var all sync.WaitGroup
	for range activators {
		all.Go(func() {
			for i := range next {
				var err error
				if who[i], err = activate(ctx, client, o.Hub, o.Codes[i], pool); err != nil {
					stop(fmt.Errorf("activate till %d: %w", i+1, err))
				}
			}
		})
	}
	for i := range who {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	all.Wait()
	return who, context.Cause(ctx)
}

// activate is what a till does with its code: the key is made here and stays here.
func activate(ctx context.Context, client *http.Client, hub, code string, pool *x509.CertPool) (who identity, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return who, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "till"}}, key)
	if err != nil {
		return who, err
	}
	body, err := json.Marshal(map[string]string{"code": code, "name": "fleet",
		"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))})
	if err != nil {
		return who, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(hub, "/")+"/terminal/v1/activate", bytes.NewReader(body))
	if err != nil {
		return who, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return who, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return who, err
	}
	if answer.StatusCode/100 != 2 {
		return who, fmt.Errorf("the hub answers %s: %s", answer.Status, text)
	}
	var g struct {
		Terminal    string `json:"terminal"`
		Certificate string `json:"certificate"`
		MQTT        string `json:"mqtt"`
		HubKey      string `json:"hub_key"`
	}
	if err := json.Unmarshal(text, &g); err != nil {
		return who, err
	}
	who = identity{terminal: g.Terminal, key: key, ca: pool, address: strings.TrimPrefix(g.MQTT, "mqtts://")}
	if who.hubKey, err = base64.StdEncoding.DecodeString(g.HubKey); err != nil || len(who.hubKey) != ed25519.PublicKeySize {
		return who, errors.New("the hub names no key of its own")
	}
	for rest := []byte(g.Certificate); ; {
		block, more := pem.Decode(rest)
		if block == nil {
			break
		}
		who.cert.Certificate, rest = append(who.cert.Certificate, block.Bytes), more
	}
	if len(who.cert.Certificate) == 0 {
		return who, errors.New("the hub gives no certificate")
	}
	who.cert.PrivateKey = key
	return who, nil
}
