// Package token uses keys that live in a PKCS#11 token: RSA keys that sign, and a secret key under which
// the keys of the vault are wrapped.
//
// It refuses a key that the token would give out, a label that fits several keys, and to try a
// PIN twice that was wrong: tokens lock themselves. A session that was lost is opened again, once for
// a call. Newcomers get one thing wrong: a module such as SoftHSM works inside this process, and its
// keys are then in this process's memory; a real token, or a module that speaks to another process
// (p11-kit), keeps them out of it.
package token

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ThalesGroup/crypto11"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

// Config names a token.
type Config struct {
	Module   string        // the PKCS#11 library's file
	Label    string        // the token's
	PIN      string        // of its user
	Sessions int           // calls at once; 1 when zero: p11-kit's client hangs when its peer dies under several
	Wait     time.Duration // for a call's turn; 2 s when zero
}

// String leaves the PIN out.
func (c Config) String() string { return "token " + c.Label + " of " + c.Module }

// GoString keeps %#v from printing the PIN.
func (c Config) GoString() string { return c.String() }

// Token is a logged-in token. It is safe for concurrent use.
type Token struct {
	cfg   Config
	turns chan struct{} // one place for each call at once

	mu     sync.RWMutex // held for reading by what uses the session
	ctx    *crypto11.Context
	run    int   // counts the sessions; what was found in an earlier one must be looked for again
	denied error // the PIN was wrong: it is not tried again
}

// Open logs in. Unavailable "vault.token": the module or the token is not there; Denied "vault.pin".
func Open(cfg Config) (*Token, error) {
	if cfg.Wait <= 0 {
		cfg.Wait = 2 * time.Second
	}
	cfg.Sessions = max(cfg.Sessions, 1)
	t := &Token{cfg: cfg, turns: make(chan struct{}, cfg.Sessions)}
	return t, t.login()
}

// login opens a session; the caller holds mu, or nobody else knows the token yet.
func (t *Token) login() error {
	if t.denied != nil {
		return t.denied
	}
	ctx, err := crypto11.Configure(&crypto11.Config{Path: t.cfg.Module, TokenLabel: t.cfg.Label, Pin: t.cfg.PIN,
		MaxSessions: t.cfg.Sessions + 1, PoolWaitTimeout: t.cfg.Wait}) // one more: crypto11 keeps one for the login
	switch {
	case err == nil:
		t.ctx = ctx
		t.run++
		return nil
	case strings.Contains(err.Error(), "CKR_PIN_"):
		t.denied = fault.Wrap(err, fault.Denied, "vault.pin", "the PIN of %s is wrong or locked: it is not tried again before a restart", t.cfg)
		return t.denied
	}
	return fault.Wrap(err, fault.Unavailable, "vault.token", "cannot use the %s: is the module installed, the token initialised and plugged in?", t.cfg)
}

// Close logs out. It does not wait for a module that hangs: the process is about to end.
func (t *Token) Close() {
	done := make(chan struct{})
	go func() {
		t.close()
		close(done)
	}()
	timer := time.NewTimer(t.cfg.Wait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

func (t *Token) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx != nil {
		_ = t.ctx.Close()
		t.ctx = nil
	}
	t.denied = fault.New(fault.Unavailable, "vault.closed", "the token was closed")
}

// lost are the answers of a token whose session is gone; crypto11 keeps only their text.
var lost = []string{"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
	"CKR_USER_NOT_LOGGED_IN", "CKR_KEY_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID", "CKR_CRYPTOKI_NOT_INITIALIZED", "CKR_GENERAL_ERROR", errNone}

const errNone = "no session"

// isLost also takes a key that is not found: without a login a token hides its private objects.
func isLost(err error) bool {
	if fault.KindOf(err) == fault.NotFound {
		return true
	}
	for _, code := range lost {
		if err != nil && strings.Contains(err.Error(), code) {
			return true
		}
	}
	return false
}

// with runs f in a session. When the session turns out lost, it opens another and runs f once more:
// a signature that a lost session may have made went nowhere.
func (t *Token) with(f func(ctx *crypto11.Context, run int) error) error {
	timer := time.NewTimer(t.cfg.Wait)
	defer timer.Stop()
	select {
	case t.turns <- struct{}{}:
		defer func() { <-t.turns }()
	case <-timer.C:
		return fault.New(fault.Unavailable, "vault.token", "the %s is busy or hangs", t.cfg)
	}
	run, err := t.once(f)
	if !isLost(err) {
		return classified(err, t.cfg)
	}
	if err := t.again(run); err != nil {
		return err
	}
	_, err = t.once(f)
	return classified(err, t.cfg)
}

func (t *Token) once(f func(ctx *crypto11.Context, run int) error) (int, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case t.denied != nil:
		return t.run, t.denied
	case t.ctx == nil:
		return t.run, fmt.Errorf("%s", errNone)
	}
	return t.run, f(t.ctx, t.run)
}

// again replaces the session of a run, unless another caller did.
func (t *Token) again(run int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.run != run {
		return nil
	}
	if t.ctx != nil {
		_ = t.ctx.Close()
		t.ctx = nil
	}
	return t.login()
}

// classified calls a failure of the token's Unavailable: what it was asked for was not done.
func classified(err error, cfg Config) error {
	if err == nil || fault.CodeOf(err) != "internal" {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "vault.token", "the %s does not answer", cfg)
}

// Key is an RSA key in the token.
type Key struct {
	token  *Token
	label  string
	public *rsa.PublicKey

	mu   sync.Mutex
	key  crypto.Signer
	run  int
	over bool
}

var _ vault.PrivateKey = (*Key)(nil)

// Key finds the one RSA key with the label. Denied "vault.extractable" when the token would give it out.
func (t *Token) Key(label string) (vault.PrivateKey, error) {
	k := &Key{token: t, label: label}
	err := t.with(func(ctx *crypto11.Context, run int) error {
		found, err := find(ctx, label)
		if err == nil {
			k.key, k.run, k.public = found, run, found.Public().(*rsa.PublicKey)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

func find(ctx *crypto11.Context, label string) (crypto.Signer, error) {
	found, err := ctx.FindRSAKeyPairs(nil, []byte(label))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fault.New(fault.NotFound, "vault.token_key", "the token has %d RSA key pairs called %q: one is needed, private and public half under one id", len(found), label)
	}
	if _, ok := found[0].Public().(*rsa.PublicKey); !ok {
		return nil, fault.New(fault.NotFound, "vault.token_key", "the token has no public half for the key %q: import it too", label)
	}
	return found[0], kept(ctx, found[0], label)
}

// kept refuses a key that the token would give out in clear.
func kept(ctx *crypto11.Context, key any, label string) error {
	got, err := ctx.GetAttributes(key, []crypto11.AttributeType{crypto11.CkaSensitive, crypto11.CkaExtractable})
	if err != nil {
		return err
	}
	is := func(a crypto11.AttributeType) bool {
		v := got[a]
		return v != nil && len(v.Value) > 0 && v.Value[0] != 0
	}
	if !is(crypto11.CkaSensitive) || is(crypto11.CkaExtractable) {
		return fault.New(fault.Denied, "vault.extractable", "the token would give out the key %q: make it sensitive and not extractable", label)
	}
	return nil
}

// Public implements vault.PrivateKey.
func (k *Key) Public() *rsa.PublicKey { return k.public }

// Sign implements vault.PrivateKey.
func (k *Key) Sign(digest []byte, opts crypto.SignerOpts) (sign []byte, err error) {
	if pss, ok := opts.(*rsa.PSSOptions); ok && pss.SaltLength <= 0 { // the token wants a number
		opts = &rsa.PSSOptions{SaltLength: opts.HashFunc().Size(), Hash: opts.HashFunc()}
	}
	err = k.token.with(func(ctx *crypto11.Context, run int) error {
		key, err := k.in(ctx, run)
		if err == nil {
			sign, err = key.Sign(nil, digest, opts)
		}
		return err
	})
	return sign, err
}

// in gives the key's handle in a session.
func (k *Key) in(ctx *crypto11.Context, run int) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return nil, vault.ErrClosed
	}
	if k.run != run {
		found, err := find(ctx, k.label)
		if err != nil {
			return nil, err
		}
		if !k.public.Equal(found.Public()) {
			return nil, fault.New(fault.Denied, "vault.sealed", "the token now has another key called %q", k.label)
		}
		k.key, k.run = found, run
	}
	return k.key, nil
}

// Close implements vault.PrivateKey; the token goes on having the key.
func (k *Key) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
}
