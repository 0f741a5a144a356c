package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloudcashier/scripts/internal/hsm"
	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/needle"
	"cloudcashier/scripts/internal/rig"
)

// story is a lab's hub, what is known of its wallets' keys, and what was found.
type story struct {
	ctx     context.Context
	rig     *rig.Rig
	span    time.Duration
	lab     *rig.Lab
	sandbox string
	wallets string // the sandbox's folder: the wallets' side, where keys may stand
	name    string // of the account
	apiKey  string
	rsa     map[string]*rsa.PrivateKey // by the name in the vault
	kek     []byte
	token   *hsm.Token
	orders  int

	rows []load.Row
	hits []string
}

// appName is the key that is ours to choose.
const appName = "alipay-demo/app"

// tokenIDs are the keys' names in the token.
var tokenIDs = map[string]string{appName: "a1", "wechat-demo/client": "c1", "unionpay-demo/sign": "d1"}

// how says in which way memory is read.
func (s *story) how() string {
	if os.Geteuid() == 0 {
		return "memory read as root"
	}
	return "memory read of hubs that are traced from their start"
}

func (s *story) close() {
	if s.token != nil {
		s.token.Close()
	}
}

func (s *story) run() error {
	if err := s.open(); err != nil {
		return err
	}
	for _, part := range []func() error{s.atRest, s.inMemory, s.inToken} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// open starts wallets and a lab, and learns the keys: those that the wallets made, and an Alipay key of our own.
func (s *story) open() (err error) {
	s.wallets = filepath.Join(s.rig.Dir, "wallets")
	if s.sandbox, err = s.rig.StartSandbox(s.ctx, s.wallets); err != nil {
		return err
	}
	if s.lab, err = s.rig.StartLab(s.ctx, filepath.Join(s.rig.Dir, "hub"), "--sandbox", s.sandbox); err != nil {
		return err
	}
	var state struct{ Name string }
	text, err := os.ReadFile(filepath.Join(s.lab.Data, "keys", "lab.json"))
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		return fmt.Errorf("the lab's state: %w", err)
	}
	s.name = state.Name
	if s.kek, err = os.ReadFile(filepath.Join(s.lab.Data, "keys", "kek.key")); err != nil {
		return err
	}
	app, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	s.rsa = map[string]*rsa.PrivateKey{appName: app}
	if err := s.lab.Process.Stop(); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&app.PublicKey)
	if err != nil {
		return err
	}
	if err := s.account(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))); err != nil {
		return err
	}
	config := filepath.Join(s.lab.Data, "hub.yaml")
	if err := s.key(app, "rotate", appName, "--config", config); err != nil {
		return err
	}
	return s.key(nil, "retire", appName, "--version", "1", "--config", config)
}

// account reads the merchant's keys at the wallets and gives them Alipay's public half.
func (s *story) account(alipay string) error {
	body, err := json.Marshal(map[string]string{"name": s.name, "alipay_public_key": alipay})
	if err != nil {
		return err
	}
	answer, err := http.Post(s.sandbox+"/sandbox/merchants", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var a struct {
		WeChat struct {
			APIKey    string `json:"api_key"`
			ClientKey string `json:"client_key"`
		}
		UnionPay struct {
			SignKey string `json:"sign_key"`
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&a); err != nil {
		return fmt.Errorf("the account at the wallets: %w", err)
	}
	s.apiKey = a.WeChat.APIKey
	for name, text := range map[string]string{"wechat-demo/client": a.WeChat.ClientKey, "unionpay-demo/sign": a.UnionPay.SignKey} {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return fmt.Errorf("%s: the wallets give no PEM", name)
		}
		any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			if any, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		s.rsa[name] = any.(*rsa.PrivateKey) // the wallets make no others
	}
	return nil
}

// key runs `cashier-hub key …`, with a key on its standard input when there is one, and looks at what it prints.
func (s *story) key(key *rsa.PrivateKey, args ...string) error {
	cmd := exec.CommandContext(s.ctx, s.rig.Program("cashier-hub"), append(append([]string{"key"}, args...), "--by", "keyscan")...)
	if key != nil {
		cmd.Stdin = bytes.NewReader(pemOf(key))
	}
	out, err := cmd.CombinedOutput()
	s.hits = append(s.hits, needle.In(out, "the output of key "+args[0], s.needles())...)
	if err != nil {
		return fmt.Errorf("key %v: %w: %s", args, err, out)
	}
	return nil
}

func pemOf(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE " + "KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

const apiKeyName = "the APIv2 key"

// needles are all of the wallets' keys.
func (s *story) needles() (list []needle.Needle) {
	if s.apiKey != "" {
		list = needle.OfText(apiKeyName, []byte(s.apiKey))
	}
	for _, name := range slices.Sorted(maps.Keys(s.rsa)) {
		list = append(list, needle.OfRSA(name, s.rsa[name])...)
	}
	return list
}

// found adds a row: where was looked, what was found, and what must be.
func (s *story) found(where, looked string, hits []string, must string, missed bool) {
	s.rows = append(s.rows, load.Row{What: where, Figure: fmt.Sprintf("%d hits in %s", len(hits), looked), Limit: must, Missed: missed})
	if missed {
		s.hits = append(s.hits, hits...)
	}
}

// without leaves out the hits of the text that WeChat Pay v2 signs with: it is in memory always.
func without(hits []string) (list []string) {
	for _, h := range hits {
		if !strings.HasPrefix(h, apiKeyName) {
			list = append(list, h)
		}
	}
	return list
}
