package hubd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/hub/internal/vault/openssl"
	"cloudcashier/hub/internal/vault/token"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// Where a key-encrypting key or a PIN may be.
const (
	inFile       = "file:"
	inCredential = "credential:"
	inToken      = "token:"
)

// Ways to sign.
const (
	signAuto    = "auto"
	signGo      = "go"
	signOpenSSL = "openssl"
	signToken   = "pkcs11"
)

// walletKeys is the vault of a hub and what it stands on.
type walletKeys struct {
	safe  *vault.Safe
	token *token.Token // nil: none is configured
	vault *vault.Vault
}

// Shield keeps the process's memory out of core dumps and away from other processes of its user.
func Shield() error { return vault.Shield() }

func (c VaultConfig) validate(bad func(key, format string, args ...any)) {
	for i, place := range append([]string{c.KEK}, c.Previous...) {
		kind, name, ok := strings.Cut(place, ":")
		known := slices.Contains([]string{inFile, inCredential, inToken}, kind+":")
		switch {
		case i == 0 && place == "":
		case !ok || !known || name == "":
			bad("vault.kek", "%q is no place of a key-encrypting key: write file:PATH, credential:NAME or token:LABEL", place)
		case kind+":" == inToken && c.Token == nil:
			bad("vault.token", "%q wants a token: name its module, label and pin", place)
		}
	}
	if !slices.Contains([]string{"", signAuto, signGo, signOpenSSL, signToken}, c.Signing) {
		bad("vault.signing", "%q is no way to sign: use auto, go, openssl or pkcs11", c.Signing)
	}
	switch t := c.Token; {
	case t == nil && c.Signing == signToken:
		bad("vault.token", "signing with pkcs11 wants a token: name its module, label and pin")
	case t != nil && (t.Module == "" || t.Label == "" || !strings.HasPrefix(t.PIN, inFile) && !strings.HasPrefix(t.PIN, inCredential)):
		bad("vault.token", "name the module, the label, and where the pin stands: file:PATH or credential:NAME")
	}
}

// openSafe makes the safe and logs in to the token. The caller closes what it gets, also with an error.
func openSafe(cfg Config, deps Deps, k *keys, records vault.Records, mayMake bool) (w *walletKeys, err error) {
	w = &walletKeys{safe: &vault.Safe{Records: records, Random: deps.Random, Now: deps.Now, DigestKey: k.derive("vault-fingerprint")}}
	if t := cfg.Vault.Token; t != nil {
		pin, err := secretText(t.PIN, deps)
		if err != nil {
			return w, err
		}
		w.token, err = token.Open(token.Config{Module: t.Module, Label: t.Label, PIN: strings.TrimSpace(string(pin)), Sessions: t.Sessions})
		if err != nil {
			return w, err
		}
		w.safe.Token = w.token
	}
	places := append([]string{cfg.Vault.KEK}, cfg.Vault.Previous...)
	if places[0] == "" {
		places[0] = inFile + filepath.Join(cfg.Data, "keys", "kek.key")
	}
	w.safe.KEKs = make([]vault.KEK, len(places))
	for i := len(places) - 1; i >= 0; i-- { // the earlier ones first: they say whether the present one may be made
		may := func() bool { return i == 0 && mayMake && covered(records, w.safe.KEKs[1:]) }
		if w.safe.KEKs[i], err = w.openKEK(places[i], deps, may); err != nil {
			return w, err
		}
	}
	return w, nil
}

// covered reports that no row needs another KEK than these: only then a missing one may be made. One
// that was lost must be restored, not replaced.
func covered(records vault.Records, by []vault.KEK) bool {
	list, err := records.WalletKeys()
	for _, r := range list {
		if r.State != vault.Retired && !slices.ContainsFunc(by, func(k vault.KEK) bool { return k.ID() == r.KEK }) {
			return false
		}
	}
	return err == nil
}

func (w *walletKeys) openKEK(place string, deps Deps, mayMake func() bool) (vault.KEK, error) {
	if label, ok := strings.CutPrefix(place, inToken); ok {
		return w.token.KEK(label, mayMake, deps.Random)
	}
	path, isFile := strings.CutPrefix(place, inFile)
	if isFile {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if !mayMake() {
				return nil, fault.New(fault.NotFound, "vault.kek", "the key-encrypting key %s is missing, and sealed keys need it: restore it from your backup", path)
			}
			if _, err := keep(path, func() ([]byte, error) { return mintSecret(deps.Random) }); err != nil {
				return nil, err
			}
		}
	}
	raw, err := secretText(place, deps)
	if err != nil {
		return nil, err
	}
	if text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw))); err == nil && len(text) == masterSize {
		raw = text // secret stores like text
	}
	kek, err := vault.NewKEK(raw)
	return kek, fault.Wrap(err, fault.KindOf(err), fault.CodeOf(err), "%s", place)
}

// secretText reads a file that its owner alone may read, or a secret that the service manager gave.
func secretText(place string, deps Deps) ([]byte, error) {
	name, ok := strings.CutPrefix(place, inCredential)
	path := strings.TrimPrefix(place, inFile)
	if ok {
		if deps.Credentials == "" || strings.ContainsAny(name, "/\x00") {
			return nil, fault.New(fault.Invalid, "vault.credential", "%s: the service manager gave no credentials (CREDENTIALS_DIRECTORY)", place)
		}
		path = filepath.Join(deps.Credentials, name)
	}
	info, err := os.Stat(path)
	if err == nil && !ok && info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, "vault.mode", "others can read %s: chmod 600 it and consider the key stolen", path)
	}
	if err != nil {
		return nil, unreadable(err, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, path)
	}
	return text, nil
}

// openVault opens all keys with the configured backend.
func (w *walletKeys) openVault(cfg Config, deps Deps) (err error) {
	var backend vault.Backend = vault.Go{Random: deps.Random}
	if cfg.Vault.Signing == signToken {
		backend = nil
	} else if cfg.Vault.Signing != signGo {
		ssl, err := openssl.Open()
		switch {
		case err == nil:
			backend = ssl
		case cfg.Vault.Signing == signOpenSSL:
			return err
		}
	}
	w.vault, err = vault.Open(w.safe, backend, vault.NewPool(vault.PoolConfig{}, deps.Now))
	if err == nil && deps.Log != nil {
		name := signToken
		if backend != nil {
			name = backend.Name()
		}
		deps.Log.Info("wallet keys are open", "signing", name)
	}
	return err
}

func openWalletKeys(cfg Config, deps Deps, k *keys, records vault.Records) (*walletKeys, error) {
	w, err := openSafe(cfg, deps, k, records, true)
	if err == nil {
		err = w.openVault(cfg, deps)
	}
	return w, err
}

func (w *walletKeys) close() {
	if w.vault != nil {
		w.vault.Close()
	}
	if w.token != nil {
		w.token.Close()
	}
}

// refreshWalletKeys takes over what operators change, without a restart.
func (h *Hub) refreshWalletKeys(ctx context.Context) error {
	const every = 5 * time.Second // the longest that a retired key goes on signing
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := h.wallets.vault.Refresh()
		text := fmt.Sprint(err)
		if err != nil && text != said {
			h.deps.Log.Error("a wallet's key does not open; what was open goes on", logs.Err, err)
		}
		said = text
	}
}
