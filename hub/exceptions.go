package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
)

// exceptionsCommand reads and decides what the hub could not settle by itself.
func exceptionsCommand() *cobra.Command {
	c := &cobra.Command{Use: "exceptions", Short: "Look at the hub's open doubts about money, and decide them"}
	c.AddCommand(exceptionsList(), exceptionsShow(), exceptionsResolve())
	return c
}

func exceptionsList() *cobra.Command {
	var data, file string
	var all, asJSON bool
	c := &cobra.Command{Use: "list", Short: "List open exceptions, oldest first; changes nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			list, err := hubd.Exceptions(cfg.DatabaseFile(), all)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), list)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "EXCEPTION\tKIND\tSTATE\tOWNER\tUNTIL\tORDER\tAMOUNT\tABOUT")
			for _, x := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.Kind, x.State, x.Owner, x.DeadlineAt.Format(time.RFC3339), x.OrderNo, x.Money(), x.About())
			}
			return w.Flush()
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&all, "all", false, "the resolved ones too")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func exceptionsShow() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{Use: "show ID", Short: "Show one exception and what was known; changes nothing", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			x, err := hubd.FindException(cfg.DatabaseFile(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), x)
			}
			return describe(c.OutOrStdout(), x)
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func exceptionsResolve() *cobra.Command {
	var data, file string
	var asJSON bool
	var j hubd.Judgement
	c := &cobra.Command{Use: "resolve ID --by NAME --note TEXT", Short: "Decide an exception, in two steps, through the running hub", Args: cobra.ExactArgs(1),
		Long: "Asked without --confirm it changes nothing and tells the word to confirm with. The word fits this decision\n" +
			"about the payment as it stands, and no other. No decision changes what people were told of a payment.\n\n" +
			"  (no --decide)          a person settled it; the note says how\n" +
			"  --decide retry         ask or reverse again at once; it stays open until the wallet proves the end\n" +
			"  --decide written-off   stop trying; only once the wallet's window for reversals is over",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			v, err := hubd.Resolve(c.Context(), cfg.Data, args[0], j)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), v)
			}
			if err := describe(c.OutOrStdout(), v.Exception); err != nil || v.Confirm == "" {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "\nNothing has changed yet. To do it, repeat the command with --confirm %s\n", v.Confirm)
			return err
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&j.By, "by", "", "who decides")
	c.Flags().StringVar(&j.Note, "note", "", "why, and what was looked at")
	c.Flags().StringVar(&j.Decision, "decide", "", "retry or written-off")
	c.Flags().StringVar(&j.Confirm, "confirm", "", "the word that the first step printed")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("by"))
	must(c.MarkFlagRequired("note"))
	return c
}

// describe prints an exception for people.
func describe(out io.Writer, x hubd.Exception) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{{"exception", x.ID}, {"kind", x.Kind + " (" + x.Matter + ")"}, {"state", x.State}, {"owner", x.Owner},
		{"opened", x.OpenedAt.Format(time.RFC3339)}, {"until", x.DeadlineAt.Format(time.RFC3339)}, {"merchant", x.Merchant},
		{"order", x.OrderNo}, {"payment", x.Payment + ", " + string(x.Outcome)}, {"refund", x.Refund}, {"amount", x.Money()},
		{"wallet", string(x.Wallet) + " " + x.OutTradeNo + ", " + string(x.Attempt)}, {"known then", string(x.Known)}} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	}
	if x.ResolvedAt != nil {
		fmt.Fprintf(w, "resolved\t%s by %s\n", x.ResolvedAt.Format(time.RFC3339), x.By)
		fmt.Fprintf(w, "decision\t%s\nnote\t%s\n", x.Decision, x.Note)
	}
	return w.Flush()
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
