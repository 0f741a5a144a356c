package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// operatorCommand keeps the people who work at the tills.
func operatorCommand() *cobra.Command {
	c := &cobra.Command{Use: "operator", Short: "Keep the people who work at the tills: names, roles, refund limits, PINs",
		Long: "Connected tills hear of a change at once, others with their next connection. A till without a connection believes\n" +
			"its list for a day; past that nobody signs on or approves there. A PIN is read from standard input."}
	c.AddCommand(operatorAdd(), operatorList(), operatorSet(), operatorPIN(),
		operatorChange("disable", "Take an operator off every till; old sales go on naming them"),
		operatorChange("enable", "Take an operator back"), operatorPolicy())
	return c
}

func operatorAdd() *cobra.Command {
	var refund int64
	return operatorOrder("add --name NAME --by NAME", "Take on an operator, through the running hub; the PIN comes by standard input", cobra.NoArgs,
		func(c *cobra.Command, o *hubd.StaffOrder) {
			operatorFields(c, o, &refund)
			c.Flags().StringVar(&o.Store, "store", "", "where they work (all of the merchant's stores)")
			c.Flags().StringVar(&o.Merchant, "merchant", "", "the merchant; the only one when there is one")
			must(c.MarkFlagRequired("name"))
		},
		func(c *cobra.Command, folder string, _ []string, o hubd.StaffOrder) (v hubd.Operator, err error) {
			o.Refund = &refund
			if o.PIN, err = readPIN(c.InOrStdin()); err != nil {
				return v, err
			}
			return hubd.AddOperator(c.Context(), folder, o)
		})
}

func operatorSet() *cobra.Command {
	var refund int64
	return operatorOrder("set ID --by NAME", "Change an operator's name, role or refund limit, through the running hub", cobra.ExactArgs(1),
		func(c *cobra.Command, o *hubd.StaffOrder) { operatorFields(c, o, &refund) },
		func(c *cobra.Command, folder string, args []string, o hubd.StaffOrder) (hubd.Operator, error) {
			if c.Flags().Changed("refund") {
				o.Refund = &refund
			}
			return hubd.ChangeOperator(c.Context(), folder, args[0], "set", o)
		})
}

func operatorFields(c *cobra.Command, o *hubd.StaffOrder, refund *int64) {
	c.Flags().StringVar(&o.Name, "name", "", "as the till shows it")
	c.Flags().StringVar((*string)(&o.Role), "role", "", fmt.Sprintf("%s or %s, who approves what others may not do alone", localapi.RoleCashier, localapi.RoleSupervisor))
	c.Flags().Int64Var(refund, "refund", 0, "fen: the most they give back of one sale on their own word")
}

func operatorPIN() *cobra.Command {
	return operatorOrder("pin ID --by NAME", "Give an operator another PIN, which comes by standard input", cobra.ExactArgs(1),
		func(*cobra.Command, *hubd.StaffOrder) {},
		func(c *cobra.Command, folder string, args []string, o hubd.StaffOrder) (v hubd.Operator, err error) {
			if o.PIN, err = readPIN(c.InOrStdin()); err != nil {
				return v, err
			}
			return hubd.ChangeOperator(c.Context(), folder, args[0], "pin", o)
		})
}

func operatorChange(what, short string) *cobra.Command {
	return operatorOrder(what+" ID --by NAME", short+", through the running hub", cobra.ExactArgs(1),
		func(*cobra.Command, *hubd.StaffOrder) {},
		func(c *cobra.Command, folder string, args []string, o hubd.StaffOrder) (hubd.Operator, error) {
			return hubd.ChangeOperator(c.Context(), folder, args[0], what, o)
		})
}

// operatorOrder is a command that asks the running hub something about an operator and prints them.
func operatorOrder(use, short string, args cobra.PositionalArgs, flags func(*cobra.Command, *hubd.StaffOrder),
	do func(c *cobra.Command, folder string, args []string, o hubd.StaffOrder) (hubd.Operator, error)) *cobra.Command {
	var data, file string
	var asJSON bool
	var o hubd.StaffOrder
	c := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
		cfg, err := placeOf(data, file)
		if err != nil {
			return err
		}
		v, err := do(c, cfg.Data, args, o)
		if err != nil {
			return err
		}
		return tellOperators(c.OutOrStdout(), asJSON, v, v)
	}}
	folderFlags(c, &data, &file)
	flags(c, &o)
	c.Flags().StringVar(&o.By, "by", "", "who asks")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("by"))
	return c
}

func operatorList() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the operators, oldest first; changes nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			list, err := hubd.Operators(cfg.DatabaseFile())
			if err != nil {
				return err
			}
			return tellOperators(c.OutOrStdout(), asJSON, list, list...)
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func operatorPolicy() *cobra.Command {
	var data, file string
	var asJSON bool
	var o hubd.StaffOrder
	c := &cobra.Command{Use: "policy --store ID --required=true|false --by NAME", Args: cobra.NoArgs,
		Short: "Say whether a store's tills sell with an operator on duty only, through the running hub",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			p, err := hubd.SetStaffPolicy(c.Context(), cfg.Data, o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), p)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s required=%t\n", p.Store, p.Required)
			return err
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&o.Store, "store", "", "whose tills")
	c.Flags().BoolVar(&o.Required, "required", false, "an operator has to be on duty")
	c.Flags().StringVar(&o.By, "by", "", "who asks")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	for _, name := range []string{"store", "required", "by"} {
		must(c.MarkFlagRequired(name))
	}
	return c
}

// readPIN reads one line. Arguments are in every list of processes; this is in none.
func readPIN(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fault.Wrap(err, fault.Internal, "operator.pin", "cannot read the PIN from standard input")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// tellOperators prints operators for people, or the value as JSON.
func tellOperators(out io.Writer, asJSON bool, value any, list ...hubd.Operator) error {
	if asJSON {
		return printJSON(out, value)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OPERATOR\tNAME\tROLE\tREFUNDS\tSTATE\tSTORE")
	for _, o := range list {
		state, place := "active", o.Store
		if o.Disabled {
			state = "disabled"
		}
		if place == "" {
			place = "all of " + o.Merchant
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", o.ID, o.Name, o.Role, o.Limit(), state, place)
	}
	return w.Flush()
}
