package mqttproxy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Keys are the files that let a rig sit in the middle.
type Keys struct {
	Authority string // the lab's authority: its certificate and its key in one file, or in two
	Secret    string // empty: the key stands in Authority
	Cert, Key string // the till's own
}

// life is how long the certificate we make for ourselves is good; no run lasts that long.
const life = 24 * time.Hour

// configs gives our side towards the till and our side towards the hub.
func (k Keys) configs(target string) (server, client *tls.Config, err error) {
	till, err := tls.LoadX509KeyPair(k.Cert, k.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("the till's own certificate: %w", err)
	}
	if k.Secret == "" {
		k.Secret = k.Authority
	}
	authority, err := tls.LoadX509KeyPair(k.Authority, k.Secret)
	if err != nil {
		return nil, nil, fmt.Errorf("the lab's authority: %w", err)
	}
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return nil, nil, err
	}
	ours, err := mint(authority, host)
	if err != nil {
		return nil, nil, fmt.Errorf("a certificate for ourselves: %w", err)
	}
	pem, err := os.ReadFile(k.Authority)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, errors.New("the lab's authority has no certificate")
	}
	server = &tls.Config{Certificates: []tls.Certificate{ours}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, VerifyConnection: stranger(till.Certificate[0])}
	client = &tls.Config{Certificates: []tls.Certificate{till}, MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: host}
	return server, client, nil
}

// mint makes a certificate for the host by which the till knows the hub.
func mint(authority tls.Certificate, host string) (c tls.Certificate, err error) {
	signer, ok := authority.PrivateKey.(crypto.Signer)
	if !ok {
		return c, errors.New("the authority's key cannot sign")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a stranger in the middle"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, key.Public(), signer)
	if err != nil {
		return c, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, err
	}
	return tls.X509KeyPair(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}
