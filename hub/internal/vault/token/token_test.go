package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/hub/internal/vault/token"
	"cloudcashier/shared/fault"
)

var digest = sha256.Sum256([]byte("a request to a wallet"))

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

// signs makes one signature of the key and checks it.
func signs(k vault.PrivateKey) error {
	sign, err := k.Sign(digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, digest[:], sign)
}

// together makes signatures side by side.
func together(k vault.PrivateKey, n int) error {
	done := make(chan error, n)
	for range n {
		go func() { done <- signs(k) }()
	}
	var errs []error
	for range n {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

func TestATokensKeySigns(t *testing.T) {
	cfg := newHSM(t)
	give(t, testKey(), "app", "a1")
	cfg.Sessions = 8
	tok := open(t, cfg)
	k, err := tok.Key("app")
	must(t, err)
	if !k.Public().Equal(&testKey().PublicKey) {
		t.Error("another public key")
	}
	if err := together(k, 32); err != nil {
		t.Errorf("32 at once: %v", err)
	}
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	sign, err := k.Sign(digest[:], pss)
	if err != nil || rsa.VerifyPSS(&testKey().PublicKey, crypto.SHA256, digest[:], sign, pss) != nil {
		t.Errorf("PSS, as TLS 1.3 wants it: %v", err)
	}
	k.Close()
	if err := signs(k); !errors.Is(err, vault.ErrClosed) {
		t.Errorf("a closed key: %v", err)
	}
	_, err = tok.Key("nobody's")
	wantCode(t, err, "vault.token_key")
	give(t, testKey(), "app", "a2")
	_, err = tok.Key("app")
	wantCode(t, err, "vault.token_key") // which of the two?
	tok.Close()
	_, err = tok.Key("app")
	wantCode(t, err, "vault.closed")
}

func TestTokenMissing(t *testing.T) {
	cfg := newHSM(t)
	cfg.Label = "another"
	_, err := token.Open(cfg)
	wantCode(t, err, "vault.token")
	cfg.Module = "/nowhere/module.so"
	_, err = token.Open(cfg)
	wantCode(t, err, "vault.token")
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v is %v", err, fault.KindOf(err))
	}
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	cfg := newHSM(t)
	cfg.PIN = "161803"
	tok, err := token.Open(cfg)
	wantCode(t, err, "vault.pin")
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, cfg, cfg), cfg.PIN) {
		t.Error("the PIN is printed")
	}
	// With the token gone, another login would be told so: it is not tried.
	t.Setenv("SOFTHSM2_CONF", "/dev/null")
	_, err = tok.Key("app")
	wantCode(t, err, "vault.pin")
}

// TestSessionsLost takes every session from under a token, again and again, in front of 32 signatures.
func TestSessionsLost(t *testing.T) {
	cfg := newHSM(t)
	give(t, testKey(), "app", "a1")
	cfg.Sessions = 8
	tok := open(t, cfg)
	k, err := tok.Key("app")
	must(t, err)
	kek, err := tok.KEK("kek", func() bool { return true }, rand.Reader)
	must(t, err)
	wrapped, err := kek.Wrap(rand.Reader, make([]byte, 32), []byte("about"))
	must(t, err)
	thief := pkcs11.New(softHSM) // the same library in the same process: it may close everybody's
	t.Cleanup(thief.Destroy)
	slots, err := thief.GetSlotList(true)
	must(t, err)
	for range 5 {
		must(t, thief.CloseAllSessions(slots[0]))
		if err := together(k, 32); err != nil {
			t.Fatalf("after the sessions were lost: %v", err)
		}
		must(t, thief.CloseAllSessions(slots[0]))
		if _, err := kek.Unwrap(wrapped, []byte("about")); err != nil {
			t.Fatalf("the KEK after the sessions were lost: %v", err)
		}
	}
}

// TestAnotherKeyUnderTheLabel: somebody put another key into the token while the session was lost.
func TestAnotherKeyUnderTheLabel(t *testing.T) {
	cfg := newHSM(t)
	give(t, testKey(), "app", "a1")
	hsm := serve(t, &cfg)
	k, err := open(t, cfg).Key("app")
	must(t, err)
	must(t, signs(k))
	hsm.kill()
	tool(t, "--delete-token", "--token", "lab")
	tool(t, "--init-token", "--free", "--label", "lab", "--so-pin", "31415926", "--pin", pin)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	give(t, other, "app", "a1")
	hsm.start()
	_, err = k.Sign(digest[:], crypto.SHA256)
	wantCode(t, err, "vault.sealed")
}

// TestTheTokensProcessDies in the middle of signatures: each one is made, or refused as Unavailable,
// and once the token is back it signs without a restart of ours.
func TestTheTokensProcessDies(t *testing.T) {
	cfg := newHSM(t)
	give(t, testKey(), "app", "a1")
	hsm := serve(t, &cfg)
	tok := open(t, cfg)
	k, err := tok.Key("app")
	must(t, err)
	if err := together(k, 32); err != nil {
		t.Fatalf("32 at once in another process: %v", err)
	}
	quit, refused := make(chan struct{}), make(chan error, 4)
	made := make(chan struct{}, 1)
	for range cap(refused) {
		go func() {
			for {
				select {
				case <-quit:
					refused <- nil
					return
				default:
				}
				switch err := signs(k); {
				case err == nil:
					select {
					case made <- struct{}{}:
					default:
					}
				case fault.KindOf(err) != fault.Unavailable:
					refused <- err
					return
				}
			}
		}()
	}
	for range 3 {
		<-made
		hsm.kill()
		hsm.start()
		for len(made) > 0 {
			<-made
		}
		select {
		case <-made: // it is back
		case <-time.After(30 * time.Second):
			t.Fatal("no signature after the token came back")
		}
	}
	close(quit)
	for range cap(refused) {
		if err := <-refused; err != nil {
			t.Errorf("not Unavailable: %v", err)
		}
	}
}

func TestAKeyThatTheTokenGivesOutIsRefused(t *testing.T) {
	cfg := newHSM(t)
	ctx := pkcs11.New(softHSM)
	t.Cleanup(ctx.Destroy)
	must(t, ctx.Initialize())
	slots, err := ctx.GetSlotList(true)
	must(t, err)
	session, err := ctx.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, ctx.Login(session, pkcs11.CKU_USER, pin))
	for label, open := range map[string][2]bool{"extractable": {true, true}, "not sensitive": {false, false}} {
		both := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, label)}
		public := append(both, pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
			pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true))
		private := append(both, pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, open[0]),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, open[1]))
		_, _, err = ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)}, public, private)
		must(t, err)
		secret := append(both, pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, open[0]), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, open[1]))
		_, err = ctx.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, secret)
		must(t, err)
	}
	must(t, ctx.Finalize())
	tok := open(t, cfg)
	for _, label := range []string{"extractable", "not sensitive"} {
		_, err := tok.Key(label)
		wantCode(t, err, "vault.extractable")
		_, err = tok.KEK(label, func() bool { return false }, rand.Reader)
		wantCode(t, err, "vault.extractable")
	}
}

func TestTheTokensKEK(t *testing.T) {
	for _, where := range []string{"in this process", "in another"} {
		t.Run(where, func(t *testing.T) {
			cfg := newHSM(t)
			if where == "in another" {
				serve(t, &cfg)
			}
			tokensKEK(t, open(t, cfg))
		})
	}
}

func tokensKEK(t *testing.T, tok *token.Token) {
	_, err := tok.KEK("kek", func() bool { return false }, rand.Reader)
	wantCode(t, err, "vault.kek")
	kek, err := tok.KEK("kek", func() bool { return true }, rand.Reader)
	must(t, err)
	again, err := tok.KEK("kek", func() bool { return false }, rand.Reader)
	must(t, err)
	other, err := tok.KEK("other", func() bool { return true }, rand.Reader)
	must(t, err)
	if kek.ID() != again.ID() || kek.ID() == other.ID() {
		t.Errorf("ids %s, %s, %s", kek.ID(), again.ID(), other.ID())
	}
	dek := sha256.Sum256([]byte("dek"))
	wrapped, err := kek.Wrap(rand.Reader, dek[:], []byte("about"))
	must(t, err)
	if got, err := again.Unwrap(wrapped, []byte("about")); err != nil || string(got) != string(dek[:]) {
		t.Errorf("unwrapped %v: %v", len(got), err)
	}
	_, err = kek.Unwrap(wrapped, []byte("about another row"))
	wantCode(t, err, "vault.sealed")
	_, err = other.Unwrap(wrapped, []byte("about"))
	wantCode(t, err, "vault.sealed")
	wrapped[len(wrapped)-1] ^= 1
	_, err = kek.Unwrap(wrapped, []byte("about"))
	wantCode(t, err, "vault.sealed")
	_, err = kek.Unwrap(wrapped[:5], []byte("about"))
	wantCode(t, err, "vault.sealed")
}

func BenchmarkSign(b *testing.B) {
	for _, where := range []string{"softhsm", "p11-kit"} {
		b.Run(where, func(b *testing.B) {
			cfg := newHSM(b)
			give(b, testKey(), "app", "a1")
			if where == "p11-kit" {
				serve(b, &cfg)
			}
			k, err := open(b, cfg).Key("app")
			must(b, err)
			for b.Loop() {
				if _, err := k.Sign(digest[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signs/s")
		})
	}
}
