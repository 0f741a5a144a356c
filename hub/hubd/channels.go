package hubd

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// openChannels makes a connector for each configured channel.
func (h *Hub) openChannels() ([]engine.Way, error) {
	var ways []engine.Way
	for _, c := range h.cfg.Channels {
		ch, err := h.openChannel(c)
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", c.Name, err)
		}
		ways = append(ways, engine.Way{Name: c.Name, Merchant: c.Merchant, Wallet: c.Wallet, Channel: ch})
	}
	return ways, nil
}

func (h *Hub) openChannel(c ChannelConfig) (channel.Channel, error) {
	if c.Wallet == pay.StoredValue {
		return h.storedValue(), nil
	}
	return openWallet(c, chest{h.wallets.vault, c}, h.deps.Now, h.deps.Random)
}

func openWallet(c ChannelConfig, keys chest, now func() time.Time, random io.Reader) (channel.Channel, error) {
	roots, err := rootsFrom(c.CAFile)
	if err != nil {
		return nil, err
	}
	if a := c.Alipay; a != nil {
		key, err := keys.signer(a.Key)
		if err != nil {
			return nil, err
		}
		wallet, err := keys.publics(a.WalletKey)
		if err != nil {
			return nil, err
		}
		return alipay.New(alipay.Config{GatewayURL: c.URL, AppID: a.AppID, SellerID: a.SellerID, PrivateKey: key, WalletKey: wallet[0], FormerKeys: wallet[1:],
			RootCAs: roots, Now: now})
	}
	if u := c.UnionPay; u != nil {
		return openUnionPay(c.URL, u, keys, roots, now)
	}
	nonce := nonces(random)
	if w := c.WeChatV3; w != nil {
		return openWeChatV3(c.URL, w, keys, roots, now, nonce)
	}
	w := c.WeChat
	apiKey, err := keys.secret(w.APIKey)
	if err != nil {
		return nil, err
	}
	cert, err := keys.certificate(w.Cert, w.Key)
	if err != nil {
		return nil, err
	}
	return wechat.New(wechat.Config{BaseURL: c.URL, AppID: w.AppID, MchID: w.MchID, APIKey: apiKey,
		SignType: w.SignType, ClientCert: cert, RootCAs: roots, DeviceIP: w.DeviceIP, Now: now, Nonce: nonce})
}

// nonces makes what WeChat Pay wants never to see twice: 24 letters and digits.
func nonces(random io.Reader) func() string {
	return func() string {
		raw := make([]byte, 18)
		if _, err := io.ReadFull(random, raw); err != nil {
			panic("no randomness: " + err.Error())
		}
		return strings.NewReplacer("-", "0", "_", "1").Replace(base64.RawURLEncoding.EncodeToString(raw))
	}
}

func openUnionPay(url string, u *UnionPayConfig, keys chest, roots *x509.CertPool, now func() time.Time) (channel.Channel, error) {
	cert, err := keys.certificate(u.Cert, u.Key)
	if err != nil {
		return nil, err
	}
	signRoots, err := rootsFrom(u.RootFile)
	if err != nil {
		return nil, err
	}
	var middle []*x509.Certificate
	for _, file := range u.MiddleFiles {
		chain, err := certificates(file)
		if err != nil {
			return nil, err
		}
		for _, der := range chain {
			m, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "config.cert", "%s holds a certificate that cannot be read", file)
			}
			middle = append(middle, m)
		}
	}
	return unionpay.New(unionpay.Config{BaseURL: url, MerID: u.MerID, TermID: u.TermID, ChannelType: u.ChannelType, BackURL: u.BackURL,
		PrivateKey: cert.PrivateKey.(crypto.Signer), // certificate() put one there
		Cert:       cert.Leaf, SignRoots: signRoots, SignMiddle: middle, Signer: u.Signer, RootCAs: roots, Now: now})
}

func unreadable(err error, path string) error {
	return fault.Wrap(err, fault.Invalid, "config.file", "cannot read %s, which the configuration names", path)
}

func rootsFrom(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, path)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fault.New(fault.Invalid, "config.ca", "%s holds no certificate", path)
	}
	return pool, nil
}
