package hubd

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

// openChannels makes a connector for each configured channel.
func openChannels(configs []ChannelConfig, v *vault.Vault, now func() time.Time, random io.Reader) ([]engine.Way, error) {
	var ways []engine.Way
	for _, c := range configs {
		ch, err := openChannel(c, chest{v, c}, now, random)
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", c.Name, err)
		}
		ways = append(ways, engine.Way{Name: c.Name, Merchant: c.Merchant, Wallet: c.Wallet, Channel: ch})
	}
	return ways, nil
}

func openChannel(c ChannelConfig, keys chest, now func() time.Time, random io.Reader) (channel.Channel, error) {
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
	w := c.WeChat
	apiKey, err := keys.secret(w.APIKey)
	if err != nil {
		return nil, err
	}
	cert, err := keys.certificate(w.Cert, w.Key)
	if err != nil {
		return nil, err
	}
	nonce := func() string {
		raw := make([]byte, 18)
		if _, err := io.ReadFull(random, raw); err != nil {
			panic("no randomness: " + err.Error())
		}
		return strings.NewReplacer("-", "0", "_", "1").Replace(base64.RawURLEncoding.EncodeToString(raw))
	}
	return wechat.New(wechat.Config{BaseURL: c.URL, AppID: w.AppID, MchID: w.MchID, APIKey: apiKey,
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
