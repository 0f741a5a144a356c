package registry

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
)

func newCA(t *testing.T) *CA {
	t.Helper()
	ca, err := NewCA(rand.Reader, noon)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func parse(t *testing.T, data []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(data)
	if block == nil || len(rest) > 0 {
		t.Fatal("not one PEM block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCASurvivesItsFile(t *testing.T) {
	ca := newCA(t)
	file, err := ca.PEM()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadCA(file)
	if err != nil {
		t.Fatal(err)
	}
	cert, _, err := loaded.TerminalCertificate(rand.Reader, "trm_1", newKey(t), noon)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parse(t, cert).Verify(x509.VerifyOptions{Roots: ca.Pool(), CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Errorf("what the loaded CA signs, the first does not accept: %v", err)
	}
	if bytes.Contains(ca.CertPEM(), []byte("KEY")) || !bytes.HasPrefix(file, ca.CertPEM()) {
		t.Error("CertPEM is for everybody and PEM holds both")
	}
}

func TestLoadCARefuses(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	file, _ := ca.PEM()
	otherFile, _ := other.PEM()
	key := file[len(ca.CertPEM()):]
	leaf, leafKey, err := ca.ServerCertificate(rand.Reader, []string{"localhost"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	edDER, _ := x509.MarshalPKCS8PrivateKey(ed)
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"no PEM":          []byte("hello"),
		"no key":          ca.CertPEM(),
		"no certificate":  key,
		"another's key":   append(ca.CertPEM(), otherFile[len(other.CertPEM()):]...),
		"not a CA":        append(bytes.Clone(leaf), leafKey...),
		"Ed25519 key":     append(ca.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: edDER})...),
		"bad certificate": append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), key...),
		"bad key":         append(ca.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := LoadCA(data); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestServerCertificate(t *testing.T) {
	ca := newCA(t)
	data, key, err := ca.ServerCertificate(rand.Reader, []string{"hub.example", "127.0.0.1", "::1"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(data, key); err != nil {
		t.Fatalf("certificate and key do not fit: %v", err)
	}
	cert := parse(t, data)
	for _, c := range []struct {
		host string
		at   time.Time
		use  x509.ExtKeyUsage
		ok   bool
	}{
		{"hub.example", noon, x509.ExtKeyUsageServerAuth, true},
		{"127.0.0.1", noon, x509.ExtKeyUsageServerAuth, true},
		{"::1", noon, x509.ExtKeyUsageServerAuth, true},
		{"127.0.0.1", noon.Add(-6 * day), x509.ExtKeyUsageServerAuth, true}, // a till whose clock is behind
		{"127.0.0.1", noon.Add(-8 * day), x509.ExtKeyUsageServerAuth, false},
		{"127.0.0.1", noon.Add(396 * day), x509.ExtKeyUsageServerAuth, true},
		{"127.0.0.1", noon.Add(398 * day), x509.ExtKeyUsageServerAuth, false},
		{"127.0.0.2", noon, x509.ExtKeyUsageServerAuth, false},
		{"other.example", noon, x509.ExtKeyUsageServerAuth, false},
		{"hub.example", noon, x509.ExtKeyUsageClientAuth, false}, // the hub's door is no till
	} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: c.host, CurrentTime: c.at, KeyUsages: []x509.ExtKeyUsage{c.use}})
		if (err == nil) != c.ok {
			t.Errorf("%s at %s: %v, want ok %v", c.host, c.at, err, c.ok)
		}
	}
	if _, _, err := ca.ServerCertificate(rand.Reader, nil, noon); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no hosts: %v", err)
	}
}

func TestTerminalCertificate(t *testing.T) {
	ca, other, key := newCA(t), newCA(t), newKey(t)
	data, serial, err := ca.TerminalCertificate(rand.Reader, "trm_01J", key, noon)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, data)
	name, got, err := TerminalOf(cert)
	if err != nil || name != "trm_01J" || !got.Equal(key) {
		t.Errorf("TerminalOf = %q, %x, %v", name, got, err)
	}
	if serial != SerialOf(cert) || len(serial) != 32 || strings.ToLower(serial) != serial {
		t.Errorf("serial %q: want 32 lower hex digits, as SerialOf has it (%q)", serial, SerialOf(cert))
	}
	_, second, _ := ca.TerminalCertificate(rand.Reader, "trm_01J", key, noon)
	if second == serial {
		t.Error("two certificates have one serial")
	}
	for _, c := range []struct {
		name string
		ca   *CA
		at   time.Time
		use  x509.ExtKeyUsage
		ok   bool
	}{
		{"client", ca, noon, x509.ExtKeyUsageClientAuth, true},
		{"last day", ca, noon.Add(90*day - time.Second), x509.ExtKeyUsageClientAuth, true},
		{"expired", ca, noon.Add(90*day + time.Second), x509.ExtKeyUsageClientAuth, false},
		{"not yet valid", ca, noon.Add(-time.Hour), x509.ExtKeyUsageClientAuth, false},
		{"as a server", ca, noon, x509.ExtKeyUsageServerAuth, false},
		{"other CA", other, noon, x509.ExtKeyUsageClientAuth, false},
	} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: c.ca.Pool(), CurrentTime: c.at, KeyUsages: []x509.ExtKeyUsage{c.use}})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v, want ok %v", c.name, err, c.ok)
		}
	}
	for name, bad := range map[string]func() error{
		"no name": func() error { _, _, err := ca.TerminalCertificate(rand.Reader, "", key, noon); return err },
		"no key":  func() error { _, _, err := ca.TerminalCertificate(rand.Reader, "trm_1", nil, noon); return err },
		"no serial": func() error {
			_, _, err := ca.TerminalCertificate(bytes.NewReader(nil), "trm_1", key, noon)
			return err
		},
	} {
		if bad() == nil {
			t.Errorf("%s: certified", name)
		}
	}
	if _, _, err := TerminalOf(parse(t, ca.CertPEM())); fault.KindOf(err) != fault.Denied {
		t.Errorf("the CA's certificate passes for a terminal's: %v", err)
	}
}

// TestTillAndHubShakeHands proves the profiles in a real TLS handshake, each side verifying the other.
func TestTillAndHubShakeHands(t *testing.T) {
	ca, err := NewCA(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	clientPEM, _, err := ca.TerminalCertificate(rand.Reader, "trm_1", public, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	serverPEM, serverKey, err := ca.ServerCertificate(rand.Reader, []string{"localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(serverPEM, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Certificate{Certificate: [][]byte{parse(t, clientPEM).Raw}, PrivateKey: private}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		near, far := net.Pipe()
		door := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert})
		done := make(chan error, 1)
		go func() { done <- door.HandshakeContext(context.Background()) }()
		till := tls.Client(near, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{client}, MinVersion: version, MaxVersion: version})
		if err := till.HandshakeContext(context.Background()); err != nil {
			t.Fatalf("till, %x: %v", version, err)
		}
		if err := <-done; err != nil {
			t.Fatalf("hub, %x: %v", version, err)
		}
		if name, key, err := TerminalOf(door.ConnectionState().PeerCertificates[0]); err != nil || name != "trm_1" || !key.Equal(public) {
			t.Errorf("%x: hub sees %q, %v", version, name, err)
		}
		near.Close()
		far.Close()
	}
}

func request(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "trm_of_another"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestParseCSR(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	good := request(t, private)
	key, err := ParseCSR(good)
	if err != nil || !key.Equal(public) {
		t.Fatalf("good request: %v", err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	forged, _ := pem.Decode(good)
	der := bytes.Clone(forged.Bytes)
	der[len(der)-1] ^= 1
	swapped := bytes.Clone(forged.Bytes) // another's key under our signature
	copy(swapped[bytes.Index(swapped, public):], newKey(t))
	for name, data := range map[string][]byte{
		"empty":         nil,
		"no PEM":        []byte("hello"),
		"P-256":         request(t, p256),
		"bad signature": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		"swapped key":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: swapped}),
		"certificate":   newCA(t).CertPEM(),
		"two blocks":    append(bytes.Clone(good), good...),
		"garbage":       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{0x30, 1}}),
		"too big":       append(bytes.Clone(good), bytes.Repeat([]byte("\n"), maxPEM)...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseCSR(data); fault.CodeOf(err) != "activation.csr" {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func FuzzParseCSR(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := ParseCSR(data); err == nil && len(key) != ed25519.PublicKeySize {
			t.Errorf("accepted a key of %d bytes", len(key))
		}
	})
}
