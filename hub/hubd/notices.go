package hubd

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/hub/internal/noticedoor"
	"cloudcashier/shared/fault"
)

// NoticesConfig is the door of the wallets' notices. Without it no notice is asked for, and the schedule
// alone asks the wallets.
type NoticesConfig struct {
	Listen string `yaml:"listen,omitempty"` // host:port; no door when empty
	URL    string `yaml:"url,omitempty"`    // what the wallets dial: https://pay.example.com
	Cert   string `yaml:"cert,omitempty"`   // a certificate that the world trusts, PEM, and its key; none for a front end on this machine
	Key    string `yaml:"key,omitempty"`
}

func (c Config) validateNotices(bad func(key, format string, args ...any)) {
	n := c.Notices
	if n.Listen == "" {
		if n != (NoticesConfig{}) {
			bad("notices.listen", "name the host:port of the door, or leave all of notices away")
		}
		return
	}
	host, _, err := net.SplitHostPort(n.Listen)
	if err != nil {
		bad("notices.listen", "%q is no host:port", n.Listen)
	}
	addr, _ := netip.ParseAddr(host)
	local := host == "localhost" || addr.IsLoopback()
	if (n.Cert == "") != (n.Key == "") || n.Cert == "" && !local {
		bad("notices.cert", "name a certificate and its key; without them the door listens on this machine alone, for a front end that ends TLS")
	}
	if n.URL != "" && (!carry.NotifyURL(n.URL) || len(n.URL) > 200) {
		bad("notices.url", "write it as https://pay.example.com, without a query")
	}
}

// noticeWord is what stands in a channel's address. Nobody can guess it, and every hub with this master key knows it.
func (h *Hub) noticeWord(channelName string) string {
	return hex.EncodeToString(h.keys.derive("notices of " + channelName)[:16])
}

// notifyURL is where the wallet of a channel is asked to post its notices; empty: nowhere.
func (h *Hub) notifyURL(c ChannelConfig) string {
	if c.NotifyURL != "" || h.cfg.Notices.URL == "" {
		return c.NotifyURL
	}
	return strings.TrimRight(h.cfg.Notices.URL, "/") + noticedoor.Path + h.noticeWord(c.Name)
}

// openNotices binds the door's port and makes the door, when it is configured.
func (h *Hub) openNotices() (err error) {
	n := h.cfg.Notices
	if n.Listen == "" {
		return nil
	}
	var conf *tls.Config
	if n.Cert != "" {
		cert, err := tls.LoadX509KeyPair(n.Cert, n.Key)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "config.notices", "cannot use %s with %s for the door of notices", n.Cert, n.Key)
		}
		conf = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	if h.noticed, err = listen("notices", n.Listen); err != nil {
		return err
	}
	h.notices, err = noticedoor.New(noticedoor.Config{Listener: h.noticed, TLS: conf, Lines: h.noticeLines(h.opened)},
		noticedoor.Deps{Hear: h.engine.Hear, Now: h.deps.Now, Log: h.deps.Log.With("part", "notices")})
	return err
}

// noticeLines are the addresses of channels whose wallets send notices.
func (h *Hub) noticeLines(opened map[string]openedChannel) (lines []noticedoor.Line) {
	for name, one := range opened {
		if noticer, ok := one.ch.(channel.Noticer); ok {
			lines = append(lines, noticedoor.Line{Word: h.noticeWord(name), Channel: name, Noticer: noticer})
		}
	}
	return lines
}

// serveNotices serves the door until ctx ends; without one there is nothing to do.
func (h *Hub) serveNotices(ctx context.Context) error {
	if h.notices == nil {
		<-ctx.Done()
		return nil
	}
	return h.notices.Run(ctx)
}
