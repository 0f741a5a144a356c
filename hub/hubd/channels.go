package hubd

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
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
	return openWallet(c, h.deps.Now, h.deps.Random)
}

func openWallet(c ChannelConfig, now func() time.Time, random io.Reader) (channel.Channel, error) {
	roots, err := rootsFrom(c.CAFile)
	if err != nil {
		return nil, err
	}
	if a := c.Alipay; a != nil {
		key, err := rsaKey(a.KeyFile)
		if err != nil {
			return nil, err
		}
		wallet, err := rsaPublicKey(a.WalletKeyFile)
		if err != nil {
			return nil, err
		}
		return alipay.New(alipay.Config{GatewayURL: c.URL, AppID: a.AppID, SellerID: a.SellerID, PrivateKey: key, WalletKey: wallet,
			RootCAs: roots, Now: now})
	}
	w := c.WeChat
	apiKey, err := os.ReadFile(w.APIKeyFile)
	if err != nil {
		return nil, unreadable(err, w.APIKeyFile)
	}
	cert, err := tls.LoadX509KeyPair(w.CertFile, w.KeyFile)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "channel.cert", "cannot use the merchant certificate %s", w.CertFile)
	}
	nonce := func() string {
		raw := make([]byte, 18)
		if _, err := io.ReadFull(random, raw); err != nil {
			panic("no randomness: " + err.Error())
		}
		return strings.NewReplacer("-", "0", "_", "1").Replace(base64.RawURLEncoding.EncodeToString(raw))
	}
	return wechat.New(wechat.Config{BaseURL: c.URL, AppID: w.AppID, MchID: w.MchID, APIKey: strings.TrimSpace(string(apiKey)),
		SignType: w.SignType, ClientCert: cert, RootCAs: roots, DeviceIP: w.DeviceIP, Now: now, Nonce: nonce})
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

func block(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, path)
	}
	b, _ := pem.Decode(data)
	if b == nil {
		return nil, fault.New(fault.Invalid, "config.pem", "%s is no PEM file", path)
	}
	return b.Bytes, nil
}

func rsaKey(path string) (crypto.Signer, error) {
	der, err := block(path)
	if err != nil {
		return nil, err
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if rsaKey, ok := key.(*rsa.PrivateKey); ok {
			return rsaKey, nil
		}
	}
	return nil, fault.New(fault.Invalid, "config.key", "%s holds no RSA private key (PKCS#1 or PKCS#8)", path)
}

func rsaPublicKey(path string) (*rsa.PublicKey, error) {
	der, err := block(path)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if public, ok := key.(*rsa.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, fault.New(fault.Invalid, "config.key", "%s holds no RSA public key", path)
}
