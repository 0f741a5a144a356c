// Package lab sets up a complete hub in one folder: a demo merchant and store, channels to every
// wallet of a sandbox, keys, certificates, activation codes. It is for trying, demonstrating and
// testing; what it starts is the very hub that serves real shops.
//
// It refuses to pretend: the hub it configures cannot tell the sandbox from a wallet. Newcomers get
// one thing wrong: lab.json is written when the hub is ready and removed when the lab starts; what
// must outlive a restart stands in keys/lab.json.
package lab

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/freeport"
	"cloudcashier/shared/run"
)

// codes is how many terminals can be activated.
const codes = 24

// Options are the command's flags.
type Options struct {
	Data    string // folder; made when missing
	HTTP    string // host:port of the API; a free port of this machine when empty
	MQTT    string // host:port of the terminals' door; likewise
	Sandbox string // URL of a sandbox that runs already; one is started when empty
	Log     *slog.Logger
}

// File is lab.json: all one needs to use the lab.
type File struct {
	API             string   `json:"api"`
	APIKeyID        string   `json:"api_key_id"`
	APISecret       string   `json:"api_secret"`
	MQTT            string   `json:"mqtt"`
	CA              string   `json:"ca"` // file
	Sandbox         string   `json:"sandbox"`
	Merchant        string   `json:"merchant"`
	Store           string   `json:"store"`
	ActivationCodes []string `json:"activation_codes"`
	Portal          string   `json:"portal"`
	PortalUser      string   `json:"portal_user"`
	PortalPassword  string   `json:"portal_password"`
	MetricsToken    string   `json:"metrics_token"`
	StoredAccount   string   `json:"stored_account"` // with stored value to spend

	Operators []hubd.DemoOperator `json:"operators"` // with PINs that everybody may know: this is a lab

	PID int `json:"pid"`
}

// state is what must outlive a restart.
type state struct {
	HTTP     string `json:"http"`
	MQTT     string `json:"mqtt"`
	Notices  string `json:"notices"` // host:port, of this machine: the sandbox posts there
	Sandbox  string `json:"sandbox"` // URL
	Own      bool   `json:"own"`     // the lab starts the sandbox itself
	Password string `json:"password"`
	Name     string `json:"name"` // of the account at the sandbox: two labs on one sandbox have one each
}

// Run sets the lab up and runs it until ctx ends.
func Run(ctx context.Context, o Options) error {
	keysDir := filepath.Join(o.Data, "keys")
	if err := os.MkdirAll(keysDir, 0o700); err != nil {
		return fault.Wrap(err, fault.Invalid, "lab.folder", "cannot make %s: name a folder that can be written with --data", o.Data)
	}
	lock, err := hubd.LockFolder(o.Data, "lab") // before anything of a lab that runs is touched
	if err != nil {
		return err
	}
	defer lock.Close()
	path := filepath.Join(o.Data, "lab.json")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(err, fault.Internal, "lab.file", "cannot replace %s", path)
	}
	st, err := prepare(o, filepath.Join(keysDir, "lab.json"))
	if err != nil {
		return err
	}
	parts := []run.Part{}
	if st.Own {
		box := &sandboxProcess{data: filepath.Join(o.Data, "sandbox"), url: st.Sandbox, log: o.Log}
		if err := box.start(ctx); err != nil {
			return err
		}
		defer box.stop()
		parts = append(parts, run.Part{Name: "sandbox", Run: box.watch})
	}
	hub, err := open(ctx, o, st, keysDir)
	if err != nil {
		return err
	}
	file, err := describe(o, st, hub)
	if err == nil {
		err = hubd.WriteFile(path, file)
	}
	if err != nil {
		return errors.Join(err, hub.Close())
	}
	o.Log.Info("lab is ready", "file", path, "api", "https://"+st.HTTP, "sandbox", st.Sandbox)
	parts = append(parts, run.Part{Name: "hub", Run: hub.Run})
	return run.Group(ctx, parts...)
}

// prepare reads the state of an earlier run, lets the flags win, and fills in what is missing.
func prepare(o Options, path string) (st state, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(data, &st); err != nil {
			return st, fault.Wrap(err, fault.Invalid, "lab.state", "%s is damaged: restore it, or start a lab in another folder", path)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return st, fault.Wrap(err, fault.Internal, "lab.state", "cannot read %s", path)
	}
	if o.Sandbox != "" {
		st.Sandbox, st.Own = o.Sandbox, false
	} else if st.Sandbox == "" {
		addr, err := freeport.Address()
		if err != nil {
			return st, err
		}
		st.Sandbox, st.Own = "http://"+addr, true
	}
	for _, a := range []struct {
		flag  string
		value *string
	}{{o.HTTP, &st.HTTP}, {o.MQTT, &st.MQTT}, {"", &st.Notices}} {
		if a.flag != "" {
			*a.value = a.flag
		}
		if *a.value, err = fixedAddress(*a.value); err != nil {
			return st, err
		}
	}
	if st.Password == "" {
		raw := make([]byte, 15)
		_, _ = rand.Read(raw) // never fails
		st.Password = base64.RawURLEncoding.EncodeToString(raw)
	}
	if st.Name == "" {
		raw := make([]byte, 4)
		_, _ = rand.Read(raw)
		st.Name = "Cloud Cashier lab " + hex.EncodeToString(raw)
	}
	if data, err = json.Marshal(st); err != nil {
		return st, err
	}
	return st, hubd.WriteFile(path, data)
}

// fixedAddress gives an empty address or port 0 a free port, to be kept over restarts.
func fixedAddress(addr string) (string, error) {
	if addr == "" {
		return freeport.Address()
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fault.New(fault.Invalid, "lab.address", "%q is no host:port", addr)
	}
	if port != "0" {
		return addr, nil
	}
	free, err := freeport.Address()
	if err != nil {
		return "", err
	}
	_, port, _ = net.SplitHostPort(free)
	return net.JoinHostPort(host, port), nil
}

// open configures the wallets, opens the hub and fills it with the demo's people.
func open(ctx context.Context, o Options, st state, keysDir string) (*hubd.Hub, error) {
	host, _, _ := net.SplitHostPort(st.HTTP)
	cfg := hubd.Config{Data: o.Data, HTTP: st.HTTP, MQTT: st.MQTT, Hosts: []string{"localhost", "127.0.0.1", "::1"},
		Notices: hubd.NoticesConfig{Listen: st.Notices, URL: "http://" + st.Notices},
		Portal:  hubd.PortalConfig{User: "ops", PasswordFile: filepath.Join(keysDir, "portal.hash")},
		Offline: []hubd.OfflineConfig{{PerSale: 200_00, Count: 20, Sum: 2000_00, Age: 24 * time.Hour, Valid: 72 * time.Hour, Collect: 7 * 24 * time.Hour}}}
	if host != "" && host != "127.0.0.1" && host != "localhost" && host != "::1" && host != "0.0.0.0" && host != "::" {
		cfg.Hosts = append(cfg.Hosts, host)
	}
	deps := hubd.Deps{Now: time.Now, Random: rand.Reader, Log: o.Log}
	channels, err := wallets(ctx, cfg, deps, st)
	if err != nil {
		return nil, err
	}
	for i := range channels { // a sandbox's codes choose their fate, so that a few failures say nothing of the channel
		channels[i].Route.Breaker = &hubd.BreakerConfig{Failures: 100}
	}
	cfg.Channels = channels
	if err := hubd.WritePassword(cfg.Portal.PasswordFile, st.Password, rand.Reader); err != nil {
		return nil, err
	}
	if err := cfg.Save(filepath.Join(o.Data, "hub.yaml")); err != nil {
		return nil, err
	}
	return hubd.Open(cfg, deps)
}

func describe(o Options, st state, hub *hubd.Hub) ([]byte, error) {
	demo, err := hub.SeedDemo(filepath.Join(o.Data, "keys", "demo.json"), codes)
	if err != nil {
		return nil, err
	}
	ca, err := filepath.Abs(filepath.Join(o.Data, "ca.pem"))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(ca, hub.CA(), 0o644); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "lab.file", "cannot write %s", ca)
	}
	box, err := url.Parse(st.Sandbox)
	if err != nil {
		return nil, fmt.Errorf("sandbox URL: %w", err)
	}
	api := "https://" + hub.HTTPAddr()
	return json.MarshalIndent(File{API: api, APIKeyID: demo.APIKeyID, APISecret: demo.APISecret, MQTT: "mqtts://" + hub.MQTTAddr(),
		CA: ca, Sandbox: box.Scheme + "://" + box.Host, Merchant: demo.Merchant, Store: demo.Store, ActivationCodes: demo.ActivationCodes,
		Portal: api + "/portal/", PortalUser: "ops", PortalPassword: st.Password, MetricsToken: hub.MetricsToken(), StoredAccount: demo.StoredAccount, Operators: demo.Operators, PID: os.Getpid()}, "", "  ")
}
