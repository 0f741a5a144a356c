package rig

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloudcashier/shared/freeport"
	"cloudcashier/shared/pay"
)

// Lab is a running lab hub; its fields are those of lab.json.
type Lab struct {
	API             string   `json:"api"`
	APIKeyID        string   `json:"api_key_id"`
	APISecret       string   `json:"api_secret"`
	MQTT            string   `json:"mqtt"`
	CA              string   `json:"ca"`
	Sandbox         string   `json:"sandbox"`
	Merchant        string   `json:"merchant"`
	Store           string   `json:"store"`
	ActivationCodes []string `json:"activation_codes"`
	Portal          string   `json:"portal"`
	PortalUser      string   `json:"portal_user"`
	PortalPassword  string   `json:"portal_password"`
	MetricsToken    string   `json:"metrics_token"`
	StoredAccount   string   `json:"stored_account"`
	PID             int      `json:"pid"`

	Data    string   `json:"-"` // its folder
	Process *Process `json:"-"`
	rig     *Rig
	http    *http.Client
	next    int // activation code to use
}

// StartLab starts `cashier-hub lab` on the folder, with further arguments, and returns when it is ready.
func (r *Rig) StartLab(ctx context.Context, data string, args ...string) (*Lab, error) {
	return r.startLab(ctx, data, "cashier-hub", append([]string{"lab", "--data", data}, args...))
}

// StartLabLimited is [Rig.StartLab] with a hub whose files cannot grow beyond so many KiB.
func (r *Rig) StartLabLimited(ctx context.Context, kib int, data string, args ...string) (*Lab, error) {
	args = append([]string{"lab", "--data", data}, args...)
	return r.startLab(ctx, data, limiter, append(limits(kib, r.Program("cashier-hub")), args...))
}

func (r *Rig) startLab(ctx context.Context, data, program string, args []string) (*Lab, error) {
	p, err := r.Start("hub", program, args...)
	if err != nil {
		return nil, err
	}
	lab := &Lab{Data: data, Process: p, rig: r}
	err = Await(ctx, "the lab is ready", func() (bool, error) {
		select {
		case <-p.Done():
			return true, nil // looked at below
		default:
		}
		text, err := os.ReadFile(filepath.Join(data, "lab.json"))
		if err != nil {
			return false, err
		}
		if err := json.Unmarshal(text, lab); err != nil {
			return false, err
		}
		return lab.PID == p.PID(), nil // a lab.json of an earlier run does not count
	})
	if err != nil {
		return nil, fmt.Errorf("%w; see %s", err, p.Log)
	}
	select {
	case <-p.Done():
		return nil, fmt.Errorf("the lab ended by itself: %s", tail(p.Log))
	default:
	}
	r.Remember("the API secret", lab.APISecret)
	r.Remember("the portal's password", lab.PortalPassword)
	return lab, lab.connect()
}

// OpenLab uses a lab that somebody else runs.
func OpenLab(data string) (*Lab, error) {
	text, err := os.ReadFile(filepath.Join(data, "lab.json"))
	if err != nil {
		return nil, fmt.Errorf("no lab runs in %s: %w", data, err)
	}
	lab := &Lab{Data: data, rig: &Rig{}}
	if err := json.Unmarshal(text, lab); err != nil {
		return nil, fmt.Errorf("read lab.json: %w", err)
	}
	return lab, lab.connect()
}

// connect makes the HTTP client that trusts the lab's CA.
func (l *Lab) connect() error {
	path := l.CA
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.Data, path)
	}
	l.CA = path
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the lab's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("the lab's CA file %s holds no certificate", path)
	}
	l.http = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64,
	}}
	return nil
}

// MQTTAddress is the terminals' door without its scheme.
func (l *Lab) MQTTAddress() string {
	_, address, ok := strings.Cut(l.MQTT, "://")
	if !ok {
		return l.MQTT
	}
	return address
}

// ActivationCode gives one that was not given before.
func (l *Lab) ActivationCode() (string, error) {
	if l.next >= len(l.ActivationCodes) {
		return "", fmt.Errorf("all %d activation codes of the lab are used", len(l.ActivationCodes))
	}
	l.next++
	return l.ActivationCodes[l.next-1], nil
}

// Code has a customer of the wallet show a payment code with the fate.
func (l *Lab) Code(ctx context.Context, wallet pay.Wallet, fate string) (string, error) {
	var answer struct {
		Code string `json:"code"`
	}
	err := l.sandbox(ctx, http.MethodPost, "/sandbox/codes", map[string]string{"wallet": string(wallet), "scenario": fate},
		func(body []byte) error { return json.Unmarshal(body, &answer) })
	l.rig.Remember("a payment code", answer.Code)
	return answer.Code, err
}

// Faults sets the pretended wallets' fault rates, a JSON object; {} heals them.
func (l *Lab) Faults(ctx context.Context, seed uint64, rates string) error {
	return l.sandbox(ctx, http.MethodPost, "/sandbox/faults", map[string]any{"seed": seed, "rates": json.RawMessage(rates)},
		func([]byte) error { return nil })
}

// Entry is a line of the wallets' own ledger.
type Entry struct {
	Wallet     pay.Wallet `json:"wallet"`
	OutTradeNo string     `json:"out_trade_no"`
	WalletRef  string     `json:"wallet_ref"`
	Kind       string     `json:"kind"` // charge, reversal, refund
	Amount     int64      `json:"amount"`
	At         time.Time  `json:"at"`

	OutRefundNo string `json:"out_refund_no"` // of a refund
}

// Ledger reads the wallets' ledger.
func (l *Lab) Ledger(ctx context.Context) (entries []Entry, err error) {
	err = l.sandbox(ctx, http.MethodGet, "/sandbox/ledger", nil, func(body []byte) error {
		return eachLine(body, func(line []byte) error {
			var e Entry
			if err := json.Unmarshal(line, &e); err != nil {
				return err
			}
			entries = append(entries, e)
			return nil
		})
	})
	return entries, err
}

func (l *Lab) sandbox(ctx context.Context, method, path string, body any, read func([]byte) error) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return fmt.Errorf("ask the sandbox: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, l.Sandbox+path, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := l.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the sandbox answers %s with %s: %s", path, answer.Status, text)
	}
	if err := read(text); err != nil {
		return fmt.Errorf("the sandbox's answer to %s: %w", path, err)
	}
	return nil
}

// eachLine hands every line that is not empty to fn.
func eachLine(text []byte, fn func(line []byte) error) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := fn(lines.Bytes()); err != nil {
			return fmt.Errorf("line %q: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

// tail gives the end of a log file, for an error message.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// StartSandbox starts the pretended wallets by themselves, so that they outlive a hub that is killed.
func (r *Rig) StartSandbox(ctx context.Context, data string) (url string, err error) {
	address, err := freeport.Address()
	if err != nil {
		return "", err
	}
	p, err := r.Start("sandbox", "cashier-hub", "sandbox", "--data", data, "--listen", address)
	if err != nil {
		return "", err
	}
	url = "http://" + address
	return url, Await(ctx, "the sandbox answers", func() (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("it ended by itself: %s", tail(p.Log))
		default:
		}
		answer, err := http.Get(url + "/sandbox/health")
		if err != nil {
			return false, err
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK, fmt.Errorf("it answers %s", answer.Status)
	})
}
