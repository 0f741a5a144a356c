package hubd

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
)

// certified makes a certificate of a key, by an authority or by itself, in PEM.
func certified(t *testing.T, name string, public *rsa.PublicKey, by *x509.Certificate, key *rsa.PrivateKey) (*x509.Certificate, []byte) {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{Country: []string{"CN"}, CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: by == nil, BasicConstraintsValid: true}
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, public, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestChannelsOfMoreAgreements: an Alipay application in certificate mode with encrypted contents that acts for a merchant, and
// a WeChat service provider, as an operator writes them; and what he may get wrong.
func TestChannelsOfMoreAgreements(t *testing.T) {
	dir, err := os.MkdirTemp("", "hubd") // short: the folder holds a socket
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	app, wallet := testKeys()[0], testKeys()[1]
	root, rootPEM := certified(t, "Ant R1", &wallet.PublicKey, nil, wallet)
	_, appPEM := certified(t, "app", &app.PublicKey, root, wallet)
	_, otherPEM := certified(t, "another's", &wallet.PublicKey, root, wallet)
	_, alipayPEM := certified(t, "Alipay", &wallet.PublicKey, root, wallet)
	for name, text := range map[string][]byte{"app.key": privatePEM(app), "app.crt": appPEM, "other.crt": otherPEM, "alipay.crt": append(alipayPEM, rootPEM...),
		"root.crt": rootPEM, "content.key": []byte(base64.StdEncoding.EncodeToString(make([]byte, 16)) + "\n"), "token": []byte("202611BBtoken\n"),
		"short.key": []byte("AAAA\n"), "api.key": []byte("192006250b4c09247ec02edce69f6a2d\n")} {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	const text = `data: data
http: 127.0.0.1:0
mqtt: 127.0.0.1:0
hosts: [127.0.0.1]
channels:
  - name: a
    wallet: alipay
    url: https://127.0.0.1:1/gateway.do
    alipay: {app_id: "2014072300007148", seller_id: "2088101106499364", key: app.key, app_cert: app.crt, wallet_cert: alipay.crt, root_file: root.crt,
      content_key: content.key, app_auth_token: token, sub_merchant: "2088101106499365"}
  - name: w
    wallet: wechat
    url: https://127.0.0.1:1/wechat/
    wechat_v2: {appid: wx2421b1c4370ec43b, mch_id: "10000100", sub_mch_id: "1900000109", sub_appid: wxsub, api_key: api.key, cert: app.crt, key: app.key, device_ip: 127.0.0.1}
`
	open := func(text string) error {
		file := filepath.Join(dir, "hub.yaml")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		cfg, err := LoadConfig(file)
		if err != nil {
			return err
		}
		return opens(cfg, testDeps())
	}
	if err := open(text); err != nil {
		t.Fatalf("%v", err)
	}
	for _, c := range [][3]string{
		{"a certificate of another key", "app_cert: app.crt", "app_cert: other.crt"}, {"no certificate of Alipay's", "wallet_cert: alipay.crt, ", ""},
		{"a root file that is not there", "root_file: root.crt", "root_file: none.crt"}, {"a content key that is too short", "content.key", "short.key"},
		{"a content key that is none", "content_key: content.key", "content_key: token"}, {"no token", "app_auth_token: token", "app_auth_token: none"},
		{"its own sub merchant", `sub_mch_id: "1900000109"`, `sub_mch_id: "10000100"`}, {"a sub merchant's appid alone", `sub_mch_id: "1900000109", `, ""},
		{"a word nobody knows", "sub_appid", "sub_app_id"},
	} {
		if !strings.Contains(text, c[1]) {
			t.Fatalf("%s: the file has no %q", c[0], c[1])
		}
		if err := open(strings.Replace(text, c[1], c[2], 1)); err == nil || fault.CodeOf(err) == "" {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}
