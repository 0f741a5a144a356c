package hubd

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// TestWeChatV3sKeysAreInTheVault: the APIv3 key, the certificate that gives the serial number, its key, and WeChat Pay's
// public key, each sealed; key and certificate must belong together, and one way to verify must be configured.
func TestWeChatV3sKeysAreInTheVault(t *testing.T) {
	key := testKeys()[0]
	template := &x509.Certificate{SerialNumber: big.NewInt(0x1122334455667788), Subject: pkix.Name{CommonName: "1230000109"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(&testKeys()[1].PublicKey)
	must(t, err)
	cfg := vaultConfig(t)
	w := &WeChatV3Config{AppID: "wx1", MchID: "1230000109", APIKey: "vault:w/api", Cert: "vault:w/cert", Key: "vault:w/sign", DeviceIP: "127.0.0.1",
		PublicKeys: []WeChatPublicKey{{ID: "PUB_KEY_ID_0123456789", Key: "vault:w/public"}}}
	cfg.Channels = append(cfg.Channels, ChannelConfig{Name: "w", Wallet: pay.WeChat, URL: "https://127.0.0.1:1", WeChatV3: w})
	wantCode(t, opens(cfg, testDeps()), "vault.unknown")
	sealed := func(name, kind string, text []byte) KeyInput {
		return KeyInput{Name: "w/" + name, Kind: kind, Channel: "w", Text: text, By: "test"}
	}
	must(t, KeepKeys(cfg, testDeps(), append(alipayKeys(t), sealed("api", "secret", []byte(strings.Repeat("a1", 16))), sealed("sign", "rsa", privatePEM(key)),
		sealed("cert", "certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		sealed("public", "public", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))))
	must(t, opens(cfg, testDeps()))
	keys := w.PublicKeys
	w.PublicKeys = nil
	wantCode(t, opens(cfg, testDeps()), "wechatv3.config")
	w.Certificates = true
	must(t, opens(cfg, testDeps()))
	w.PublicKeys, w.Key = keys, "vault:a/app"
	if err := opens(cfg, testDeps()); fault.CodeOf(err) != "vault.foreign" {
		t.Errorf("another channel's key: %v", err)
	}
}
