package hubd

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/storedvalue"
)

// keys are the hub's own: one master secret, from which every symmetric one is derived, and the
// authority that vouches for the hub and its terminals. They live in the data folder, readable by
// the owner alone, and go on over restarts.
type keys struct {
	master []byte
	ca     *registry.CA
}

// masterSize is the master secret's length in bytes.
const masterSize = 32

func loadKeys(dir string, random io.Reader, now time.Time) (*keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "keys.folder", "cannot make the folder of keys: it must be writable")
	}
	master, err := keep(filepath.Join(dir, "master.key"), func() ([]byte, error) { return mintSecret(random) })
	if err != nil {
		return nil, err
	}
	if len(master) != masterSize {
		return nil, fault.New(fault.Invalid, "keys.master", "%s is damaged: restore it from your backup", filepath.Join(dir, "master.key"))
	}
	authority, err := keep(filepath.Join(dir, "ca.key"), func() ([]byte, error) {
		ca, err := registry.NewCA(random, now)
		if err != nil {
			return nil, err
		}
		return ca.PEM()
	})
	if err != nil {
		return nil, err
	}
	ca, err := registry.LoadCA(authority)
	if err != nil {
		return nil, err
	}
	return &keys{master: master, ca: ca}, nil
}

func mintSecret(random io.Reader) ([]byte, error) {
	secret := make([]byte, masterSize)
	_, err := io.ReadFull(random, secret)
	return secret, err
}

// keep reads a secret file, or makes it, synced before it is used. Programs that make it at once take
// turns at its folder, and all use the one that was there first.
func keep(path string, mint func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return data, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "keys.folder", "cannot open the folder of %s", path)
	}
	defer dir.Close() // ends the turn
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "keys.folder", "cannot lock the folder of %s", path)
	}
	if data, err = os.ReadFile(path); err == nil {
		return data, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(err, fault.Internal, "keys.read", "cannot read %s", path)
	}
	if data, err = mint(); err != nil {
		return nil, fmt.Errorf("make %s: %w", filepath.Base(path), err)
	}
	return data, WriteFile(path, data)
}

// WriteFile writes a file readable by its owner alone, whole or not at all, and synced.
func WriteFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fault.Wrap(err, fault.Internal, "file.write", "cannot write %s: its folder must exist and be writable", path)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "file.write", "cannot write %s: is the disk full?", path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync folder of %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// derive gives the secret of one purpose; from it nothing else can be worked out.
func (k *keys) derive(purpose string) []byte {
	mac := hmac.New(sha256.New, k.master)
	mac.Write([]byte("cloudcashier/v1\n" + purpose))
	return mac.Sum(nil)
}

// signing is the key that signs what the hub tells terminals and merchants.
func (k *keys) signing() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.derive("signing")) }

// ticket seals the TLS session tickets of a day, on every hub that has these keys.
func (k *keys) ticket(day int64) [32]byte {
	return [32]byte(k.derive(fmt.Sprintf("tls-ticket\n%d", day)))
}

// apiSecret is a merchant's secret for one API key, as text.
func (k *keys) apiSecret(keyID string) string {
	return base64.RawURLEncoding.EncodeToString(k.derive("api-key\n" + keyID))
}

// storedSecret is the secret of a stored-value code.
func (k *keys) storedSecret(serial string) []byte {
	return k.derive("stored-value-code\n" + serial)[:storedvalue.SecretSize]
}

// serverTLS makes a fresh certificate for the hub's doors.
func (k *keys) serverTLS(random io.Reader, hosts []string, now time.Time) (tls.Certificate, error) {
	cert, key, err := k.ca.ServerCertificate(random, hosts, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
