package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"

	"cloudcashier/scripts/internal/rig"
)

// account is what the sandbox answers who opens one: all a merchant needs at each wallet. Keys are PEM.
type account struct {
	CA     string `json:"ca"`
	WeChat struct {
		AppID      string `json:"appid"`
		MchID      string `json:"mch_id"`
		APIKey     string `json:"api_key"`
		ClientCert string `json:"client_cert"`
		ClientKey  string `json:"client_key"`

		APIv3Key    string `json:"api_v3_key"`
		SerialNo    string `json:"serial_no"`
		PublicKeyID string `json:"public_key_id"`
		PublicKey   string `json:"public_key"`
	} `json:"wechat"`
	Alipay struct {
		AppID     string `json:"app_id"`
		SellerID  string `json:"seller_id"`
		PublicKey string `json:"public_key"`
	} `json:"alipay"`
}

// wallets is the sandbox as a merchant and an auditor see it.
type wallets struct {
	url     string // http: its control endpoints are for this machine only
	account account
}

// register opens an account the way the lab does, and gives the application's private key in the form that
// Alipay's SDK takes by default, PKCS #1.
func (w *wallets) register(ctx context.Context, name string) (keyPEM string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", fmt.Errorf("make an RSA key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", fmt.Errorf("encode the public key: %w", err)
	}
	body, err := json.Marshal(map[string]string{"name": name,
		"alipay_public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))})
	if err != nil {
		return "", fmt.Errorf("open an account: %w", err)
	}
	answer, err := w.ask(ctx, http.MethodPost, "/sandbox/merchants", body)
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(answer, &w.account); err != nil {
		return "", fmt.Errorf("read the account: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
}

// ledger reads what the sandbox booked.
func (w *wallets) ledger(ctx context.Context) (lines []rig.Entry, err error) {
	text, err := w.ask(ctx, http.MethodGet, "/sandbox/ledger", nil)
	if err != nil {
		return nil, err
	}
	for rows := json.NewDecoder(bytes.NewReader(text)); ; {
		var e rig.Entry
		switch err := rows.Decode(&e); {
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		lines = append(lines, e)
	}
}

func (w *wallets) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, w.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the sandbox: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the sandbox: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the sandbox for %s: %w", path, err)
	}
	return text, nil
}
