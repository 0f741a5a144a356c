package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// placeOfAll is placeOf for commands that read the channels: a folder's own hub.yaml names them until a version was applied.
func placeOfAll(data, file string) (hubd.Config, error) {
	if file == "" {
		if own := filepath.Join(data, "hub.yaml"); exists(own) {
			file = own
		}
	}
	return placeOf(data, file)
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// routeCommand explains where payments go.
func routeCommand() *cobra.Command {
	c := &cobra.Command{Use: "route", Short: "Explain which channel a payment took or would take; changes nothing"}
	c.AddCommand(routeExplain(), routeDryRun())
	return c
}

func routeExplain() *cobra.Command {
	var data, config, at string
	var t hubd.Thought
	var asJSON bool
	c := &cobra.Command{Use: "explain PAYMENT | --merchant M --wallet W --amount FEN", Short: "Say which channel a payment took, or would take, and why not the others", Args: cobra.MaximumNArgs(1),
		Example: "  cashier-hub route explain pay_01… --data DIR\n  cashier-hub route explain --merchant mer_01… --wallet wechat --amount 5000 --at 2026-12-01T03:00:00+08:00 --data DIR",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOfAll(data, config)
			if err != nil {
				return err
			}
			var x hubd.Explanation
			switch {
			case len(args) == 1:
				x, err = hubd.ExplainPayment(cfg.DatabaseFile(), args[0])
			case t.Wallet == "" || t.Amount <= 0:
				err = fault.New(fault.Invalid, "route.question", "name a payment, or --wallet and --amount of one that is thought of")
			default:
				if at != "" {
					if t.At, err = time.Parse(time.RFC3339, at); err != nil {
						return fault.Wrap(err, fault.Invalid, "route.at", "%q is no moment: write 2026-12-01T03:00:00+08:00", at)
					}
				}
				x, err = hubd.ExplainThought(c.Context(), cfg, deps(), t)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), x)
			}
			return showExplanation(c.OutOrStdout(), x)
		}}
	folderFlags(c, &data, &config)
	c.Flags().StringVar(&t.Merchant, "merchant", "", "whose payment")
	c.Flags().StringVar(&t.Store, "store", "", "of which store")
	c.Flags().StringVar((*string)(&t.Wallet), "wallet", "", "wechat, alipay, unionpay or storedvalue")
	c.Flags().Int64Var(&t.Amount, "amount", 0, "in fen")
	c.Flags().StringVar(&at, "at", "", "when, RFC 3339 (now)")
	c.Flags().StringVar(&t.Draw, "draw", "pay_example", "the payment's identifier, which shares are drawn from")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func showExplanation(out io.Writer, x hubd.Explanation) error {
	if x.Payment == "" {
		fmt.Fprintf(out, "%s of %s at %s; breakers %s\n", money.Fen(x.Amount), x.Wallet, x.At.Format(time.RFC3339), x.Breaker)
		showChoice(out, x.Rule, string(x.Choose), 0)
		for _, p := range x.Ready {
			fmt.Fprintf(out, "  may take it   %-20s %s\n", p.Channel, hubd.Why(p.Why))
		}
		for _, p := range x.Passed {
			fmt.Fprintf(out, "  may not       %-20s %s\n", p.Channel, hubd.Why(p.Why))
		}
		if len(x.Ready) == 0 {
			fmt.Fprintln(out, "  no channel would take it: nothing would be charged")
		}
		return nil
	}
	fmt.Fprintf(out, "%s: %s of %s, %s\n", x.Payment, money.Fen(x.Amount), x.Wallet, x.Outcome)
	for i, s := range x.Steps {
		fmt.Fprintf(out, "%d. %s as %s: %s\n", i+1, s.Channel, s.OutTradeNo, s.Status)
		d := s.Decision
		if d == nil {
			continue
		}
		if d.Left != nil {
			fmt.Fprintf(out, "  because       %-20s proved that it did not charge: %s %s\n", d.Left.Channel, d.Left.Proof, d.Left.Wallet)
		}
		showChoice(out, d.Rule, string(d.Choose), d.Version)
		fmt.Fprintf(out, "  chosen        %-20s %s\n", d.Channel, hubd.Why(d.Why))
		for _, p := range d.Next {
			fmt.Fprintf(out, "  could, too    %-20s %s\n", p.Channel, hubd.Why(p.Why))
		}
		for _, p := range d.Passed {
			fmt.Fprintf(out, "  could not     %-20s %s\n", p.Channel, hubd.Why(p.Why))
		}
		if d.More > 0 {
			fmt.Fprintf(out, "  and %d more\n", d.More)
		}
	}
	if x.Stayed != "" {
		fmt.Fprintln(out, "stayed there:", x.Stayed)
	}
	return nil
}

func showChoice(out io.Writer, rule string, choose string, version int) {
	if rule == "" {
		rule = "no rule fitted"
	} else {
		rule = "rule " + rule
	}
	text := fmt.Sprintf("  %s, chosen by %s", rule, choose)
	if version > 0 {
		text += fmt.Sprintf(", version %d of the channels", version)
	}
	fmt.Fprintln(out, text)
}

func routeDryRun() *cobra.Command {
	var data, config, file, day string
	var asJSON bool
	c := &cobra.Command{Use: "dry-run -f RULES", Short: "Hold other rules against a day's stored payments: what would have gone elsewhere", Args: cobra.NoArgs,
		Long: "Reads a file for \"channel apply\", or one with choose and rules alone, and works out where each payment of a day\n" +
			"would have gone: drained channels and open breakers are not remembered, so both count as able. Changes nothing.",
		Example: "  cashier-hub route dry-run -f rules.yaml --day yesterday --data DIR",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOfAll(data, config)
			if err != nil {
				return err
			}
			r, err := hubd.DryRunRoutes(cfg, deps(), file, day)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), r)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "WENT TO\tWOULD GO TO\tRULE\tPAYMENTS\tAMOUNT\tFEES\tFOR EXAMPLE")
			for _, g := range r.Groups {
				to := g.To
				switch {
				case g.Stays:
					to = "stays"
				case to == "":
					to = "nobody"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%+d fen\t%s\n", g.From, to, g.Rule, g.Payments, money.Fen(g.Amount), g.FeeDelta, g.Examples[0])
			}
			if err := w.Flush(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d of %d payments of %s would have gone elsewhere\n", r.Moved, r.Payments, r.Day)
			return err
		}}
	folderFlags(c, &data, &config)
	c.Flags().StringVarP(&file, "file", "f", "", "the file with the rules")
	c.Flags().StringVar(&day, "day", "yesterday", "today, yesterday or a date, of China's calendar")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("file"))
	return c
}
