package portal

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	scheme      = "pbkdf2-sha256"
	iterations  = 600_000 // OWASP's figure for PBKDF2 with SHA-256; about 0.3 s
	saltBytes   = 16
	keyBytes    = 32
	minPassword = 10
	maxPassword = 256 // longer ones only cost time

	wrongTries  = 5 // per address and window
	tryWindow   = time.Minute
	maxRemember = 1024 // addresses; beyond it the memory starts afresh
	maxChecking = 4    // password checks waiting for their turn; one runs at a time
)

// HashPassword makes what [Config] wants: scheme, iterations, salt and key, so that the figures can
// grow without a new format.
func HashPassword(password string, random io.Reader) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", fmt.Errorf("portal: a password has %d to %d bytes", minPassword, maxPassword)
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("portal: salt: %w", err)
	}
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, keyBytes)
	if err != nil {
		return "", fmt.Errorf("portal: hash the password: %w", err)
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("%s$%d$%s$%s", scheme, iterations, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// guard checks HTTP Basic credentials.
type guard struct {
	user  string
	count int
	salt  []byte
	key   []byte
	now   func() time.Time
	turn  chan struct{} // who waits to check a password
	one   sync.Mutex    // one check at a time, so that guessing takes at most one core

	mu    sync.Mutex
	good  [sha256.Size]byte // what was proven right, under a keyed hash: later pages need no 0.3 s
	known bool
	wrong map[string]tries
}

type tries struct {
	since time.Time
	count int
}

func newGuard(cfg Config, now func() time.Time) (*guard, error) {
	bad := errors.New("portal: the password hash is malformed: make it anew")
	parts := strings.Split(strings.TrimSpace(cfg.PasswordHash), "$")
	if cfg.User == "" || len(parts) != 4 || parts[0] != scheme {
		return nil, bad
	}
	count, err := strconv.Atoi(parts[1])
	if err != nil || count < iterations || count > 100*iterations {
		return nil, bad
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[2])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[3])
	if err1 != nil || err2 != nil || len(salt) < saltBytes || len(key) != keyBytes {
		return nil, bad
	}
	return &guard{user: cfg.User, count: count, salt: salt, key: key, now: now,
		turn: make(chan struct{}, maxChecking), wrong: map[string]tries{}}, nil
}

// admit lets the request pass, or answers it.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok || len(password) > maxPassword || len(user) > maxPassword {
		challenge(w)
		return false
	}
	proof := g.proof(user, password)
	if g.proven(proof) {
		return true
	}
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	if !g.mayTry(from) {
		w.Header().Set("Retry-After", strconv.Itoa(int(tryWindow/time.Second)))
		http.Error(w, "too many wrong passwords: wait a minute", http.StatusTooManyRequests)
		return false
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy: try again", http.StatusServiceUnavailable)
		return false
	}
	if !g.check(user, password, proof) {
		g.failed(from)
		challenge(w)
		return false
	}
	return true
}

func challenge(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Cloud Cashier operations", charset="UTF-8"`)
	http.Error(w, "log in with the operations account", http.StatusUnauthorized)
}

// proof is a fast keyed hash of the credentials; its key is as secret as the password's hash.
func (g *guard) proof(user, password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, g.key)
	fmt.Fprintf(mac, "%d:%s%s", len(user), user, password)
	mac.Sum(sum[:0])
	return sum
}

func (g *guard) proven(proof [sha256.Size]byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known && subtle.ConstantTimeCompare(g.good[:], proof[:]) == 1
}

// check derives the key from the password; an unknown user costs the same.
func (g *guard) check(user, password string, proof [sha256.Size]byte) bool {
	g.one.Lock()
	defer g.one.Unlock()
	key, err := pbkdf2.Key(sha256.New, password, g.salt, g.count, keyBytes)
	right := err == nil && subtle.ConstantTimeCompare(key, g.key)&subtle.ConstantTimeCompare([]byte(user), []byte(g.user)) == 1
	if right {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.good, g.known = proof, true
	}
	return right
}

func (g *guard) mayTry(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.wrong[from]
	return t.count < wrongTries || g.now().Sub(t.since) >= tryWindow
}

func (g *guard) failed(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.wrong) >= maxRemember {
		clear(g.wrong)
	}
	now, t := g.now(), g.wrong[from]
	if now.Sub(t.since) >= tryWindow {
		t = tries{since: now}
	}
	t.count++
	g.wrong[from] = t
}
