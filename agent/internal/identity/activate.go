package identity

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloudcashier/shared/fault"
)

const (
	activatePath = "/terminal/v1/activate"
	// activateTime bounds the whole exchange; a person waits for it in front of a screen.
	activateTime = 30 * time.Second
	// maxAnswer holds a certificate chain and a CA several times over.
	maxAnswer = 64 << 10
)

// Request is what it takes to activate a till.
type Request struct {
	HubURL string // https://host[:port]
	CAFile string // PEM; who may call itself the hub
	Code   string // one-time activation code
	Dir    string
	Now    func() time.Time
}

// Activate makes the till's key, has the hub certify it and writes the folder. After any failure
// the same call with the same code may be made again; after a success the folder is refused (Conflict).
func Activate(ctx context.Context, r Request) (Identity, error) {
	where, err := r.check()
	if err != nil {
		return Identity{}, err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return Identity{}, fmt.Errorf("make the till's folder: %w", err)
	}
	if err := os.Chmod(r.Dir, 0o700); err != nil {
		return Identity{}, fmt.Errorf("close the till's folder to others: %w", err)
	}
	if err := syncDir(filepath.Dir(filepath.Clean(r.Dir))); err != nil { // the folder itself must survive a power cut
		return Identity{}, fmt.Errorf("keep the till's folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, identityFile)); !errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fault.New(fault.Conflict, "identity.active",
			"%s belongs to an activated till already: use another folder for a new one", r.Dir)
	}
	key, err := keyOf(r.Dir)
	if err != nil {
		return Identity{}, err
	}
	g, err := r.ask(ctx, where, key)
	if err != nil {
		return Identity{}, err
	}
	who, err := g.identity(key)
	if err != nil {
		return Identity{}, fault.Wrap(err, fault.Invalid, "activate.answer", "the hub's answer does not fit this till: tell the operator of the hub")
	}
	return who, g.save(r.Dir)
}

// check gives the address to post to.
func (r Request) check() (string, error) {
	hub, err := url.Parse(r.HubURL)
	if err != nil || hub.Scheme != "https" || hub.Host == "" {
		return "", fault.New(fault.Invalid, "activate.hub", "the hub's address must be https://host[:port]")
	}
	if strings.TrimSpace(r.Code) == "" {
		return "", fault.New(fault.Invalid, "activate.code", "the activation code is missing: get one from the portal")
	}
	return hub.JoinPath(activatePath).String(), nil
}

// ask sends the code and a signing request for the key.
func (r Request) ask(ctx context.Context, where string, key ed25519.PrivateKey) (grant, error) {
	roots, err := os.ReadFile(r.CAFile)
	if err != nil {
		return grant{}, fault.Wrap(err, fault.Invalid, "activate.ca", "the hub's CA file cannot be read: copy it from the hub")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		return grant{}, fault.New(fault.Invalid, "activate.ca", "%s holds no PEM certificate: copy the CA file from the hub again", r.CAFile)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "till"}}, key)
	if err != nil {
		return grant{}, fmt.Errorf("make the signing request: %w", err)
	}
	body, err := json.Marshal(map[string]string{
		"code": strings.TrimSpace(r.Code),
		"csr":  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
	})
	if err != nil {
		return grant{}, fmt.Errorf("encode the activation: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, activateTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return grant{}, fmt.Errorf("make the activation request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, Time: r.Now},
		DisableKeepAlives: true,
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the code goes to the pinned hub and nowhere else
	}}
	answer, err := client.Do(request)
	if err != nil {
		return grant{}, unreachable(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return grant{}, unreachable(err)
	}
	return read(answer.StatusCode, data)
}

// unreachable says what to do about a conversation that failed. The code may have been used by
// then; the same key gets the same certificate again.
func unreachable(err error) error {
	advice := "check the network and run the same command again, the code stays good for this till"
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		advice = "the CA file is not this hub's: copy it from the hub again"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		advice = "its certificate is not valid now: set this till's clock"
	}
	return fault.Wrap(err, fault.InDoubt, "activate.unreachable", "the hub did not answer: %s", advice)
}

// read makes a grant of the hub's answer, or the hub's own words.
func read(status int, data []byte) (grant, error) {
	var g grant
	if len(data) > maxAnswer {
		return g, fault.New(fault.InDoubt, "activate.answer", "the hub's answer is too long: check the hub's address")
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(data, &g); err != nil {
			return g, fault.Wrap(err, fault.InDoubt, "activate.answer", "the hub's answer makes no sense: check the hub's address and run the same command again")
		}
		return g, nil
	}
	var problem struct{ Title, Detail, Code, Advice string }
	if err := json.Unmarshal(data, &problem); err != nil || problem.Title+problem.Detail == "" {
		problem.Detail = fmt.Sprintf("the hub answered with status %d: check the hub's address", status)
	}
	if problem.Detail == "" {
		problem.Detail = problem.Title
	}
	if problem.Advice != "" {
		problem.Detail += ": " + problem.Advice
	}
	if problem.Code == "" {
		problem.Code = "activate.refused"
	}
	kind := fault.InDoubt // a 5xx may come after the hub has done it
	switch {
	case status == http.StatusTooManyRequests:
		kind = fault.Unavailable
	case status == http.StatusConflict:
		kind = fault.Conflict
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		kind = fault.Denied
	case status < 500:
		kind = fault.Invalid
	}
	return g, fault.New(kind, problem.Code, "%s", problem.Detail)
}

// save writes what was granted; identity.json comes last and makes the folder an activated one.
func (g grant) save(dir string) error {
	if err := writeFile(dir, certFile, []byte(g.Certificate)); err != nil {
		return err
	}
	if err := writeFile(dir, caFile, []byte(g.CA)); err != nil {
		return err
	}
	g.Certificate, g.CA = "", ""
	data, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the identity: %w", err)
	}
	return writeFile(dir, identityFile, append(data, '\n'))
}
