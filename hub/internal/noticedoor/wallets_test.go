package noticedoor_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/hub/internal/channel/wechat"
)

// fields are a notice's, before it is signed. sign makes it a body as the wallet posts it, with the wallet's own keys.
type fields map[string]string

func (f fields) with(name, value string) fields {
	out := maps.Clone(f)
	if out[name] = value; value == "" {
		delete(out, name)
	}
	return out
}

// text joins fields as all three wallets do before they sign.
func (f fields) text(without ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(without, name) {
			parts = append(parts, name+"="+f[name])
		}
	}
	return strings.Join(parts, "&")
}

func (f fields) form() string {
	v := url.Values{}
	for name, value := range f {
		v.Set(name, value)
	}
	return v.Encode()
}

func (f fields) xml(root string) string {
	var b strings.Builder
	b.WriteString("<" + root + ">")
	for _, name := range slices.Sorted(maps.Keys(f)) {
		b.WriteString("<" + name + "><![CDATA[" + f[name] + "]]></" + name + ">")
	}
	b.WriteString("</" + root + ">")
	return b.String()
}

const apiKey = "192006250b4c09247ec02edce69f6a2d"

// keys are the wallets' and a stranger's.
type keyring struct {
	alipay, unionpay, stranger *rsa.PrivateKey
	cert, strangerCert         string // UnionPay's signing certificate, and one of an authority nobody knows
	merchantCert               string // of UnionPay's own authority, for some merchant
	root                       *x509.Certificate
	own                        *x509.Certificate // the hub's signing certificate
}

var keys = sync.OnceValue(func() keyring {
	var k keyring
	for _, to := range []**rsa.PrivateKey{&k.alipay, &k.unionpay, &k.stranger} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		*to = key
	}
	authority := func(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: clock.AddDate(-1, 0, 0), NotAfter: clock.AddDate(5, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		return issue(t, t, &key.PublicKey, key), key
	}
	leaf := func(parent *x509.Certificate, key *ecdsa.PrivateKey, name string, of *rsa.PrivateKey) *x509.Certificate {
		t := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: clock.AddDate(-1, 0, 0), NotAfter: clock.AddDate(5, 0, 0)}
		return issue(t, parent, &of.PublicKey, key)
	}
	var rootKey *ecdsa.PrivateKey
	k.root, rootKey = authority("acp root")
	other, otherKey := authority("acp root")
	k.cert = encode(leaf(k.root, rootKey, "041@Z12@00040000:SIGN@00000001", k.unionpay))
	k.strangerCert = encode(leaf(other, otherKey, "041@Z12@00040000:SIGN@00000001", k.stranger))
	k.own = leaf(k.root, rootKey, "041@Z2026@777290058110048@00000001", k.stranger)
	k.merchantCert = encode(k.own)
	return k
})

func issue(t, parent *x509.Certificate, of any, by *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, of, by)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

func encode(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func rsaSign(key *rsa.PrivateKey, sum [sha256.Size]byte) string {
	raw, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func signWeChat(f fields) string {
	sum := md5.Sum([]byte(f.text("sign") + "&key=" + apiKey))
	return f.with("sign", strings.ToUpper(hex.EncodeToString(sum[:]))).xml("xml")
}

// signWeChatRefund encrypts what is told in the fields whose names begin with "in."; the rest stands outside.
func signWeChatRefund(f fields) string { return sealWeChat(f, apiKey) }

func sealWeChat(f fields, key string) string {
	inner, outer := fields{}, fields{}
	for name, value := range f {
		if in, ok := strings.CutPrefix(name, "in."); ok {
			inner[in] = value
		} else {
			outer[name] = value
		}
	}
	sum := md5.Sum([]byte(key))
	block, _ := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	text := []byte(inner.xml("root"))
	pad := 16 - len(text)%16
	text = append(text, bytes.Repeat([]byte{byte(pad)}, pad)...)
	for at := 0; at < len(text); at += 16 {
		block.Encrypt(text[at:], text[at:])
	}
	return outer.with("req_info", base64.StdEncoding.EncodeToString(text)).xml("xml")
}

func signAlipay(f fields) string {
	return f.with("sign", rsaSign(keys().alipay, sha256.Sum256([]byte(f.text("sign", "sign_type"))))).form()
}

func signUnionPay(f fields) string {
	key := keys().unionpay
	if f["signPubKeyCert"] != keys().cert {
		key = keys().stranger
	}
	first := sha256.Sum256([]byte(f.text("signature")))
	return f.with("signature", rsaSign(key, sha256.Sum256([]byte(hex.EncodeToString(first[:]))))).form()
}

// noticers are the three connectors.
func noticers(t *testing.T) map[string]channel.Channel {
	t.Helper()
	k := keys()
	now := func() time.Time { return clock }
	w, err := wechat.New(wechat.Config{BaseURL: "https://127.0.0.1/", AppID: "wx2421b1c4370ec43b", MchID: "10000100", APIKey: apiKey, SignType: "MD5",
		ClientCert: tls.Certificate{Certificate: [][]byte{k.own.Raw}, PrivateKey: k.stranger}, DeviceIP: "127.0.0.1", Now: now, Nonce: rand.Text})
	if err != nil {
		t.Fatal(err)
	}
	a, err := alipay.New(alipay.Config{GatewayURL: "https://127.0.0.1/g", AppID: "2014072300007148", SellerID: "2088101106499364", PrivateKey: k.stranger,
		WalletKey: &k.alipay.PublicKey, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(k.root)
	u, err := unionpay.New(unionpay.Config{BaseURL: "https://127.0.0.1/", MerID: "777290058110048", PrivateKey: k.stranger, Cert: k.own, SignRoots: roots,
		Signer: unionpay.Test, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]channel.Channel{"wechat": w, "alipay": a, "unionpay": u}
}
