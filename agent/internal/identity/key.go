package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cloudcashier/shared/fault"
)

const keyBlock = "PRIVATE KEY" // PKCS #8

// keyOf gives the folder's key, making one the first time. The key is on the disk, synced, before
// anybody hears of its public half.
func keyOf(dir string) (ed25519.PrivateKey, error) {
	key, err := loadKey(dir)
	if err != nil || key != nil {
		return key, err
	}
	_, key, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the till's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the till's key: %w", err)
	}
	return key, writeFile(dir, keyFile, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}))
}

// loadKey reads the folder's key; nil without an error when there is none.
func loadKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, broken(err, keyFile)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, "identity.key_open",
			"other users may read the till's key: find out why, then run \"chmod 600 %s\"", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, broken(err, keyFile)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != keyBlock {
		return nil, broken(errors.New("it holds no key"), keyFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, broken(errors.New("it does not parse"), keyFile) // the cause could quote the key
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, broken(errors.New("it is no Ed25519 key"), keyFile)
	}
	return key, nil
}

// writeFile replaces a file so that a power cut leaves the old one or the new one, never a part:
// the content is synced before the rename, the rename by syncing the folder.
func writeFile(dir, name string, data []byte) (err error) {
	f, err := os.CreateTemp(dir, "."+name+".*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
