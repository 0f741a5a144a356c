// Package merchant is who may talk to the pretended wallets: numbers, keys and certificates of each
// merchant, and the directory that finds them by the number in a request.
//
// It refuses to share keys: every merchant has an API key and an Alipay key pair of its own, so an
// answer signed for one does not verify for another. Newcomers get one thing wrong: Alipay's key
// here is the wallet's side; the merchant's own public key arrives from outside, and until then
// nothing of theirs verifies.
package merchant

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"sync/atomic"

	"cloudcashier/hub/sandbox/internal/keys"
)

// Merchant is one merchant at every wallet.
type Merchant struct {
	Name   string
	WeChat WeChat
	Alipay Alipay

	UnionPay UnionPay
	Terms    Terms
	Agreed   Agreed // read from Terms
}

// WeChat is the merchant at WeChat Pay.
type WeChat struct {
	AppID, MchID, APIKey  string
	ClientCert, ClientKey string // PEM; the certificate's common name is MchID
}

// Alipay is the merchant at Alipay.
type Alipay struct {
	AppID, SellerID string
	Key             *keys.Signer   // the wallet's, for this merchant's answers
	App             *rsa.PublicKey // the merchant's; nil until it was given
	AppPEM          string
}

// UnionPay is the merchant at UnionPay.
type UnionPay struct {
	MerID             string
	SignCert, SignKey string // PEM; the merchant's signing certificate, made by UnionPay's authority
	CertID            string // its serial number, decimal
	Public            *rsa.PublicKey
}

// LoadUnionPay reads what SignCert says.
func LoadUnionPay(merID, certPEM, keyPEM string) (UnionPay, error) {
	block, _ := pem.Decode([]byte(certPEM))
	if block == nil {
		return UnionPay{}, fmt.Errorf("UnionPay certificate of merchant %s: no PEM", merID)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return UnionPay{}, fmt.Errorf("UnionPay certificate of merchant %s: %w", merID, err)
	}
	public, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return UnionPay{}, fmt.Errorf("UnionPay certificate of merchant %s: no RSA key", merID)
	}
	return UnionPay{MerID: merID, SignCert: certPEM, SignKey: keyPEM, CertID: cert.SerialNumber.String(), Public: public}, nil
}

// LogValue keeps the keys out of logs.
func (m *Merchant) LogValue() slog.Value { return slog.StringValue(m.Name) }

// Mint makes a merchant with fresh numbers and keys. It costs three RSA keys, about a second.
func Mint(name string, clients *keys.Authority, unionpay *keys.Chain) (*Merchant, error) {
	m := &Merchant{
		Name:   name,
		WeChat: WeChat{AppID: "wx" + digits(16), MchID: "16" + digits(8), APIKey: (rand.Text() + rand.Text())[:32]},
		Alipay: Alipay{AppID: "2021" + digits(12), SellerID: "2088" + digits(12)},
	}
	var err error
	if m.WeChat.ClientCert, m.WeChat.ClientKey, err = clients.IssueClient(m.WeChat.MchID); err != nil {
		return nil, fmt.Errorf("certificate of merchant %q: %w", name, err)
	}
	private, err := keys.NewRSA()
	if err != nil {
		return nil, fmt.Errorf("key of merchant %q: %w", name, err)
	}
	m.Alipay.Key = keys.NewSigner(private)
	merID := "777" + digits(12)
	cert, key, err := unionpay.IssueMerchant("041@Z2026@" + merID + "@00000001")
	if err != nil {
		return nil, fmt.Errorf("UnionPay certificate of merchant %q: %w", name, err)
	}
	if m.UnionPay, err = LoadUnionPay(merID, cert, key); err != nil {
		return nil, err
	}
	return m, nil
}

func digits(n int64) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
	v, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic("merchant: no randomness: " + err.Error()) // crypto/rand does not fail on Linux
	}
	return fmt.Sprintf("%0*d", int(n), v)
}

// Directory finds merchants. It is safe for concurrent use.
type Directory struct{ now atomic.Pointer[index] }

type index struct {
	names, mchIDs, wechatApps, alipayApps, merIDs map[string]*Merchant
}

// NewDirectory starts with the merchants known from before.
func NewDirectory(known []*Merchant) *Directory {
	ix := &index{map[string]*Merchant{}, map[string]*Merchant{}, map[string]*Merchant{}, map[string]*Merchant{}, map[string]*Merchant{}}
	for _, m := range known {
		ix.put(m)
	}
	d := &Directory{}
	d.now.Store(ix)
	return d
}

func (ix *index) put(m *Merchant) {
	ix.names[m.Name], ix.mchIDs[m.WeChat.MchID] = m, m
	ix.wechatApps[m.WeChat.AppID], ix.alipayApps[m.Alipay.AppID], ix.merIDs[m.UnionPay.MerID] = m, m, m
}

// Put adds a merchant or replaces the one of the same name. One caller at a time.
func (d *Directory) Put(m *Merchant) {
	old := d.now.Load()
	ix := &index{maps.Clone(old.names), maps.Clone(old.mchIDs), maps.Clone(old.wechatApps), maps.Clone(old.alipayApps), maps.Clone(old.merIDs)}
	ix.put(m)
	d.now.Store(ix)
}

// Count is the number of merchants.
func (d *Directory) Count() int { return len(d.now.Load().names) }

// Named finds a merchant by name; nil when there is none.
func (d *Directory) Named(name string) *Merchant { return d.now.Load().names[name] }

// WeChatMch finds a merchant by mch_id.
func (d *Directory) WeChatMch(mchID string) *Merchant { return d.now.Load().mchIDs[mchID] }

// WeChatApp finds a merchant by WeChat appid.
func (d *Directory) WeChatApp(appID string) *Merchant { return d.now.Load().wechatApps[appID] }

// AlipayApp finds a merchant by Alipay app_id.
func (d *Directory) AlipayApp(appID string) *Merchant { return d.now.Load().alipayApps[appID] }

// UnionPayMer finds a merchant by merId.
func (d *Directory) UnionPayMer(merID string) *Merchant { return d.now.Load().merIDs[merID] }
