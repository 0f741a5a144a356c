package registry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"time"

	"cloudcashier/shared/fault"
)

// How long certificates live.
const (
	caLife       = 10 * 365 * 24 * time.Hour
	serverLife   = 397 * 24 * time.Hour // the longest that every TLS client accepts
	TerminalLife = 90 * 24 * time.Hour
	day          = 24 * time.Hour
	// clockSlack backdates what tills check with their own clock, which may be days behind at enrolment.
	clockSlack = 7 * day
)

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
	pemRequest     = "CERTIFICATE REQUEST"
	maxPEM         = 16 << 10 // a request or CA file has under two thousand bytes
)

// CA is the hub's own certificate authority. Its key is P-256, which every TLS client of ours speaks.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes an authority.
func NewCA(random io.Reader, now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Cloud Cashier hub CA"}, NotBefore: now.Add(-clockSlack), NotAfter: now.Add(caLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	cert, err := issue(random, template, nil, key, key.Public())
	if err != nil {
		return nil, err
	}
	return &CA{cert: cert, key: key}, nil
}

// LoadCA reads what PEM wrote.
func LoadCA(data []byte) (*CA, error) {
	var ca CA
	for len(data) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		switch block.Type {
		case pemCertificate:
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read the CA's certificate: %w", err)
			}
			ca.cert = cert
		case pemKey:
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read the CA's key: %w", err)
			}
			ca.key, _ = key.(*ecdsa.PrivateKey)
		}
	}
	if ca.cert == nil || ca.key == nil || !ca.cert.IsCA || !ca.key.PublicKey.Equal(ca.cert.PublicKey) {
		return nil, fault.New(fault.Invalid, "ca.form", "the CA file needs a CA certificate and its P-256 key")
	}
	return &ca, nil
}

// PEM is the certificate and its key, for the hub's own secret file.
func (ca *CA) PEM() ([]byte, error) {
	key, err := keyPEM(ca.key)
	if err != nil {
		return nil, err
	}
	return append(ca.CertPEM(), key...), nil
}

// CertPEM is the certificate, for everybody.
func (ca *CA) CertPEM() []byte { return certPEM(ca.cert) }

// Pool holds the certificate, for tls.Config.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// ServerCertificate makes a key and a certificate for the hub's doors at the hosts (names or addresses).
func (ca *CA) ServerCertificate(random io.Reader, hosts []string, now time.Time) (cert, key []byte, err error) {
	if len(hosts) == 0 {
		return nil, nil, fault.New(fault.Invalid, "ca.hosts", "a server certificate needs a host name or address")
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, nil, fmt.Errorf("make the server's key: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: now.Add(-clockSlack), NotAfter: now.Add(serverLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.Unmap().AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	signed, err := issue(random, template, ca.cert, ca.key, private.Public())
	if err != nil {
		return nil, nil, err
	}
	if key, err = keyPEM(private); err != nil {
		return nil, nil, err
	}
	return certPEM(signed), key, nil
}

// TerminalCertificate certifies that the key is the terminal's, and gives the certificate's serial.
func (ca *CA) TerminalCertificate(random io.Reader, terminal string, key ed25519.PublicKey, now time.Time) (cert []byte, serial string, err error) {
	if terminal == "" || len(key) != ed25519.PublicKeySize {
		return nil, "", fault.New(fault.Invalid, "ca.terminal", "a terminal certificate needs a terminal and its Ed25519 key")
	}
	template := &x509.Certificate{
		// Only the hub's nodes read NotBefore here, and their clocks are minutes apart at worst.
		Subject: pkix.Name{CommonName: terminal}, NotBefore: now.Add(-5 * time.Minute), NotAfter: now.Add(TerminalLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	signed, err := issue(random, template, ca.cert, ca.key, key)
	if err != nil {
		return nil, "", err
	}
	return certPEM(signed), SerialOf(signed), nil
}

// SerialOf is a certificate's serial as Terminal.Serial has it.
func SerialOf(cert *x509.Certificate) string { return hex.EncodeToString(cert.SerialNumber.Bytes()) }

// TerminalOf names the terminal that a certificate, already verified against the CA for client
// authentication, speaks for. Whether it is still in force is for the stored Terminal to say.
func TerminalOf(cert *x509.Certificate) (terminal string, key ed25519.PublicKey, err error) {
	key, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || cert.Subject.CommonName == "" || cert.IsCA {
		return "", nil, fault.New(fault.Denied, "terminal.certificate", "this is no terminal's certificate: activate the till again")
	}
	return cert.Subject.CommonName, key, nil
}

// ParseCSR reads a device's certificate request: one PEM block, an Ed25519 key, signed with it. What the
// request says about its subject is ignored: the hub decides who the device is.
func ParseCSR(data []byte) (ed25519.PublicKey, error) {
	refuse := func(why string) error {
		return fault.New(fault.Invalid, "activation.csr", "the certificate request %s: update the agent", why)
	}
	if len(data) > maxPEM {
		return nil, refuse("is too big")
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemRequest || len(rest) > 0 {
		return nil, refuse("is not one PEM block")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, refuse("is malformed")
	}
	key, ok := request.PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, refuse("has no Ed25519 key")
	}
	if request.CheckSignature() != nil {
		return nil, refuse("is not signed with its key")
	}
	return key, nil
}

// issue signs the template under a fresh serial of 128 random bits; a nil parent means self-signed.
func issue(random io.Reader, template, parent *x509.Certificate, signer *ecdsa.PrivateKey, subject crypto.PublicKey) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return nil, fmt.Errorf("certificate serial: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive and never shorter: 16 bytes in DER and in hex
	template.SerialNumber = new(big.Int).SetBytes(serial)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(random, template, parent, subject, signer)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back a certificate: %w", err)
	}
	return cert, nil
}

func certPEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: cert.Raw})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}
