package hubd

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/logs"
)

// channelSet is the channels in force. They stand in one place: in hub.yaml until "channel apply" stored a version, in the database
// from then on, and hub.yaml's are not read any more.
type channelSet struct {
	file    ChannelFile
	version int // 0: hub.yaml's
	by      string
	at      time.Time
	drains  []store.Drain
}

func (s channelSet) source() string {
	if s.version == 0 {
		return "hub.yaml"
	}
	return fmt.Sprintf("version %d in the database", s.version)
}

func (s channelSet) drained(name string) (store.Drain, bool) {
	i := slices.IndexFunc(s.drains, func(d store.Drain) bool { return d.Channel == name })
	if i < 0 {
		return store.Drain{}, false
	}
	return s.drains[i], true
}

// setOf reads a stored version; the configuration's channels when none was.
func (c Config) setOf(stored store.ChannelSet, drains []store.Drain) (s channelSet, err error) {
	s = channelSet{version: stored.Version, by: stored.By, at: stored.At, drains: drains}
	if s.version == 0 {
		s.file.Channels = c.Channels
		return s, nil
	}
	s.file, err = parseChannelFile([]byte(stored.Body), s.source(), "", nil)
	return s, err
}

// channelsInForce reads the channels of a hub that may be running.
func (c Config) channelsInForce() (channelSet, error) {
	stored, drains, err := store.Channels(c.DatabaseFile())
	if err != nil {
		return channelSet{}, err
	}
	return c.setOf(stored, drains)
}

// withChannels is the configuration with the channels in force in it.
func (c Config) withChannels() (Config, error) {
	s, err := c.channelsInForce()
	if err == nil {
		c.Channels = s.file.Channels
	}
	return c, err
}

// openedChannel is a connector and what it was made of.
type openedChannel struct {
	cfg ChannelConfig
	ch  channel.Channel
}

// openSet makes the connectors of a set; one whose description did not change stays as it is, with its connections.
func (h *Hub) openSet(s channelSet) (opened map[string]openedChannel, ways []engine.Way, err error) {
	opened = map[string]openedChannel{}
	for _, c := range s.file.Channels {
		one, known := h.opened[c.Name]
		if !known || !reflect.DeepEqual(one.cfg, c) {
			ch, broken := h.openChannel(c)
			if broken != nil {
				err = errors.Join(err, fmt.Errorf("channel %s: %w", c.Name, broken))
				continue
			}
			one = openedChannel{c, ch}
		}
		opened[c.Name] = one
		_, drained := s.drained(c.Name)
		ways = append(ways, engine.Way{Name: c.Name, Merchant: c.Merchant, Wallet: c.Wallet, Channel: one.ch, Number: c.number(), Drained: drained,
			AtOnce: c.Route.AtOnce, Breaker: c.Route.limits(), Pace: c.Route.pace(), Weight: c.Route.weight(), Fee: c.Route.FeePPM, Closed: windows(c.Route.Maintenance)})
	}
	return opened, ways, err
}

// loadChannels reads the channels in force and opens them.
func (h *Hub) loadChannels() (ways []engine.Way, err error) {
	if h.set, err = h.readChannels(); err != nil {
		return nil, err
	}
	if h.opened, ways, err = h.openSet(h.set); err != nil {
		return nil, err
	}
	if h.set.version > 0 && len(h.cfg.Channels) > 0 {
		h.deps.Log.Info("the channels are those that were applied; hub.yaml's are not read any more", "version", h.set.version, "by", h.set.by)
	}
	return ways, nil
}

func (h *Hub) readChannels() (s channelSet, err error) {
	err = h.store.View(func(tx *store.Tx) error {
		stored, err := tx.ChannelSet()
		if err != nil {
			return err
		}
		drains, err := tx.Drains()
		if err != nil {
			return err
		}
		s, err = h.cfg.setOf(stored, drains)
		return err
	})
	return s, err
}

// refreshChannels takes over what operators apply, drain and undrain, without a restart. A version that does not open
// leaves the one before at work.
func (h *Hub) refreshChannels(ctx context.Context) error {
	const every = 2 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for {
		err := h.refreshChannelsOnce()
		if text := fmt.Sprint(err); err != nil && text != said {
			said = text
			h.deps.Log.Error("the channels that were applied do not open; those before go on", logs.Err, err)
		} else if err == nil {
			said = ""
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *Hub) refreshChannelsOnce() error {
	s, err := h.readChannels()
	if err != nil || s.version == h.set.version && slices.Equal(s.drains, h.set.drains) {
		return err
	}
	_ = h.wallets.vault.Refresh() // a key that was imported a moment ago; one that does not open is told by its own round
	opened, ways, err := h.openSet(s)
	if err != nil {
		return err
	}
	if h.notices != nil {
		if err := h.notices.Relay(h.noticeLines(opened)); err != nil {
			return err
		}
	}
	h.engine.Reroute(ways, s.file.table(s.version))
	h.set, h.opened = s, opened
	h.deps.Log.Info("channels are in force", "from", s.source(), "channels", len(ways), "drained", len(s.drains))
	return nil
}
