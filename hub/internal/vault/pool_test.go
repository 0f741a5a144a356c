package vault_test

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

// slow is a backend whose signatures take a time, or for ever.
type slow struct {
	vault.Backend
	takes   func()
	atOnce  atomic.Int64
	highest atomic.Int64
}

func (s *slow) Load(pkcs8 []byte) (vault.PrivateKey, error) {
	k, err := s.Backend.Load(pkcs8)
	return &slowKey{k, s}, err
}

type slowKey struct {
	vault.PrivateKey
	by *slow
}

func (k *slowKey) Public() *rsa.PublicKey { return k.PrivateKey.Public() }

func (k *slowKey) Sign(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	n := k.by.atOnce.Add(1)
	for high := k.by.highest.Load(); n > high && !k.by.highest.CompareAndSwap(high, n); high = k.by.highest.Load() {
	}
	defer k.by.atOnce.Add(-1)
	k.by.takes()
	return k.PrivateKey.Sign(digest, opts)
}

// memory is Records for a bubble of pretended time, where no database's goroutine may be.
type memory struct{ list []vault.Record }

func (m *memory) WalletKeys() ([]vault.Record, error) { return m.list, nil }
func (m *memory) ChangeWalletKeys(_, now []vault.Record, _ string) error {
	m.list = append(m.list, now...)
	return nil
}

// slowVault is a vault with two workers, four places to wait and a bound of a second.
func slowVault(t *testing.T, takes func()) (*vault.Vault, *vault.Signer, *slow) {
	t.Helper()
	s := &vault.Safe{Records: &memory{}, KEKs: []vault.KEK{newKEK(t)}, Random: zeros{}, Now: time.Now}
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	b := &slow{Backend: goBackend(), takes: takes}
	v, err := vault.Open(s, b, vault.NewPool(vault.PoolConfig{Workers: 2, Queue: 4, MaxAge: time.Second}, time.Now))
	must(t, err)
	signer, err := v.Signer(appRef)
	must(t, err)
	return v, signer, b
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestTheQueueIsBounded(t *testing.T) {
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		v, signer, b := slowVault(t, func() { time.Sleep(300 * time.Millisecond) })
		var signed, refused atomic.Int64
		for range 20 {
			go func() {
				switch _, err := signer.Sign(nil, digest[:], crypto.SHA256); {
				case err == nil:
					signed.Add(1)
				case fault.KindOf(err) == fault.Unavailable && fault.CodeOf(err) == "vault.busy":
					refused.Add(1)
				default:
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if n := v.Stats().Waiting; n > 4 || b.atOnce.Load() != 2 {
			t.Errorf("%d wait, %d at work", n, b.atOnce.Load())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		// Two at work, four waiting, each turn 0.3 s: all six are answered within the second.
		if signed.Load() != 6 || refused.Load() != 14 || b.highest.Load() != 2 {
			t.Errorf("%d signed, %d refused, %d at once", signed.Load(), refused.Load(), b.highest.Load())
		}
		if s := v.Stats(); s.Done != 6 || s.Refused != 14 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhatWaitsTooLongIsRefused(t *testing.T) {
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		_, signer, b := slowVault(t, func() { time.Sleep(800 * time.Millisecond) })
		start := time.Now()
		results := make(chan error, 6)
		for range cap(results) {
			go func() {
				_, err := signer.Sign(nil, digest[:], crypto.SHA256)
				if took := time.Since(start); took > time.Second {
					t.Errorf("an answer after %v", took)
				}
				results <- err
			}()
		}
		signed := 0
		for range cap(results) {
			if err := <-results; err == nil {
				signed++
			} else {
				wantCode(t, err, "vault.busy")
			}
		}
		if signed != 2 || b.highest.Load() != 2 {
			t.Errorf("%d signed, %d at once", signed, b.highest.Load())
		}
		time.Sleep(time.Minute)
	})
}

// TestASleepingMachine: a turn that comes when the bound is long over starts no signature, although
// the timer has not said so yet.
func TestASleepingMachine(t *testing.T) {
	var late atomic.Bool
	now := func() time.Time {
		if late.Swap(true) {
			return time.Now().Add(time.Hour)
		}
		return time.Now()
	}
	s := &vault.Safe{Records: &memory{}, KEKs: []vault.KEK{newKEK(t)}, Random: zeros{}, Now: time.Now}
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	b := &slow{Backend: goBackend(), takes: func() {}}
	v, err := vault.Open(s, b, vault.NewPool(vault.PoolConfig{}, now))
	must(t, err)
	signer, err := v.Signer(appRef)
	must(t, err)
	_, err = signer.Sign(nil, digest[:], crypto.SHA256)
	wantCode(t, err, "vault.busy")
	if b.highest.Load() != 0 {
		t.Error("a stale request was signed")
	}
}

// TestAHangingSigner takes its workers and nothing else: callers are answered.
func TestAHangingSigner(t *testing.T) {
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		_, signer, _ := slowVault(t, func() { <-free })
		for range 5 {
			_, err := signer.Sign(nil, digest[:], crypto.SHA256)
			wantCode(t, err, "vault.busy")
		}
		close(free)
		synctest.Wait()
		if sign, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil || signedBy(sign, crypto.SHA256) != 0 {
			t.Errorf("after it woke: %v", err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s, _ := newSafe(b)
	importKey(b, s, appRef, pkcs1(testKeys()[0]))
	for _, backend := range backends(b) {
		signer, err := openVault(b, s, backend).Signer(appRef)
		must(b, err)
		b.Run(backend.Name()+"/one", func(b *testing.B) {
			for b.Loop() {
				if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signs/s")
		})
		b.Run(backend.Name()+"/cores", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil && !errors.Is(err, vault.ErrClosed) {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signs/s")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	key := testKeys()[0]
	sign, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	must(b, err)
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			if rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sign) != nil {
				b.Fatal("not verified")
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verifies/s")
	})
}

// TestOneWorkerForEachCore is the default bound.
func TestOneWorkerForEachCore(t *testing.T) {
	s, _ := newSafe(t)
	importKey(t, s, appRef, pkcs1(testKeys()[0]))
	b := &slow{Backend: goBackend(), takes: runtime.Gosched}
	signer, err := openVault(t, s, b).Signer(appRef)
	must(t, err)
	done := make(chan error, 40)
	for range cap(done) {
		go func() {
			_, err := signer.Sign(nil, digest[:], crypto.SHA256)
			done <- err
		}()
	}
	for range cap(done) {
		must(t, <-done)
	}
	if n := b.highest.Load(); n > int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d signatures at once", n)
	}
}
