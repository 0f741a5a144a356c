package hubd

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// TestUnionPaysKeysAreInTheVault: a hub with every kind of channel opens, the doctor says that each can
// sign, and UnionPay's key must be its certificate's.
func TestUnionPaysKeysAreInTheVault(t *testing.T) {
	key := testKeys()[0]
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "041@Z@m@1"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	cfg := vaultConfig(t)
	root := filepath.Join(cfg.Data, "root.pem")
	must(t, os.WriteFile(root, chain, 0o600))
	u := &UnionPayConfig{MerID: "777290058110048", Key: "vault:u/sign", Cert: "vault:u/cert", RootFile: root, MiddleFiles: []string{root}}
	cfg.Channels = append(cfg.Channels, ChannelConfig{Name: "u", Wallet: pay.UnionPay, URL: "https://127.0.0.1:1/gateway/api", UnionPay: u},
		ChannelConfig{Name: "s", Wallet: pay.StoredValue})
	wantCode(t, opens(cfg, testDeps()), "vault.unknown")
	must(t, KeepKeys(cfg, testDeps(), append(alipayKeys(t), KeyInput{Name: "u/sign", Kind: "rsa", Channel: "u", Text: privatePEM(key), By: "test"},
		KeyInput{Name: "u/cert", Kind: "certificate", Channel: "u", Text: chain, By: "test"})))
	must(t, opens(cfg, testDeps()))
	file := filepath.Join(cfg.Data, "hub.yaml")
	must(t, cfg.Save(file))
	keysOf := func() (f Finding) {
		for _, f = range Examine(t.Context(), file, testDeps()) {
			if f.Check == "channel keys" {
				return f
			}
		}
		t.Fatal("the doctor did not look at the channels' keys")
		return f
	}
	if f := keysOf(); f.State != "ok" || !strings.HasPrefix(f.Detail, "3 channels") {
		t.Errorf("doctor: %+v", f)
	}
	// Another channel's key, and one that the certificate does not belong to.
	u.Key = "vault:a/app"
	wantCode(t, opens(cfg, testDeps()), "vault.foreign")
	u.Key = "vault:u/sign"
	_, err = RotateKey(cfg, testDeps(), KeyInput{Name: "u/sign", Kind: "rsa", Text: privatePEM(testKeys()[1]), By: "test"})
	must(t, err)
	if err := opens(cfg, testDeps()); fault.CodeOf(err) != "channel.cert" || !strings.Contains(err.Error(), "channel u") {
		t.Errorf("a certificate of another key: %v", err)
	}
	if f := keysOf(); f.State != "fail" || !strings.Contains(f.Detail, "channel u") {
		t.Errorf("doctor: %+v", f)
	}
}
