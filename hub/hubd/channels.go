package hubd

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"io"
	"os"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// openChannel makes a channel's connector.
func (h *Hub) openChannel(c ChannelConfig) (channel.Channel, error) {
	if c.Wallet == pay.StoredValue {
		return h.storedValue(), nil
	}
	c.NotifyURL = h.notifyURL(c)
	return openWallet(c, chest{h.wallets.vault, c}, h.deps.Now, h.deps.Random)
}

func openWallet(c ChannelConfig, keys chest, now func() time.Time, random io.Reader) (channel.Channel, error) {
	roots, err := rootsFrom(c.CAFile)
	if err != nil {
		return nil, err
	}
	if a := c.Alipay; a != nil {
		return openAlipay(c.URL, c.NotifyURL, a, keys, roots, now)
	}
	if u := c.UnionPay; u != nil {
		own := *u
		if own.BackURL == "" {
			own.BackURL = c.NotifyURL
		}
		return openUnionPay(c.URL, &own, keys, roots, now)
	}
	nonce := nonces(random)
	if w := c.WeChatV3; w != nil {
		return openWeChatV3(c.URL, c.NotifyURL, w, keys, roots, now, nonce)
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
	return wechat.New(wechat.Config{BaseURL: c.URL, AppID: w.AppID, MchID: w.MchID, SubMchID: w.SubMchID, SubAppID: w.SubAppID, APIKey: apiKey,
		SignType: w.SignType, ClientCert: cert, RootCAs: roots, DeviceIP: w.DeviceIP, NotifyURL: c.NotifyURL, Now: now, Nonce: nonce})
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
	return unionpay.New(unionpay.Config{BaseURL: url, FileURL: u.FileURL, MerID: u.MerID, TermID: u.TermID, ChannelType: u.ChannelType, BackURL: u.BackURL, Void: u.Void,
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
