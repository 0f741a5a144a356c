package vault_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/vault"
)

// TestARowOpensOnlyWhereItBelongs changes one thing at a time behind the vault's back.
func TestARowOpensOnlyWhereItBelongs(t *testing.T) {
	s, _ := newSafe(t)
	keys := testKeys()
	importKey(t, s, appRef, pkcs1(keys[0]))
	importKey(t, s, vault.Ref{Name: "other", Merchant: "mer_1", Channel: "alipay-1"}, pkcs1(keys[1]))
	_, err := s.Rotate("other", pkcs1(keys[2]), "test")
	must(t, err)
	honest := s.Records
	flip := func(b []byte, i int) { b[i] ^= 1 }
	for name, change := range map[string]func(r []vault.Record){ // alipay/app, other/1, other/2
		"merchant":        func(r []vault.Record) { r[0].Merchant = "mer_2" },
		"channel":         func(r []vault.Record) { r[0].Channel = "alipay-2" },
		"name":            func(r []vault.Record) { r[0].Name = "alipay/app2" },
		"version":         func(r []vault.Record) { r[0].Version = 2 },
		"kind":            func(r []vault.Record) { r[0].Kind = vault.Secret },
		"state":           func(r []vault.Record) { r[1].State, r[2].State = vault.Active, vault.VerifyOnly },
		"public half":     func(r []vault.Record) { r[0].Public = r[1].Public },
		"borders moved":   func(r []vault.Record) { r[0].Merchant, r[0].Channel = "mer_1a", "lipay-1" },
		"swapped bytes":   func(r []vault.Record) { r[0].Sealed, r[1].Sealed = r[1].Sealed, r[0].Sealed },
		"swapped keys":    func(r []vault.Record) { r[0].DEK, r[1].DEK = r[1].DEK, r[0].DEK },
		"swapped both":    func(r []vault.Record) { r[0].DEK, r[0].Sealed = r[1].DEK, r[1].Sealed },
		"earlier version": func(r []vault.Record) { r[2].DEK, r[2].Sealed = r[1].DEK, r[1].Sealed },
		"first byte":      func(r []vault.Record) { flip(r[0].Sealed, 0) },
		"some byte":       func(r []vault.Record) { flip(r[0].Sealed, 500) },
		"last byte":       func(r []vault.Record) { flip(r[0].Sealed, len(r[0].Sealed)-1) },
		"DEK's byte":      func(r []vault.Record) { flip(r[0].DEK, 20) },
		"cut":             func(r []vault.Record) { r[0].Sealed = r[0].Sealed[:20] },
		"DEK cut":         func(r []vault.Record) { r[0].DEK = r[0].DEK[:5] },
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.Records = altered{honest, change}
			_, err := vault.Open(&s, goBackend(), vault.NewPool(vault.PoolConfig{}, time.Now))
			wantCode(t, err, "vault.sealed")
		})
	}
	s.KEKs = []vault.KEK{newKEK(t)}
	_, err = vault.Open(s, goBackend(), vault.NewPool(vault.PoolConfig{}, time.Now))
	wantCode(t, err, "vault.kek")
}

func TestAKeyServesItsChannelAlone(t *testing.T) {
	s, _ := newSafe(t)
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	importKey(t, s, apiRef, secret(apiKey))
	v := openVault(t, s, goBackend())
	for _, ref := range []vault.Ref{{Name: appRef.Name, Merchant: "mer_2", Channel: appRef.Channel},
		{Name: appRef.Name, Merchant: appRef.Merchant, Channel: "alipay-2"}, apiRef} {
		_, err := v.Signer(ref)
		wantCode(t, err, "vault.foreign")
	}
	_, err := v.Secret(vault.Ref{Name: apiRef.Name, Merchant: apiRef.Merchant, Channel: "wechat-2"})
	wantCode(t, err, "vault.foreign")
	_, err = v.Secret(vault.Ref{Name: "nobody's", Channel: "x"})
	wantCode(t, err, "vault.unknown")
	if got, err := v.Secret(apiRef); err != nil || got != apiKey {
		t.Errorf("Secret = %v, %v", len(got), err)
	}
}

func TestSignaturesOfEachBackend(t *testing.T) {
	s, _ := newSafe(t)
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	for _, b := range backends(t) {
		t.Run(b.Name(), func(t *testing.T) {
			signer, err := openVault(t, s, b).Signer(appRef)
			must(t, err)
			if !testKeys()[0].PublicKey.Equal(signer.Public()) {
				t.Fatal("another public key")
			}
			for _, opts := range []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}} {
				sign, err := signer.Sign(nil, digest[:], opts)
				if err != nil || signedBy(sign, opts) != 0 {
					t.Errorf("%T: %v, signed by %d", opts, err, signedBy(sign, opts))
				}
			}
			_, err = signer.Sign(nil, digest[:20], crypto.SHA1)
			wantCode(t, err, "vault.hash")
			_, err = signer.Sign(nil, digest[:31], crypto.SHA256)
			wantCode(t, err, "vault.hash")
			if _, err := b.Load([]byte("no key")); err == nil {
				t.Error("bytes that are no key were loaded")
			}
			if _, err := b.Load(nil); err == nil {
				t.Error("nothing was loaded")
			}
		})
	}
}

// TestRotation follows a key through its life, under signatures that never stop.
func TestRotation(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.Name(), func(t *testing.T) { rotation(t, b) })
	}
}

func rotation(t *testing.T, b vault.Backend) {
	s, _ := newSafe(t)
	keys := testKeys()
	importKey(t, s, appRef, pkcs1(keys[0]))
	v := openVault(t, s, b)
	signer, err := v.Signer(appRef)
	must(t, err)
	quit, done := make(chan struct{}), make(chan error, 2)
	for range cap(done) {
		go func() {
			for {
				select {
				case <-quit:
					done <- nil
					return
				default:
					if sign, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil || signedBy(sign, crypto.SHA256) < 0 {
						done <- fmt.Errorf("during the rotation: %w", err)
						return
					}
				}
			}
		}()
	}
	signs := func() int {
		sign, err := signer.Sign(nil, digest[:], crypto.SHA256)
		must(t, err)
		return signedBy(sign, crypto.SHA256)
	}
	r, err := s.Rotate(appRef.Name, pkcs1(keys[1]), "test")
	must(t, err)
	if r.Version != 2 || signs() != 0 {
		t.Errorf("version %d; before the hub looked, %d signs", r.Version, signs())
	}
	must(t, v.Refresh())
	if signs() != 1 || !keys[1].PublicKey.Equal(signer.Public()) {
		t.Error("the new version does not sign")
	}
	publics, err := v.Publics(appRef, vault.RSA)
	must(t, err)
	if len(publics) != 2 || !publics[0].Equal(&keys[1].PublicKey) || !publics[1].Equal(&keys[0].PublicKey) {
		t.Errorf("%d keys verify in the overlap", len(publics))
	}
	if again, err := s.Rotate(appRef.Name, pkcs1(keys[1]), "test"); err != nil || again.Version != 2 {
		t.Errorf("the same rotation again: %v, %v", again, err)
	}
	_, err = s.Rotate(appRef.Name, pkcs1(keys[0]), "test")
	wantCode(t, err, "vault.again")
	_, err = s.Retire(appRef.Name, 1, "test")
	must(t, err)
	must(t, v.Refresh())
	if publics, err = v.Publics(appRef, vault.RSA); err != nil || len(publics) != 1 {
		t.Errorf("%d keys verify after the old one was retired: %v", len(publics), err)
	}
	close(quit)
	for range cap(done) {
		must(t, <-done)
	}
	_, err = s.Retire(appRef.Name, 2, "test")
	must(t, err)
	must(t, v.Refresh())
	if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err == nil {
		t.Error("a retired key signs")
	}
	list, err := s.Records.WalletKeys()
	must(t, err)
	for _, r := range list {
		if r.State != vault.Retired || len(r.DEK)+len(r.Sealed) != 0 {
			t.Errorf("%v keeps %d bytes", r, len(r.DEK)+len(r.Sealed))
		}
	}
	revived := list[1]
	revived.State, revived.DEK, revived.Sealed = vault.Active, []byte{1}, []byte{1}
	if err := s.Records.ChangeWalletKeys(list, []vault.Record{revived}, "test"); err == nil {
		t.Error("a retired row was revived")
	}
}

// TestAVersionThatDoesNotOpen must not stop the shops; a retired one must.
func TestAVersionThatDoesNotOpen(t *testing.T) {
	s, _ := newSafe(t)
	keys := testKeys()
	importKey(t, s, appRef, pkcs1(keys[0]))
	v := openVault(t, s, goBackend())
	signer, err := v.Signer(appRef)
	must(t, err)
	elsewhere := *s
	elsewhere.KEKs = append([]vault.KEK{newKEK(t)}, s.KEKs...) // a KEK that this hub does not have
	_, err = elsewhere.Rotate(appRef.Name, pkcs1(keys[1]), "test")
	must(t, err)
	for range 2 {
		wantCode(t, v.Refresh(), "vault.kek")
		if sign, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil || signedBy(sign, crypto.SHA256) != 0 {
			t.Fatalf("the version before does not go on: %v", err)
		}
	}
	_, err = s.Retire(appRef.Name, 1, "test")
	must(t, err)
	if err := v.Refresh(); err == nil {
		t.Error("the broken version opened")
	}
	_, err = signer.Sign(nil, digest[:], crypto.SHA256)
	wantCode(t, err, "vault.unknown")
	s.KEKs = elsewhere.KEKs
	must(t, v.Refresh())
	if sign, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil || signedBy(sign, crypto.SHA256) != 1 {
		t.Errorf("the version does not sign once it opens: %v", err)
	}
}

// TestARotationTakenBack within the seconds in which the hub does not look: no version is active, none signs.
func TestARotationTakenBack(t *testing.T) {
	s, _ := newSafe(t)
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	v := openVault(t, s, goBackend())
	signer, err := v.Signer(appRef)
	must(t, err)
	_, err = s.Rotate(appRef.Name, pkcs1(testKeys()[1]), "test")
	must(t, err)
	_, err = s.Retire(appRef.Name, 2, "test")
	must(t, err)
	must(t, v.Refresh())
	_, err = signer.Sign(nil, digest[:], crypto.SHA256)
	wantCode(t, err, "vault.inactive")
	if !testKeys()[0].PublicKey.Equal(signer.Public()) {
		t.Error("the public half is gone with the last active version")
	}
	_, err = s.Rotate(appRef.Name, pkcs1(testKeys()[2]), "test")
	must(t, err)
	must(t, v.Refresh())
	if sign, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil || signedBy(sign, crypto.SHA256) != 2 {
		t.Errorf("the next version does not sign: %v", err)
	}
}

func TestRepeatedAndRacingCommands(t *testing.T) {
	s, _ := newSafe(t)
	first := importKey(t, s, apiRef, secret(apiKey))
	if again := importKey(t, s, apiRef, secret(apiKey)); again.Version != 1 || !bytes.Equal(again.Sealed, first.Sealed) {
		t.Errorf("imported again: %v", again)
	}
	_, err := s.Import(apiRef, secret("another-secret-of-the-merchant"), "test")
	wantCode(t, err, "vault.exists")
	_, err = s.Import(vault.Ref{Name: apiRef.Name, Merchant: "mer_2", Channel: apiRef.Channel}, secret(apiKey), "test")
	wantCode(t, err, "vault.exists")
	_, err = s.Rotate(apiRef.Name, pkcs1(testKeys()[0]), "test")
	wantCode(t, err, "vault.kind")
	_, err = s.Rotate("unheard-of", secret(apiKey), "test")
	wantCode(t, err, "vault.unknown")
	_, err = s.Retire(apiRef.Name, 7, "test")
	wantCode(t, err, "vault.unknown")
	// Two operators rotate from the same list: the second's was is no longer so.
	list, err := s.Records.WalletKeys()
	must(t, err)
	_, err = s.Rotate(apiRef.Name, secret("the-first-operators-new-secret"), "test")
	must(t, err)
	stale := *s
	stale.Records = altered{s.Records, func(r []vault.Record) { r[0] = list[0]; r[1].Name = "elsewhere" }}
	_, err = stale.Rotate(apiRef.Name, secret("the-second-operators-new-secret"), "test")
	wantCode(t, err, "vault.raced")
	if v := openVault(t, s, goBackend()); true {
		if got, err := v.Secret(apiRef); err != nil || got != "the-first-operators-new-secret" {
			t.Errorf("the loser's secret is active: %v", err)
		}
	}
}

// TestRekeyAnywhere kills the re-wrapping behind every row: a hub with both KEKs opens all of it at
// each moment, and the next run goes on.
func TestRekeyAnywhere(t *testing.T) {
	s, _ := newSafe(t)
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	importKey(t, s, apiRef, secret(apiKey))
	_, err := s.Rotate(apiRef.Name, secret("the-next-secret-of-the-merchant"), "test")
	must(t, err)
	_, err = s.Rotate(apiRef.Name, secret("the-last-secret-of-the-merchant"), "test")
	must(t, err)
	_, err = s.Retire(apiRef.Name, 1, "test")
	must(t, err)
	v := openVault(t, s, goBackend())
	old := s.KEKs[0]
	s.KEKs = []vault.KEK{newKEK(t), old}
	honest := s.Records
	for n := range 3 {
		s.Records = &dying{honest, 1}
		if moved, err := s.Rekey("test"); err != nil && moved != 1 || err == nil && n != 2 {
			t.Fatalf("run %d moved %d: %v", n, moved, err)
		}
		s.Records = honest
		must(t, v.Refresh())         // the hub that runs
		openVault(t, s, goBackend()) // and one that starts
	}
	if moved, err := s.Rekey("test"); err != nil || moved != 0 {
		t.Errorf("moved %d more: %v", moved, err)
	}
	list, err := honest.WalletKeys()
	must(t, err)
	for _, r := range list {
		if r.State != vault.Retired && r.KEK != s.KEKs[0].ID() {
			t.Errorf("%v is still under %s", r, r.KEK)
		}
	}
	s.KEKs = s.KEKs[:1] // the old one is thrown away
	if got, err := openVault(t, s, goBackend()).Secret(apiRef); err != nil || got != "the-last-secret-of-the-merchant" {
		t.Errorf("after the re-wrapping: %v", err)
	}
	s.KEKs = []vault.KEK{old}
	_, err = vault.Open(s, goBackend(), vault.NewPool(vault.PoolConfig{}, time.Now))
	wantCode(t, err, "vault.kek")
}

func TestMaterial(t *testing.T) {
	s, _ := newSafe(t)
	for name, m := range map[string]vault.Material{
		"no kind":          {Text: []byte("x")},
		"no key":           {Kind: vault.RSA, Text: []byte("CANARY")},
		"a certificate":    {Kind: vault.Certificate, Text: pkcs1(testKeys()[0]).Text},
		"short secret":     secret("CANARY"),
		"two words":        secret("CANARY CANARY CANARY"),
		"no public key":    {Kind: vault.Public, Text: []byte("CANARY")},
		"too long":         secret(strings.Repeat("CANARY", vault.MaxMaterial)),
		"a token, unnamed": {Kind: vault.RSA, Label: "x"},
	} {
		_, err := s.Import(vault.Ref{Name: "k", Channel: "c"}, m, "test")
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ref := range []vault.Ref{{Name: "", Channel: "c"}, {Name: "../x\n", Channel: "c"}, {Name: "k"}} {
		_, err := s.Import(ref, secret(apiKey), "test")
		wantCode(t, err, "vault.name")
	}
}

// TestNothingPrintsAKey prints everything that holds one in every way there is.
func TestNothingPrintsAKey(t *testing.T) {
	s, _ := newSafe(t)
	r := importKey(t, s, apiRef, secret(apiKey))
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	v := openVault(t, s, goBackend())
	signer, err := v.Signer(appRef)
	must(t, err)
	_, err = s.Import(appRef, pkcs1(testKeys()[1]), "test")
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, x := range []any{r, &r, s, v, signer, s.KEKs[0], secret(apiKey), pkcs1(testKeys()[0]), err, slices.Clone([]vault.Record{r})} {
		fmt.Fprintf(&out, "%v %+v %#v %s\n", x, x, x, x)
		log.Info("x", "x", x)
	}
	for what, needle := range map[string]string{"secret": apiKey[:16], "secret in hex": hex.EncodeToString([]byte(apiKey))[:16],
		"d": testKeys()[0].D.String()[:20], "d in hex": testKeys()[0].D.Text(16)[:20], "sealed": fmt.Sprint(r.Sealed[:8])[1:20], "PEM": "PRIVATE"} {
		if strings.Contains(out.String(), needle) {
			t.Errorf("the %s is printed", what)
		}
	}
}
