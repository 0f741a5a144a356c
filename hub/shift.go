package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// shiftCommand holds the tills' shifts against the hub's books.
func shiftCommand() *cobra.Command {
	c := &cobra.Command{Use: "shift", Short: "Hold tills' shifts against the hub's own payments and refunds; changes nothing"}
	c.AddCommand(shiftList(), shiftShow())
	return c
}

func shiftList() *cobra.Command {
	var data, file, terminal string
	var asJSON bool
	c := &cobra.Command{Use: "list --terminal ID", Short: "List the shifts of a till, as far as its journal is copied", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			list, err := hubd.Shifts(cfg.DatabaseFile(), terminal)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), list)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SHIFT\tCLOSED\tBY\tNET\tDRAWER\tDIFFERENCE\tPENDING\tHUB")
			for _, x := range list {
				var net int64
				for _, t := range x.Tenders {
					net += t.Till.Net
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", x.Shift.Number, moment(x.Shift.ClosedAt), x.Shift.ClosedBy, yuan(&net),
					yuan(x.Shift.Expected), yuan(x.Shift.Difference), x.Shift.PendingCount, verdict(x))
			}
			return w.Flush()
		}}
	shiftFlags(c, &data, &file, &terminal, &asJSON)
	return c
}

func shiftShow() *cobra.Command {
	var data, file, terminal string
	var asJSON bool
	c := &cobra.Command{Use: "show --terminal ID NUMBER", Short: "Show one shift line by line; 0 is the open one", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || number < 0 {
				return fault.New(fault.Invalid, "shift.number", "%q is no shift's number", args[0])
			}
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			x, err := hubd.Shift(cfg.DatabaseFile(), terminal, number)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), x)
			}
			return describeShift(c.OutOrStdout(), x)
		}}
	shiftFlags(c, &data, &file, &terminal, &asJSON)
	return c
}

func shiftFlags(c *cobra.Command, data, file, terminal *string, asJSON *bool) {
	folderFlags(c, data, file)
	c.Flags().StringVar(terminal, "terminal", "", "whose shifts")
	c.Flags().BoolVar(asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("terminal"))
}

func yuan(fen *int64) string {
	if fen == nil {
		return "-"
	}
	return money.Fen(*fen).Yuan()
}

func moment(at *time.Time) string {
	if at == nil {
		return "open"
	}
	return at.Format(time.RFC3339)
}

func verdict(x hubd.ShiftCheck) string {
	if x.Equal {
		return "equal"
	}
	return fmt.Sprintf("%d differences", len(x.Differences))
}

// describeShift prints a shift for people.
func describeShift(out io.Writer, x hubd.ShiftCheck) error {
	s := x.Shift
	fmt.Fprintf(out, "shift %d of %s, %s to %s: %s\n\n", s.Number, x.Terminal, moment(s.OpenedAt), moment(s.ClosedAt), verdict(x))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENDER\tSALES\tGROSS\tREFUNDS\tREFUNDED\tNET\tHUB")
	for _, t := range x.Tenders {
		hub := "not the hub's"
		if t.Hub != nil {
			hub = money.Fen(t.Hub.Net).Yuan()
		}
		fmt.Fprintf(w, "%s %s\t%d\t%s\t%d\t%s\t%s\t%s\n", t.Tender, t.Wallet, t.Till.Count, yuan(&t.Till.Gross), t.Till.Refunds, yuan(&t.Till.Refunded), yuan(&t.Till.Net), hub)
	}
	fmt.Fprintf(w, "\nfloat\t%s\npaid in\t%s\npaid out\t%s\ndropped\t%s\nexpected\t%s\ncounted\t%s\ndifference\t%s\n", yuan(&s.Float), yuan(&s.PaidIn),
		yuan(&s.PaidOut), yuan(&s.Dropped), yuan(s.Expected), yuan(s.Counted), yuan(s.Difference))
	for _, l := range x.Pending {
		later := "open"
		if l.SettledIn != 0 {
			later = fmt.Sprintf("%s in shift %d", l.Now, l.SettledIn)
		}
		fmt.Fprintf(w, "\ncarried over\t%s %s\t%s\t%s since shift %d\thub: %s\tnow: %s", l.Kind, l.ID, yuan(&l.Amount), l.State, l.Shift, l.Hub, later)
	}
	for _, d := range x.Differences {
		fmt.Fprintf(w, "\nDIFFERENCE\t%s %s\ttill: %s\thub: %s", d.What, d.ID, d.Till, d.Hub)
	}
	fmt.Fprintln(w)
	return w.Flush()
}
