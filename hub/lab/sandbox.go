package lab

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
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"cloudcashier/hub/hubd"
	"cloudcashier/hub/sandbox"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// sandboxProcess is the pretended wallets in a process of their own. It ends with the lab: its
// standard input is a pipe that closes when the lab is gone, however it went.
type sandboxProcess struct {
	data, url string
	log       *slog.Logger

	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan error // one value when the process has ended
}

// patience is how long a sandbox may take to answer; it makes keys at its first start.
const patience = 20 * time.Second

func (s *sandboxProcess) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "lab.sandbox", "cannot find this program to start the sandbox")
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return fault.Wrap(err, fault.Internal, "lab.sandbox", "cannot make the sandbox's folder")
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return fmt.Errorf("sandbox URL: %w", err)
	}
	s.cmd = exec.Command(self, "sandbox", "--data", s.data, "--listen", u.Host, "--until-stdin-closes")
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the lab, which stops the sandbox last
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return fmt.Errorf("sandbox stdin: %w", err)
	}
	if err := s.cmd.Start(); err != nil {
		return fault.Wrap(err, fault.Internal, "lab.sandbox", "cannot start the sandbox")
	}
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if healthy(ctx, s.url) {
			return nil
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fault.Wrap(errors.Join(err, errors.New("see its lines above")), fault.Internal, "lab.sandbox", "the sandbox ended at once")
		case <-ctx.Done():
			s.stop()
			return fault.New(fault.Unavailable, "lab.sandbox", "the sandbox does not answer at %s", s.url)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// watch runs until ctx ends; a sandbox that dies before is a failure of the lab.
func (s *sandboxProcess) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.ended:
		s.ended <- err
		return fault.Wrap(errors.Join(err, errors.New("process ended")), fault.Internal, "lab.sandbox", "the sandbox died")
	}
}

func (s *sandboxProcess) stop() {
	_ = s.stdin.Close()
	select {
	case err := <-s.ended:
		s.ended <- err
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
		s.ended <- <-s.ended
	}
}

func healthy(ctx context.Context, base string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/sandbox/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// wallets opens accounts at the sandbox, keeps their keys in files, and names them as channels.
func wallets(ctx context.Context, sandboxURL, name, dir string) ([]hubd.ChannelConfig, error) {
	base, err := url.Parse(sandboxURL)
	if err != nil || base.Host == "" {
		return nil, fault.New(fault.Invalid, "lab.sandbox", "%q is no URL of a sandbox: write http://127.0.0.1:9400", sandboxURL)
	}
	public, err := alipayKey(filepath.Join(dir, "alipay_app.pem"))
	if err != nil {
		return nil, err
	}
	a, err := register(ctx, sandboxURL, name, public)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"wallet_ca.pem": a.CA, "wechat_api.key": a.WeChat.APIKey, "wechat_cert.pem": a.WeChat.ClientCert,
		"wechat_key.pem": a.WeChat.ClientKey, "alipay_wallet.pem": a.Alipay.PublicKey} {
		if err := hubd.WriteFile(filepath.Join(dir, name), []byte(text)); err != nil {
			return nil, err
		}
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	root := "https://" + base.Host // TLS always: a reversal at WeChat shows the merchant's certificate
	return []hubd.ChannelConfig{
		{Name: "wechat-demo", Wallet: pay.WeChat, URL: root + "/wechat", CAFile: file("wallet_ca.pem"), WeChat: &hubd.WeChatConfig{
			AppID: a.WeChat.AppID, MchID: a.WeChat.MchID, APIKeyFile: file("wechat_api.key"), CertFile: file("wechat_cert.pem"),
			KeyFile: file("wechat_key.pem"), DeviceIP: "127.0.0.1"}},
		{Name: "alipay-demo", Wallet: pay.Alipay, URL: root + "/alipay/gateway.do", CAFile: file("wallet_ca.pem"), Alipay: &hubd.AlipayConfig{
			AppID: a.Alipay.AppID, SellerID: a.Alipay.SellerID, KeyFile: file("alipay_app.pem"), WalletKeyFile: file("alipay_wallet.pem")}},
		{Name: "stored-demo", Wallet: pay.StoredValue}, // the hub's own: no sandbox
	}, nil
}

func register(ctx context.Context, sandboxURL, name string, alipayPublic []byte) (a sandbox.Account, err error) {
	body, err := json.Marshal(map[string]string{"name": name, "alipay_public_key": string(alipayPublic)})
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sandboxURL+"/sandbox/merchants", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fault.Wrap(err, fault.Unavailable, "lab.sandbox", "no sandbox answers at %s: start one with cashier-hub sandbox, or leave --sandbox away", sandboxURL)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 256<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, data)
	}
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	return a, fault.Wrap(err, fault.Unavailable, "lab.sandbox", "the sandbox at %s gave no account", sandboxURL)
}

// alipayKey keeps the demo application's RSA key and gives its public half.
func alipayKey(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	var key *rsa.PrivateKey
	switch {
	case err == nil:
		b, _ := pem.Decode(data)
		if b == nil {
			return nil, fault.New(fault.Invalid, "lab.key", "%s is damaged: delete it, a new one is made", path)
		}
		if key, err = x509.ParsePKCS1PrivateKey(b.Bytes); err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "lab.key", "%s is damaged: delete it, a new one is made", path)
		}
	case errors.Is(err, fs.ErrNotExist):
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, fmt.Errorf("make an RSA key: %w", err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		if err := hubd.WriteFile(path, text); err != nil {
			return nil, err
		}
	default:
		return nil, fault.Wrap(err, fault.Internal, "lab.key", "cannot read %s", path)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
