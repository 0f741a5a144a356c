// Package identity is who this till is to the hub: its key, its certificate, and what it was
// told when it was activated.
//
// It refuses to activate a folder twice, to load a half-written one, and to let the private key
// leave the device: the hub sees a signing request only. Newcomers get one thing wrong: the key
// outlives a failed activation on purpose. The hub must take the same code with the same public
// key as the same activation, however often it comes, so that an answer lost on the way is simply
// fetched again: a lost answer never burns a code, and a code never makes two tills.
package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
)

// Identity is an activated till.
type Identity struct {
	Terminal, Merchant, Store string
	Certificate               tls.Certificate    // for the TLS connection to the hub
	SigningKey                ed25519.PrivateKey // signs what goes up; the certificate's key
	HubKey                    ed25519.PublicKey  // verifies what comes down
	CA                        *x509.CertPool     // who may call itself the hub
	MQTT                      string             // host:port
}

// The files in the till's folder, in the order they are written. A folder without the last one
// is not activated, whatever else it holds.
const (
	keyFile      = "terminal.key"
	certFile     = "terminal.crt"
	caFile       = "ca.crt"
	identityFile = "identity.json"
)

// grant is what the hub gives at activation, and what identity.json keeps of it.
type grant struct {
	Terminal    string `json:"terminal"`
	Merchant    string `json:"merchant"`
	Store       string `json:"store"`
	Certificate string `json:"certificate,omitempty"` // PEM; kept in certFile
	CA          string `json:"ca,omitempty"`          // PEM; kept in caFile
	MQTT        string `json:"mqtt"`                  // mqtts://host:port, the scheme may be missing
	HubKey      []byte `json:"hub_key"`               // base64 in JSON
}

// Load reads an activated folder. NotFound means that it is not activated yet.
func Load(dir string) (Identity, error) {
	data, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fault.New(fault.NotFound, "identity.none",
			"this till is not activated: run \"cashier-agent activate\" with a code from the portal")
	}
	if err != nil {
		return Identity{}, broken(err, identityFile)
	}
	var g grant
	if err := json.Unmarshal(data, &g); err != nil {
		return Identity{}, broken(err, identityFile)
	}
	key, err := loadKey(dir)
	if err != nil {
		return Identity{}, err
	}
	if key == nil {
		return Identity{}, broken(fs.ErrNotExist, keyFile)
	}
	for name, to := range map[string]*string{certFile: &g.Certificate, caFile: &g.CA} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return Identity{}, broken(err, name)
		}
		*to = string(data)
	}
	who, err := g.identity(key)
	if err != nil {
		return Identity{}, broken(err, "the folder")
	}
	return who, nil
}

func broken(err error, what string) error {
	return fault.Wrap(err, fault.Internal, "identity.broken", "the till's identity cannot be read (%s): restore its folder or activate the till anew in an empty one", what)
}

// identity checks that the parts belong together; the certificate's dates are the hub's business,
// because a till's clock may be wrong until the hub corrects it.
func (g grant) identity(key ed25519.PrivateKey) (Identity, error) {
	who := Identity{Terminal: g.Terminal, Merchant: g.Merchant, Store: g.Store, SigningKey: key, HubKey: g.HubKey}
	if err := id.Check(id.Terminal, g.Terminal); err != nil {
		return who, err
	}
	if len(g.HubKey) != ed25519.PublicKeySize {
		return who, errors.New("the hub's key is no Ed25519 public key")
	}
	who.MQTT = strings.TrimPrefix(g.MQTT, "mqtts://")
	if host, port, err := net.SplitHostPort(who.MQTT); err != nil || host == "" || port == "" || strings.Contains(host, "/") {
		return who, errors.New("the hub's MQTT address is not mqtts://host:port")
	}
	who.CA = x509.NewCertPool()
	if !who.CA.AppendCertsFromPEM([]byte(g.CA)) {
		return who, errors.New("the hub's CA is no certificate")
	}
	var err error
	if who.Certificate, err = certificate([]byte(g.Certificate), key); err != nil {
		return who, err
	}
	if who.Certificate.Leaf.Subject.CommonName != g.Terminal {
		return who, errors.New("the certificate names another terminal")
	}
	return who, nil
}

// certificate reads a PEM chain whose first certificate must be for our key.
func certificate(chain []byte, key ed25519.PrivateKey) (tls.Certificate, error) {
	c := tls.Certificate{PrivateKey: key}
	for {
		var block *pem.Block
		if block, chain = pem.Decode(chain); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			c.Certificate = append(c.Certificate, block.Bytes)
		}
	}
	if len(c.Certificate) == 0 {
		return c, errors.New("there is no certificate")
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return c, err
	}
	if !key.Public().(ed25519.PublicKey).Equal(leaf.PublicKey) {
		return c, errors.New("the certificate is not for this till's key")
	}
	c.Leaf = leaf
	return c, nil
}
