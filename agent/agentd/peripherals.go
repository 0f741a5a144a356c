package agentd

import (
	"cloudcashier/agent/internal/display"
	"cloudcashier/agent/internal/serialline"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/voice"
	api "cloudcashier/shared/localapi"
)

// Display is the customer display; without a Path there is none.
type Display = display.Config

// DisplayProfiles lists what displays may understand.
func DisplayProfiles() string { return display.ProfileNames() }

// Voice is what announces payments; without a Player and a Speaker nothing does.
type Voice = voice.Config

// named are the ports that have a user of their own: no scanner's pattern takes them.
func (c Config) named() (paths []string) {
	for _, path := range []string{c.Printer.Path, c.Display.Path} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// plug makes the display and the voice, where there are some.
func (d *desk) plug(c Config, deps Deps, journal *store.Store, claims *serialline.Claims) (err error) {
	if c.Display.Path != "" {
		c.Display.Title = c.Printer.Title
		d.display, err = display.New(c.Display, display.Deps{Now: deps.Now, Log: deps.Log, Journal: journal, Claims: claims,
			Changed: d.till.DisplayChanged})
		if err != nil {
			return err
		}
		d.till.DisplayChanged(d.display.State())
	}
	if c.Voice.Any() {
		d.voice, err = voice.New(c.Voice, voice.Deps{Now: deps.Now, Log: deps.Log, Journal: journal, Changed: d.till.VoiceChanged})
		if err != nil {
			return err
		}
		d.till.VoiceChanged(d.voice.State())
	}
	return nil
}

// customers looks at what the running agent shows and says to customers. A till sells without both.
func customers(s *api.Status) (checks []Check) {
	if s == nil {
		return nil
	}
	if d := s.Display; d != nil {
		if d.State == api.DisplayReady {
			checks = append(checks, Check{"display " + d.Path, OK, "takes what it is sent, as " + d.Profile, ""})
		} else {
			checks = append(checks, Check{"display " + d.Path, Warn, string(d.State) + ": " + d.Message,
				"look at the display, or correct --display and --display-baud"})
		}
	}
	if v := s.Voice; v != nil {
		if v.State == api.VoiceReady {
			checks = append(checks, Check{"voice", OK, "the last announcement was made, or none was due yet", ""})
		} else {
			checks = append(checks, Check{"voice", Warn, v.Message, "correct what it says; payments are shown and printed all the same"})
		}
	}
	return checks
}
