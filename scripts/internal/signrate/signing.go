package signrate

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/hubtest/signing"
	"cloudcashier/scripts/internal/hsm"
	"cloudcashier/scripts/internal/load"
)

// Signing says how long is measured.
type Signing struct {
	Rounds int
	Each   time.Duration // a subject, by one caller and again by all
}

// Signed are the rates.
type Signed struct {
	ways           []*subject // by twos: a place of keys, and the same through the pool
	verify         *subject
	hashes         []*subject
	sslOne, sslAll [2][]float64 // `openssl speed`: signs and verifies a second, of each round
	version        string
}

// text is about as long as what is signed for a payment, in bytes.
const text = 512

// Run measures in a folder that it may fill.
func (m Signing) Run(ctx context.Context, dir string) (out Signed, err error) {
	version, err := exec.CommandContext(ctx, "openssl", "version").Output()
	if err != nil {
		return out, fmt.Errorf("openssl (run scripts/setup.sh if it is missing): %w", err)
	}
	out.version = strings.Join(strings.Fields(string(version))[:2], " ")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return out, err
	}
	closers, err := out.open(ctx, dir, key)
	defer func() {
		for _, c := range closers {
			c()
		}
	}()
	if err != nil {
		return out, err
	}
	all := append(append([]*subject{}, out.ways...), out.verify)
	return out, turns(ctx, append(all, out.hashes...), m.Rounds, m.Each, func() error { return out.speed(ctx, m.Each) })
}

// open finds the places of keys and puts the key into each.
func (s *Signed) open(ctx context.Context, dir string, key *rsa.PrivateKey) (closers []func(), err error) {
	digest := sha256.Sum256(make([]byte, text))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	tok, err := hsm.New(ctx, filepath.Join(dir, "hsm"))
	if err != nil {
		return nil, err
	}
	closers = append(closers, tok.Close)
	if err := tok.Import(ctx, key, "a1"); err != nil {
		return closers, err
	}
	client, err := tok.Serve()
	if err != nil {
		return closers, err
	}
	for name, value := range tok.Env() { // the module reads it when it is loaded
		if err := os.Setenv(name, value); err != nil {
			return closers, err
		}
	}
	w := signing.World{Random: rand.Reader, Now: time.Now}
	inside := signing.Token{Module: hsm.Module, Label: hsm.Label, PIN: hsm.PIN, Key: "a1", Sessions: runtime.GOMAXPROCS(0)}
	outside := signing.Token{Module: client, Label: hsm.Label, PIN: hsm.PIN, Key: "a1"}
	for _, place := range []struct {
		name string
		open func() (*signing.Way, error)
	}{
		{"Go crypto/rsa", func() (*signing.Way, error) { return signing.InGo(w, pkcs8) }},
		{"OpenSSL", func() (*signing.Way, error) { return signing.InOpenSSL(w, pkcs8) }},
		{"SoftHSM2 inside, a session a core", func() (*signing.Way, error) { return signing.InToken(w, inside) }},
		{"SoftHSM2 behind p11-kit, one session", func() (*signing.Way, error) { return signing.InToken(w, outside) }},
	} {
		way, err := place.open()
		if err != nil {
			return closers, fmt.Errorf("%s: %w", place.name, err)
		}
		closers = append([]func(){way.Close}, closers...)
		sign, err := way.Pooled(digest[:])
		if err == nil {
			err = rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sign)
		}
		if err != nil {
			return closers, fmt.Errorf("%s does not sign: %w", place.name, err)
		}
		s.ways = append(s.ways,
			&subject{name: place.name, do: func() error { _, err := way.Direct(digest[:]); return err }},
			&subject{name: "  through the pool", do: func() error { _, err := way.Pooled(digest[:]); return err }})
	}
	sign, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return closers, err
	}
	s.verify = &subject{name: "Go crypto/rsa", do: func() error { return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sign) }}
	body, secret := make([]byte, text), make([]byte, 32)
	s.hashes = []*subject{
		{name: "HMAC-SHA256 of 512 bytes", do: func() error { h := hmac.New(sha256.New, secret); h.Write(body); h.Sum(nil); return nil }},
		{name: "MD5 of 512 bytes", do: func() error { md5.Sum(body); return nil }},
	}
	return closers, nil
}

// speed runs `openssl speed` on one core and on all.
func (s *Signed) speed(ctx context.Context, each time.Duration) error {
	for cores, into := range map[int]*[2][]float64{1: &s.sslOne, runtime.GOMAXPROCS(0): &s.sslAll} {
		args := []string{"speed", "-mr", "-elapsed", "-seconds", "1", "rsa2048"}
		if into == &s.sslAll {
			args = []string{"speed", "-mr", "-elapsed", "-seconds", "1", "-multi", strconv.Itoa(cores), "rsa2048"}
		}
		out, err := exec.CommandContext(ctx, "openssl", args...).Output()
		if err != nil {
			return fmt.Errorf("openssl speed: %w", err)
		}
		sign, verify, err := parseSpeed(string(out))
		if err != nil {
			return err
		}
		into[0], into[1] = append(into[0], sign), append(into[1], verify)
	}
	return nil
}

// parseSpeed reads the line for programs: +F2:number:bits:signs a second:verifies a second.
func parseSpeed(out string) (sign, verify float64, err error) {
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if fields[0] != "+F2" || len(fields) < 5 || fields[2] != "2048" {
			continue
		}
		if sign, err = strconv.ParseFloat(fields[3], 64); err == nil {
			verify, err = strconv.ParseFloat(fields[4], 64)
		}
		if err == nil && sign > 0 && verify > 0 {
			return sign, verify, nil
		}
	}
	return 0, 0, fmt.Errorf("openssl speed prints no rates:\n%s", out)
}

// Rate is what all cores sign a second with Go and with OpenSSL, through the pool.
func (s Signed) Rate() (inGo, inOpenSSL float64) {
	return median(s.ways[1].all), median(s.ways[3].all)
}

// Table is the rates beside those of `openssl speed`, each figure with the ratio to it.
func (s Signed) Table() (rows []load.Row) {
	cores := runtime.GOMAXPROCS(0)
	figure := func(x *subject) string {
		return fmt.Sprintf("%s/s, %s/s on %d; %.1f us", count(median(x.one)), count(median(x.all)), cores, median(x.cost))
	}
	to := func(x *subject, which int) string {
		return fmt.Sprintf("%.2f, %.2f x openssl speed", ratio(x.one, s.sslOne[which]), ratio(x.all, s.sslAll[which]))
	}
	for which, what := range []string{"signs", "verifies"} {
		rows = append(rows, load.Row{What: "RSA-2048 " + what + ", openssl speed of " + s.version,
			Figure: fmt.Sprintf("%s/s, %s/s on %d", count(median(s.sslOne[which])), count(median(s.sslAll[which])), cores)})
		if which == 1 {
			rows = append(rows, load.Row{What: s.verify.name + ", for every backend", Figure: figure(s.verify), Limit: to(s.verify, 1)})
			continue
		}
		for i, w := range s.ways {
			r := load.Row{What: w.name, Figure: figure(w), Limit: to(w, 0)}
			if i%2 == 1 {
				r.Limit = fmt.Sprintf("%.2f, %.2f x without the pool", ratio(w.one, s.ways[i-1].one), ratio(w.all, s.ways[i-1].all))
			}
			rows = append(rows, r)
		}
	}
	for _, h := range s.hashes {
		rows = append(rows, load.Row{What: h.name, Figure: figure(h)})
	}
	return rows
}
