package lab

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
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

// wallets opens accounts at the sandbox, seals their keys in the vault, and names them as channels.
func wallets(ctx context.Context, cfg hubd.Config, deps hubd.Deps, st state) ([]hubd.ChannelConfig, error) {
	const wechat, alipay, unionpay = "wechat-demo", "alipay-demo", "unionpay-demo" // the channels; their keys are called after them
	base, err := url.Parse(st.Sandbox)
	if err != nil || base.Host == "" {
		return nil, fault.New(fault.Invalid, "lab.sandbox", "%q is no URL of a sandbox: write http://127.0.0.1:9400", st.Sandbox)
	}
	key := func(channel, name, kind string, text []byte) hubd.KeyInput {
		return hubd.KeyInput{Name: channel + "/" + name, Kind: kind, Channel: channel, Text: text, By: "lab"}
	}
	app, err := hubd.MintKey(cfg, deps, key(alipay, "app", "rsa", nil), func() ([]byte, error) { return mintRSA(deps.Random) })
	if err != nil {
		return nil, err
	}
	a, err := register(ctx, st.Sandbox, st.Name, app.PublicKey)
	if err != nil {
		return nil, err
	}
	file := func(name string) string { return filepath.Join(cfg.Data, "keys", name) }
	ca, u := file("wallet_ca.pem"), a.UnionPay
	for name, text := range map[string]string{"wallet_ca.pem": a.CA, "unionpay_root.pem": u.Root, "unionpay_middle.pem": u.Middle} {
		if err := hubd.WriteFile(file(name), []byte(text)); err != nil {
			return nil, err
		}
	}
	err = hubd.KeepKeys(cfg, deps, []hubd.KeyInput{key(wechat, "api", "secret", []byte(a.WeChat.APIKey)),
		key(wechat, "cert", "certificate", []byte(a.WeChat.ClientCert)), key(wechat, "client", "rsa", []byte(a.WeChat.ClientKey)),
		key(alipay, "wallet", "public", []byte(a.Alipay.PublicKey)),
		key(unionpay, "cert", "certificate", []byte(u.SignCert)), key(unionpay, "sign", "rsa", []byte(u.SignKey))})
	if err != nil {
		return nil, err
	}
	sealed := func(channel, name string) string { return "vault:" + channel + "/" + name }
	root := "https://" + base.Host // TLS always: a reversal at WeChat shows the merchant's certificate
	return []hubd.ChannelConfig{
		{Name: wechat, Wallet: pay.WeChat, URL: root + "/wechat", CAFile: ca, WeChat: &hubd.WeChatConfig{
			AppID: a.WeChat.AppID, MchID: a.WeChat.MchID, APIKey: sealed(wechat, "api"), Cert: sealed(wechat, "cert"),
			Key: sealed(wechat, "client"), DeviceIP: "127.0.0.1"}},
		{Name: alipay, Wallet: pay.Alipay, URL: root + "/alipay/gateway.do", CAFile: ca, Alipay: &hubd.AlipayConfig{
			AppID: a.Alipay.AppID, SellerID: a.Alipay.SellerID, Key: sealed(alipay, "app"), WalletKey: sealed(alipay, "wallet")}},
		{Name: unionpay, Wallet: pay.UnionPay, URL: root + "/unionpay/gateway/api", CAFile: ca, UnionPay: &hubd.UnionPayConfig{
			FileURL: root + "/unionpay/filedownload/", MerID: u.MerID, TermID: "00000001", Key: sealed(unionpay, "sign"), Cert: sealed(unionpay, "cert"),
			RootFile: file("unionpay_root.pem"), MiddleFiles: []string{file("unionpay_middle.pem")}, Signer: u.Signer}},
		{Name: "stored-demo", Wallet: pay.StoredValue}, // the hub's own: no sandbox
	}, nil
}

func register(ctx context.Context, sandboxURL, name, alipayPublic string) (a sandbox.Account, err error) {
	body, err := json.Marshal(map[string]string{"name": name, "alipay_public_key": alipayPublic})
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

// mintRSA makes a key, PEM.
func mintRSA(random io.Reader) ([]byte, error) {
	key, err := rsa.GenerateKey(random, 2048)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
}
