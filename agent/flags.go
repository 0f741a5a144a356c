package main

import (
	"github.com/spf13/cobra"

	"cloudcashier/agent/agentd"
)

func displayFlags(c *cobra.Command, d *agentd.Display) {
	c.Flags().StringVar(&d.Path, "display", "", "serial port of the customer display, by its stable path under /dev/serial/by-id")
	c.Flags().StringVar(&d.Profile, "display-profile", "", "what it understands: "+agentd.DisplayProfiles()+" (the first when empty)")
	c.Flags().IntVar(&d.Baud, "display-baud", 0, "speed of the display (its profile's when 0)")
}

func voiceFlags(c *cobra.Command, v *agentd.Voice) {
	c.Flags().StringVar(&v.Player, "voice-player", "", "`command` that announces payments, cut at blanks, without a shell: 'aplay -q' with --voice-clips, or 'espeak-ng -v cmn {text}'")
	c.Flags().StringVar(&v.Clips, "voice-clips", "", "`folder` of recorded words, played as one WAV on the player's input: 0-9, two, ten, hundred, thousand, wan, yi, point, yuan, "+
		"wechat, alipay, unionpay, stored, test, each .wav; none come with the agent")
	c.Flags().StringVar(&v.Speaker, "voice-speaker", "", "`address` of a speaker on the network that announces payments, https://host:port")
	c.Flags().StringVar(&v.KeyFile, "voice-speaker-key", "", "`file` with the secret shared with the speaker")
}
