package hubd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// Config is one hub, as its YAML file says it. Secrets stand in files of their own; here are only
// their names. Relative names are relative to the file.
type Config struct {
	Data     string          `yaml:"data"`                      // folder of the database and the hub's own keys
	Database string          `yaml:"database,omitempty"`        // its file, when another hub's folder holds it; DATA/hub.db when empty
	HTTP     string          `yaml:"http"`                      // host:port of the API and the portal, HTTPS
	MQTT     string          `yaml:"mqtt"`                      // host:port of the terminals' door, MQTT over TLS
	Hosts    []string        `yaml:"hosts"`                     // names and addresses in the hub's certificate
	Terminal string          `yaml:"mqtt_advertised,omitempty"` // what terminals are told to dial; MQTT when empty
	Channels []ChannelConfig `yaml:"channels"`                  // until "cashier-hub channel apply" stored others
	Portal   PortalConfig    `yaml:"portal,omitempty"`
	Offline  []OfflineConfig `yaml:"offline,omitempty"` // what tills may take without a connection; nothing when empty
	Vault    VaultConfig     `yaml:"vault,omitempty"`
	Notices  NoticesConfig   `yaml:"notices,omitempty"`
}

// VaultConfig is how the wallets' keys are kept and used. Where a channel names a key or a certificate,
// it names a file, or "vault:NAME" for one that "cashier-hub key import" sealed.
type VaultConfig struct {
	KEK      string       `yaml:"kek,omitempty"`      // what wraps the keys: file:PATH, credential:NAME or token:LABEL; file:DATA/keys/kek.key when empty
	Previous []string     `yaml:"previous,omitempty"` // what wrapped them before, until "cashier-hub key rekey" is through
	Signing  string       `yaml:"signing,omitempty"`  // RSA with go, openssl, or pkcs11 (the token alone); auto when empty: openssl where it is
	Token    *TokenConfig `yaml:"token,omitempty"`
}

// TokenConfig is a PKCS#11 token.
type TokenConfig struct {
	Module   string `yaml:"module"`             // the library's file
	Label    string `yaml:"label"`              // the token's
	PIN      string `yaml:"pin"`                // where it stands: file:PATH or credential:NAME
	Sessions int    `yaml:"sessions,omitempty"` // calls at once; 1 when 0
}

// ChannelConfig is one way to a wallet.
type ChannelConfig struct {
	Name     string        `yaml:"name"`
	Merchant string        `yaml:"merchant,omitempty"` // whose; every merchant's when empty
	Wallet   pay.Wallet    `yaml:"wallet"`
	URL      string        `yaml:"url,omitempty"`     // the wallet's base URL (WeChat, UnionPay) or gateway (Alipay)
	CAFile   string        `yaml:"ca_file,omitempty"` // who vouches for the wallet's host; the system's when empty
	WeChat   *WeChatConfig `yaml:"wechat_v2,omitempty"`

	NotifyURL string          `yaml:"notify_url,omitempty"` // where the wallet posts its notices; notices.url and a word of this channel's own when empty
	WeChatV3  *WeChatV3Config `yaml:"wechat_v3,omitempty"`
	Alipay    *AlipayConfig   `yaml:"alipay,omitempty"`

	UnionPay *UnionPayConfig `yaml:"unionpay,omitempty"`

	Route RouteConfig `yaml:",inline"` // weight, fee_ppm, at_once, maintenance, breaker, pace
}

// WeChatConfig is a WeChat Pay v2 merchant.
type WeChatConfig struct {
	AppID    string `yaml:"appid"`
	MchID    string `yaml:"mch_id"`
	SubMchID string `yaml:"sub_mch_id,omitempty"` // the merchant that mch_id, a service provider, stands for
	SubAppID string `yaml:"sub_appid,omitempty"`  // its appid, when it has one
	SignType string `yaml:"sign_type,omitempty"`  // HMAC-SHA256 or MD5
	APIKey   string `yaml:"api_key"`              // the APIv2 key: a file or vault:NAME
	Cert     string `yaml:"cert"`                 // the merchant's certificate, for reversals
	Key      string `yaml:"key"`
	DeviceIP string `yaml:"device_ip"`
}

// AlipayConfig is an Alipay application.
type AlipayConfig struct {
	AppID     string `yaml:"app_id"`
	SellerID  string `yaml:"seller_id"`
	Key       string `yaml:"key"`                  // the application's RSA key
	WalletKey string `yaml:"wallet_key,omitempty"` // Alipay's public key; not in certificate mode

	AppCert      string `yaml:"app_cert,omitempty"`       // certificate mode: the application's certificate
	WalletCert   string `yaml:"wallet_cert,omitempty"`    // Alipay's, with who vouches for it
	RootFile     string `yaml:"root_file,omitempty"`      // alipayRootCert.crt, whole
	ContentKey   string `yaml:"content_key,omitempty"`    // AES key of the contents, in base64
	AppAuthToken string `yaml:"app_auth_token,omitempty"` // of the merchant that a service provider acts for
	SubMerchant  string `yaml:"sub_merchant,omitempty"`   // its number below a provider that collects for it
}

// UnionPayConfig is a merchant at UnionPay's gateway 5.1.0.
type UnionPayConfig struct {
	MerID       string   `yaml:"mer_id"`
	TermID      string   `yaml:"term_id,omitempty"`      // 8 digits, as registered at UnionPay
	ChannelType string   `yaml:"channel_type,omitempty"` // 07 or 08
	FileURL     string   `yaml:"file_url,omitempty"`     // where settlement files are; no bills when empty
	BackURL     string   `yaml:"back_url,omitempty"`     // where notices go; notify_url when empty, nobody's address without one
	Void        bool     `yaml:"void,omitempty"`         // all of a payment goes back on its own day by an undo (31), not by a refund
	Key         string   `yaml:"key"`                    // the merchant's signing key, RSA
	Cert        string   `yaml:"cert"`                   // its certificate
	RootFile    string   `yaml:"root_file"`              // UnionPay's, who vouch for the certificates in answers
	MiddleFiles []string `yaml:"middle_files,omitempty"`
	Signer      string   `yaml:"signer,omitempty"` // third part of the name in them; production's when empty, 00040000:SIGN in tests
}

// PortalConfig is the one account of the operations page; the page is off without it.
type PortalConfig struct {
	User         string `yaml:"user,omitempty"`
	PasswordFile string `yaml:"password_file,omitempty"` // holds the hash, not the password
}

// LoadConfig reads and checks a file. It names every fault, each with its key.
func LoadConfig(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fault.Wrap(err, fault.NotFound, "config.missing", "cannot read the configuration: give a file with --config")
	}
	if err := yaml.UnmarshalWithOptions(data, &c, yaml.Strict()); err != nil {
		return c, fault.New(fault.Invalid, "config.form", "%s: %s", path, yaml.FormatError(err, false, true))
	}
	c.rebase(filepath.Dir(path))
	return c, c.Validate()
}

// DatabaseFile is where the records are.
func (c Config) DatabaseFile() string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.Data, "hub.db")
}

// Save writes the configuration for LoadConfig.
func (c Config) Save(path string) error {
	data, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return WriteFile(path, data)
}

func (c *Config) rebase(dir string) {
	files := []*string{&c.Data, &c.Database, &c.Portal.PasswordFile, &c.Notices.Cert, &c.Notices.Key}
	for i := range c.Channels {
		ch := &c.Channels[i]
		files = append(files, &ch.CAFile)
		if w := ch.WeChat; w != nil {
			files = append(files, &w.APIKey, &w.Cert, &w.Key)
		}
		if w := ch.WeChatV3; w != nil {
			files = append(files, &w.APIKey, &w.Cert, &w.Key)
			for i := range w.PublicKeys {
				files = append(files, &w.PublicKeys[i].Key)
			}
		}
		if a := ch.Alipay; a != nil {
			files = append(files, &a.Key, &a.WalletKey, &a.AppCert, &a.WalletCert, &a.RootFile, &a.ContentKey, &a.AppAuthToken)
		}
		if u := ch.UnionPay; u != nil {
			files = append(files, &u.Key, &u.Cert, &u.RootFile)
			for i := range u.MiddleFiles {
				files = append(files, &u.MiddleFiles[i])
			}
		}
	}
	for _, f := range files {
		if _, sealed := strings.CutPrefix(*f, inVault); *f != "" && !sealed && !filepath.IsAbs(*f) {
			*f = filepath.Join(dir, *f)
		}
	}
	places := []*string{&c.Vault.KEK}
	for i := range c.Vault.Previous {
		places = append(places, &c.Vault.Previous[i])
	}
	if c.Vault.Token != nil {
		places = append(places, &c.Vault.Token.PIN)
	}
	for _, p := range places {
		if path, ok := strings.CutPrefix(*p, inFile); ok && !filepath.IsAbs(path) {
			*p = inFile + filepath.Join(dir, path)
		}
	}
}

// fits reports that the channel says what its wallet needs, and nothing of another's.
func (c ChannelConfig) fits() bool {
	sets := map[pay.Wallet]bool{pay.WeChat: (c.WeChat != nil) != (c.WeChatV3 != nil), pay.Alipay: c.Alipay != nil, pay.UnionPay: c.UnionPay != nil, pay.StoredValue: true}
	own := sets[c.Wallet]
	delete(sets, c.Wallet)
	if c.Wallet != pay.WeChat && (c.WeChat != nil || c.WeChatV3 != nil) {
		return false
	}
	return own && !sets[pay.WeChat] && !sets[pay.Alipay] && !sets[pay.UnionPay]
}

// faults are everything that is wrong, each with its key before a colon.
func (c Config) faults() (faults []error) {
	bad := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Data == "" {
		bad("data", "name a folder")
	}
	for key, addr := range map[string]string{"http": c.HTTP, "mqtt": c.MQTT} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			bad(key, "%q is no host:port", addr)
		}
	}
	if len(c.Hosts) == 0 {
		bad("hosts", "list the names and addresses clients dial")
	}
	names := map[string]bool{}
	for i, ch := range c.Channels {
		key := fmt.Sprintf("channels[%d]", i)
		if ch.Name == "" || names[ch.Name] {
			bad(key+".name", "give each channel a name of its own")
		}
		names[ch.Name] = true
		if (ch.URL == "") != (ch.Wallet == pay.StoredValue) {
			bad(key+".url", "name the wallet's URL; stored value is the hub's own and has none")
		}
		ch.Route.check(key, bad)
		if !ch.fits() {
			bad(key, "a wechat channel has wechat_v2 or wechat_v3, an alipay channel has alipay, a unionpay channel has unionpay, a storedvalue channel none of them, and nothing else")
		}
	}
	if len(c.Offline) > 0 && !c.hasStoredValue() {
		bad("offline", "nothing but stored value is taken offline: add a channel of wallet storedvalue")
	}
	for i, o := range c.Offline {
		if _, err := o.policy("trm", time.Unix(1, 0)); err != nil || o.Collect < time.Second {
			bad(fmt.Sprintf("offline[%d]", i), "per_sale, count, sum, age, valid and collect are above zero, and at least a second: fen, sales, fen, and times like 24h")
		}
	}
	c.Vault.validate(bad)
	c.validateNotices(bad)
	return faults
}

// Validate names everything that is wrong, each fault with its key.
func (c Config) Validate() error {
	faults := c.faults()
	if len(faults) == 0 {
		return nil
	}
	return fault.Wrap(errors.Join(faults...), fault.Invalid, "config.values", "the configuration needs mending")
}
