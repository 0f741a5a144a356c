package voice

import (
	"net/url"
	"os"
	"strings"

	"cloudcashier/shared/announce"
	"cloudcashier/shared/fault"
)

// Config says what announces payments; without Player and Speaker nothing does.
type Config struct {
	// Player is a command on this machine, cut at its blanks; no shell sees it. {text} in it becomes the
	// sentence. With Clips the sound comes on its standard input, as one WAV.
	Player string
	Clips  string // folder of recorded words: see [Clips]
	// Speaker is the address of a speaker on the network, and KeyFile the secret shared with it.
	Speaker, KeyFile string
}

// Any reports whether anything shall be said at all.
func (c Config) Any() bool { return c.Player != "" || c.Speaker != "" }

// Check refuses what cannot be meant.
func (c Config) Check() error {
	switch {
	case c.Player != "" && len(strings.Fields(c.Player)) == 0:
		return fault.New(fault.Invalid, "voice.player", "the voice's player is blank: name a command, such as aplay -q")
	case c.Player != "" && c.Clips == "" && !strings.Contains(c.Player, textMark):
		return fault.New(fault.Invalid, "voice.player", "the player would not know what to say: give it recorded words with --voice-clips, or put %s into its command", textMark)
	case c.Player == "" && c.Clips != "":
		return fault.New(fault.Invalid, "voice.player", "nobody plays the recorded words: name a command with --voice-player")
	case (c.Speaker == "") != (c.KeyFile == ""):
		return fault.New(fault.Invalid, "voice.speaker", "a speaker on the network needs its address and the file with its key")
	}
	return nil
}

// speakerURL is where the speaker takes messages.
func (c Config) speakerURL() (string, error) {
	u, err := url.Parse(c.Speaker)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fault.New(fault.Invalid, "voice.speaker", "the speaker's address is not usable: write https://host:port")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = announce.Path
	}
	return u.String(), nil
}

// key reads the secret, which no other user may.
func (c Config) key() ([]byte, error) {
	info, err := os.Stat(c.KeyFile)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "voice.key", "the speaker's key cannot be read: correct --voice-speaker-key")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "voice.key", "other users can read the speaker's key: chmod 600 %s", c.KeyFile)
	}
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "voice.key", "the speaker's key cannot be read: correct --voice-speaker-key")
	}
	return announce.ParseKey(text)
}
