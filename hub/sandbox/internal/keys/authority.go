// Package keys makes and keeps the sandbox's certificates: the authority behind its TLS server, the
// one that issues merchants' client certificates, and the chain behind UnionPay's signatures, each
// in one file with its key. The wallets' keys sign here, through the system's OpenSSL where there is one.
//
// It refuses a folder where only half of them are left: new keys beside old ones would fail far
// away, in somebody's TLS client. Newcomers get one thing wrong: the certificates live until 2049
// on purpose, because the sandbox's clock may be stepped while TLS clients use the real one.
package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"cloudcashier/shared/fault"
)

var (
	validFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)
)

// Authority issues certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// LoadAuthority reads the authority in the file, or makes one on the first start.
func LoadAuthority(path, name string) (*Authority, error) { return loadAuthority(path, name, nil, 0) }

// loadAuthority likewise; one without a parent signs itself, and below it there may be so many more.
func loadAuthority(path, name string, parent *Authority, below int) (*Authority, error) {
	pair, err := load(path, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		t := template(name)
		t.IsCA, t.BasicConstraintsValid, t.MaxPathLen, t.MaxPathLenZero = true, true, below, below == 0
		t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		if parent == nil {
			return sign(t, t, key, key)
		}
		return sign(t, parent.cert, key, parent.key)
	})
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA || parent != nil && pair.Leaf.CheckSignatureFrom(parent.cert) != nil {
		return nil, damaged(path, errors.New("no authority, or another's"))
	}
	return &Authority{cert: pair.Leaf, key: key}, nil
}

// PEM is the authority's certificate.
func (a *Authority) PEM() string { return encodeCert(a.cert) }

func encodeCert(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// Pool trusts the authority and nobody else.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// LoadServer reads the TLS server's certificate, or makes one for this machine on the first start.
func (a *Authority) LoadServer(path string) (tls.Certificate, error) {
	pair, err := load(path, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		t := template("localhost")
		t.DNSNames = []string{"localhost"}
		t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		return sign(t, a.cert, key, a.key)
	})
	if err != nil {
		return pair, err
	}
	if err := pair.Leaf.CheckSignatureFrom(a.cert); err != nil {
		return pair, damaged(path, err)
	}
	return pair, nil
}

// IssueClient makes a merchant's client certificate. Its key is RSA, as the wallet's are, because
// the same key signs the requests of API v3.
func (a *Authority) IssueClient(name string) (certPEM, keyPEM string, err error) {
	key, err := NewRSA()
	if err != nil {
		return "", "", err
	}
	t := template(name)
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(t, key)
}

// issue gives certificate and key apart.
func (a *Authority) issue(t *x509.Certificate, key crypto.Signer) (certPEM, keyPEM string, err error) {
	both, err := sign(t, a.cert, key, a.key)
	if err != nil {
		return "", "", err
	}
	c, rest := pem.Decode(both)
	return string(pem.EncodeToMemory(c)), string(rest), nil
}

func template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		panic("keys: no randomness: " + err.Error()) // crypto/rand does not fail on Linux
	}
	return &x509.Certificate{SerialNumber: serial.Add(serial, big.NewInt(1)), NotBefore: validFrom, NotAfter: validUntil,
		Subject: pkix.Name{CommonName: name, Organization: []string{"Cloud Cashier sandbox"}}}
}

// sign gives the certificate and its key, both in PEM.
func sign(t, parent *x509.Certificate, key, parentKey crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), parentKey)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}

// load reads a file holding a certificate and its key, or makes it.
func load(path string, generate func() ([]byte, error)) (tls.Certificate, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = generate(); err == nil {
			err = write(path, data)
		}
	}
	if err != nil {
		return tls.Certificate{}, fault.Wrap(err, fault.Internal, "sandbox.keys", "cannot keep keys in %s: the folder must be writable", path)
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return pair, damaged(path, err)
	}
	return pair, nil
}

func damaged(path string, err error) error {
	return fault.Wrap(err, fault.Internal, "sandbox.keys", "%s is damaged or does not fit the other keys: remove the whole data folder to start a new sandbox", path)
}

// write makes the file appear whole or not at all, readable by its owner only.
func write(path string, data []byte) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(dir, name+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // a no-op once renamed
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// rsaBits is what the wallets ask for.
const rsaBits = 2048

// NewRSA makes a key.
func NewRSA() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	return key, nil
}
