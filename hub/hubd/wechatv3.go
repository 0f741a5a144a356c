package hubd

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/wechatv3"
)

// WeChatV3Config is a WeChat Pay merchant at API v3, or a partner with one of its merchants.
type WeChatV3Config struct {
	AppID    string `yaml:"appid"`
	MchID    string `yaml:"mch_id"`
	SubAppID string `yaml:"sub_appid,omitempty"`  // a partner's: its merchant's
	SubMchID string `yaml:"sub_mch_id,omitempty"` // likewise; with it appid and mch_id are the partner's
	APIKey   string `yaml:"api_key"`              // the APIv3 key: a file or vault:NAME
	Cert     string `yaml:"cert"`                 // the merchant's API certificate; its serial number names the key
	Key      string `yaml:"key"`                  // the certificate's key, which signs
	DeviceIP string `yaml:"device_ip"`

	PublicKeys   []WeChatPublicKey `yaml:"public_keys,omitempty"`           // WeChat Pay's; the first is asked for
	Certificates bool              `yaml:"platform_certificates,omitempty"` // download those, too; both during a change

	Codepay          bool `yaml:"codepay,omitempty"`           // charge payment codes by v3, where WeChat Pay allows it
	UnsignedRefusals bool `yaml:"unsigned_refusals,omitempty"` // believe a 4xx that TLS alone vouches for
	Gzip             bool `yaml:"gzip_bills,omitempty"`
}

// WeChatPublicKey is a key that WeChat Pay signs with.
type WeChatPublicKey struct {
	ID  string `yaml:"id"`  // PUB_KEY_ID_…
	Key string `yaml:"key"` // a file or vault:NAME
}

func openWeChatV3(url, notifyURL string, w *WeChatV3Config, keys chest, roots *x509.CertPool, now func() time.Time, nonce func() string) (channel.Channel, error) {
	apiKey, err := keys.secret(w.APIKey)
	if err != nil {
		return nil, err
	}
	cert, err := keys.certificate(w.Cert, w.Key)
	if err != nil {
		return nil, err
	}
	var publics []wechatv3.PublicKey
	for _, p := range w.PublicKeys {
		list, err := keys.publics(p.Key)
		if err != nil {
			return nil, err
		}
		publics = append(publics, wechatv3.PublicKey{ID: p.ID, Key: list[0]}) // another key has another name
	}
	return wechatv3.New(wechatv3.Config{BaseURL: url, AppID: w.AppID, MchID: w.MchID, Sub: wechatv3.Sub{AppID: w.SubAppID, MchID: w.SubMchID},
		Key:    cert.PrivateKey.(crypto.Signer), // certificate() put one there
		Serial: fmt.Sprintf("%X", cert.Leaf.SerialNumber), APIKey: apiKey, PublicKeys: publics, Certificates: w.Certificates,
		NotifyURL: notifyURL, Codepay: w.Codepay, UnsignedRefusals: w.UnsignedRefusals, Gzip: w.Gzip,
		RootCAs: roots, DeviceIP: w.DeviceIP, Now: now, Nonce: nonce})
}
