package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/fault"
)

const channelHelp = `A channel is our way to a wallet: a protocol, a merchant number and keys. The channels of a hub and the rules between
them stand in one file, which "channel apply" checks, tries to open and stores as a version; "channel list --yaml"
writes the one in force. Until a version was applied, hub.yaml's channels are in force; afterwards those are not
read any more. What a file does not name is gone, so it names every channel.

  choose: order              # how one of several is preferred: order (as listed), weight or fee
  channels:
  - name: wechat-a           # letters, digits, . - _; keys in the vault belong to this name
    wallet: wechat           # wechat, alipay, unionpay, storedvalue
    merchant: mer_01…        # whose; every merchant's when left away
    url: https://api.mch.weixin.qq.com
    ca_file: roots.pem       # who vouches for the host; the system's when left away; relative to this file
    notify_url: https://pay.example.com/n    # where the wallet posts notices; the hub's own door when left away
    wechat_v2:               # one part, the wallet's own: this one, or one of those at the end
      appid: wx0123456789abcdef
      mch_id: "1900000001"   # the merchant number
      sub_mch_id: "1900000002"       # whom a service provider stands for, with sub_appid when it has one
      sub_appid: wx0123456789abcde0
      sign_type: HMAC-SHA256 # or MD5
      api_key: vault:wechat-a/api    # keys by reference alone: vault:NAME ("key import") or a file
      cert: vault:wechat-a/cert
      key: vault:wechat-a/client
      device_ip: 10.0.0.1
    weight: 3                # its share with choose: weight; 1 when left away, 0: only when no other can
    fee_ppm: 6000            # what the wallet keeps, parts per million; for choose: fee, and for dry runs
    at_once: 256             # pay calls at a time; those beyond wait for 2 s at most, or take another channel
    maintenance:             # no new payments; China's time
    - {days: [sun], from: "02:00", to: "04:30"}
    - {since: 2026-12-01T00:00:00+08:00, until: 2026-12-01T06:00:00+08:00}
    breaker: {failures: 10, percent: 50, window: 2m, open_for: 10s, open_most: 5m, probes: 1, proofs: 3}
    pace: {call_timeout: 10s, first_query: 5s, query_every: 5s, give_up: 45s}
  rules:                     # the first that fits decides; without one every channel of the wallet may
  - name: big
    wallet: wechat
    merchants: [mer_01…]     # conditions left away fit every payment
    stores: [sto_01…]
    from: 100000             # fen, both included
    to: 5000000
    when: [{days: [mon, tue], from: "08:00", to: "22:00"}]
    use: [wechat-b, wechat-a]    # these alone, in this order
    avoid: []
    choose: weight
    weights: {wechat-b: 9, wechat-a: 1}

The other wallets' parts of a channel:

    wechat_v3:               # API v3; appid, mch_id, sub_mch_id, sub_appid, cert, key, device_ip as above
      api_key: vault:wechat-b/apiv3
      public_keys: [{id: PUB_KEY_ID_01…, key: wechat.pem}]    # WeChat Pay's; the first is asked for
      platform_certificates: true    # download those, too; with both, answers of either kind are believed
      codepay: true          # charge payment codes by v3, where WeChat Pay allows it
      unsigned_refusals: false       # believe a refusal that TLS alone vouches for
      gzip_bills: true
    alipay:                  # url: https://openapi.alipay.com/gateway.do
      app_id: "2014072300007148"
      seller_id: "2088101106499364"
      key: vault:alipay-a/app
      wallet_key: vault:alipay-a/alipay      # Alipay's public key; in certificate mode these three instead:
      app_cert: app.crt
      wallet_cert: alipay.crt
      root_file: alipayRootCert.crt
      content_key: vault:alipay-a/aes        # contents travel encrypted
      app_auth_token: vault:alipay-a/token   # of the merchant that a service provider acts for
      sub_merchant: "2088000000000000"       # a merchant below a provider that collects for it
    unionpay:                # url: https://gateway.95516.com/gateway/api
      mer_id: "777290058110048"
      term_id: "00000001"
      channel_type: "08"     # or 07
      file_url: https://filedownload.95516.com    # no bills without it
      back_url: https://pay.example.com/u    # instead of notify_url
      void: false            # a full refund on its own day goes back as an undo (31), where the contract has it
      key: vault:unionpay-a/sign
      cert: vault:unionpay-a/cert
      root_file: root.cer    # UnionPay's, with middle_files: those between it and the certificates in answers
      middle_files: [middle.cer]
      signer: 00040000:SIGN  # UnionPay's test environment; production's when left away

A breaker opens on answers that fail or do not come, never on declines, and keeps new payments away; queries, reversals and
refunds go on. A payment that was sent moves to another channel only when the first one proves that it did not charge.`

// channelCommand keeps the channels.
func channelCommand() *cobra.Command {
	c := &cobra.Command{Use: "channel", Short: "Describe, test and drain the channels to the wallets; a hub that runs takes changes over within seconds", Long: channelHelp}
	c.AddCommand(channelApply(), channelList(), channelTest(), channelDrain(true), channelDrain(false))
	return c
}

func channelApply() *cobra.Command {
	var data, config, file, by string
	var dry, asJSON bool
	c := &cobra.Command{Use: "apply -f FILE --by WHO", Short: "Put a file of channels and rules in force", Args: cobra.NoArgs,
		Long: "Checks the file, makes every channel with its keys, and stores it as a version. A running hub takes it over within\n" +
			"seconds; nothing needs a restart. A channel that still has payments or refunds under way is not taken away.\n" +
			"\"cashier-hub channel --help\" shows every key of the file.",
		Example: "  cashier-hub channel list --yaml --data DIR > channels.yaml\n  cashier-hub channel apply -f channels.yaml --dry-run --data DIR\n" +
			"  cashier-hub channel apply -f channels.yaml --by lin --data DIR",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := hubd.Shield(); err != nil {
				return err
			}
			cfg, err := placeOfAll(data, config)
			if err != nil {
				return err
			}
			if dry && by == "" {
				by = "dry run"
			}
			a, err := hubd.ApplyChannels(cfg, deps(), file, by, dry)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), a)
			}
			return showApplied(c.OutOrStdout(), a)
		}}
	folderFlags(c, &data, &config)
	c.Flags().StringVarP(&file, "file", "f", "", "the file")
	c.Flags().StringVar(&by, "by", "", "who does it")
	c.Flags().BoolVar(&dry, "dry-run", false, "check everything and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("file"))
	return c
}

func showApplied(out io.Writer, a hubd.Applied) error {
	for _, row := range []struct {
		what string
		list []string
	}{{"added", a.Added}, {"changed", a.Changed}, {"removed", a.Removed}, {"unchanged", a.Unchanged}, {"note", a.Notes}} {
		for _, name := range row.list {
			fmt.Fprintf(out, "%-10s %s\n", row.what, name)
		}
	}
	end := fmt.Sprintf("version %d is stored, with %d rules; a running hub takes it over within seconds, nothing needs a restart", a.Version, a.Rules)
	if a.DryRun {
		end = fmt.Sprintf("nothing was changed; it would be version %d, with %d rules", a.Version, a.Rules)
	}
	_, err := fmt.Fprintln(out, end)
	return err
}

func channelList() *cobra.Command {
	var data, config string
	var asJSON, asYAML bool
	c := &cobra.Command{Use: "list", Short: "List the channels in force, with breakers and figures when a hub runs; changes nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOfAll(data, config)
			if err != nil {
				return err
			}
			if asYAML {
				return hubd.ChannelsYAML(cfg, c.OutOrStdout())
			}
			l, err := hubd.Channels(c.Context(), cfg, deps())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), l)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "CHANNEL\tWALLET\tMERCHANT\tNUMBER\tWEIGHT\tFEE\tPEOPLE\tBREAKER\tANSWERED\tFAILED\tMEAN\tUNDER WAY")
			for _, ch := range l.Channels {
				breaker, rest := "no hub runs", "\t\t\t"
				if s := ch.State; s != nil {
					breaker = s.Breaker
					rest = fmt.Sprintf("%d\t%d\t%d ms\t%d+%d", s.Answered, s.Failed, s.MeanMS, s.Paying, s.Asking)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d ppm\t%s\t%s\t%s\n", ch.Name, ch.Wallet, ch.Merchant, ch.Number, ch.Weight, ch.FeePPM, people(ch), breaker, rest)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "from %s; rules: %s\n", l.Source, strings.Join(append([]string{}, l.Rules...), ", "))
			return err
		}}
	folderFlags(c, &data, &config)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&asYAML, "yaml", false, "print the file for \"channel apply\"")
	return c
}

func people(ch hubd.Channel) string {
	switch {
	case ch.Drained:
		return "drained by " + ch.DrainedBy
	case ch.Maintenance:
		return "maintenance"
	}
	return "open"
}

func channelTest() *cobra.Command {
	var data, config string
	var asJSON bool
	c := &cobra.Command{Use: "test [CHANNEL]", Short: "Make one signed, harmless call over each channel", Args: cobra.MaximumNArgs(1),
		Long: "Asks over each channel, or the one that is named, how an order stands that cannot exist: signed with the channel's keys, over\n" +
			"TLS, moving nothing. It fails when a channel does.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := hubd.Shield(); err != nil {
				return err
			}
			cfg, err := placeOfAll(data, config)
			if err != nil {
				return err
			}
			list, err := hubd.TestChannels(c.Context(), cfg, deps(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			failed := 0
			for _, t := range list {
				state := "ok"
				if !t.OK {
					state = "fail"
					failed++
				}
				if !asJSON {
					fmt.Fprintf(c.OutOrStdout(), "%-5s %-22s %6d ms  %s\n", state, t.Channel, t.TookMS, t.Verdict)
				}
			}
			if asJSON {
				if err := printJSON(c.OutOrStdout(), list); err != nil {
					return err
				}
			}
			if failed > 0 {
				return fault.New(fault.Unavailable, "channel.test", "%d of %d channels failed", failed, len(list))
			}
			return nil
		}}
	folderFlags(c, &data, &config)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func channelDrain(on bool) *cobra.Command {
	var data, config, by, note string
	var asJSON bool
	c := &cobra.Command{Use: "drain CHANNEL --by WHO", Short: "Keep new payments away from a channel; queries, reversals and refunds go on", Args: cobra.ExactArgs(1)}
	if !on {
		c.Use, c.Short = "undrain CHANNEL --by WHO", "Let new payments come to a channel again"
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := placeOfAll(data, config)
		if err != nil {
			return err
		}
		changed, err := hubd.DrainChannel(cfg, deps(), args[0], by, note, on)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), map[string]any{"channel": args[0], "drained": on, "changed": changed})
		}
		what := map[bool]string{true: "is drained", false: "is open to new payments"}[on]
		if changed {
			what += "; a running hub takes it over within seconds"
		} else {
			what += " already"
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), args[0], what)
		return err
	}
	folderFlags(c, &data, &config)
	c.Flags().StringVar(&by, "by", "", "who does it")
	c.Flags().StringVar(&note, "note", "", "why")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("by"))
	return c
}
