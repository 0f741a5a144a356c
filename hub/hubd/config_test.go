package hubd_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/pay"
)

// TestConfigOfEveryWallet writes a configuration and reads it back: numbers with leading zeros stay
// text, and relative names are relative to the file.
func TestConfigOfEveryWallet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hub.yaml")
	in := func(name string) string { return filepath.Join(dir, name) }
	c := hubd.Config{Data: in("data"), HTTP: "127.0.0.1:1", MQTT: "127.0.0.1:2", Hosts: []string{"localhost"}, Channels: []hubd.ChannelConfig{
		{Name: "w", Wallet: pay.WeChat, URL: "https://w", WeChat: &hubd.WeChatConfig{AppID: "wx1", MchID: "0123", APIKey: in("a"), Cert: in("b"), Key: "vault:w/client", DeviceIP: "::1"}},
		{Name: "w3", Wallet: pay.WeChat, URL: "https://w", WeChatV3: &hubd.WeChatV3Config{AppID: "wx1", MchID: "0123", SubMchID: "0456", APIKey: "vault:w3/api", Cert: in("k"), Key: in("l"),
			DeviceIP: "::1", PublicKeys: []hubd.WeChatPublicKey{{ID: "PUB_KEY_ID_0123456789", Key: in("m")}}, Certificates: true, Codepay: true}},
		{Name: "a", Wallet: pay.Alipay, URL: "https://a", Alipay: &hubd.AlipayConfig{AppID: "0123", SellerID: "2088", Key: in("d"), WalletKey: "vault:a/wallet"}},
		{Name: "u", Wallet: pay.UnionPay, URL: "https://u", UnionPay: &hubd.UnionPayConfig{MerID: "012345678901234", TermID: "00000017", ChannelType: "08",
			Key: "vault:u/sign", Cert: in("g"), RootFile: in("h"), MiddleFiles: []string{in("i"), in("j")}, Signer: "00040000:SIGN"}},
		{Name: "s", Wallet: pay.StoredValue},
	}, Notices: hubd.NoticesConfig{Listen: ":8443", URL: "https://pay.example.com", Cert: in("n.pem"), Key: in("n.key")}}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := hubd.LoadConfig(path)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("read back as %+v, %v", got, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), dir+"/", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := hubd.LoadConfig(path); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("with relative names: %+v, %v", got, err)
	}
	for name, change := range map[string]func(*hubd.ChannelConfig){
		"none":           func(c *hubd.ChannelConfig) { c.UnionPay = nil },
		"one too many":   func(c *hubd.ChannelConfig) { c.Alipay = &hubd.AlipayConfig{} },
		"another's":      func(c *hubd.ChannelConfig) { c.UnionPay, c.WeChat = nil, &hubd.WeChatConfig{} },
		"stored value's": func(c *hubd.ChannelConfig) { c.Wallet, c.URL = pay.StoredValue, "" },
		"no URL":         func(c *hubd.ChannelConfig) { c.URL = "" },
		"both WeChats": func(c *hubd.ChannelConfig) {
			c.Wallet, c.UnionPay, c.WeChat, c.WeChatV3 = pay.WeChat, nil, &hubd.WeChatConfig{}, &hubd.WeChatV3Config{}
		},
		"nobody's name": func(c *hubd.ChannelConfig) { c.Wallet = "qq" },
	} {
		bad := c
		bad.Channels = append([]hubd.ChannelConfig{}, c.Channels...)
		change(&bad.Channels[3])
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "channels[3]") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
