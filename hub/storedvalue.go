package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/id"
)

// storedValueCommand keeps the accounts of stored value and signs their codes.
func storedValueCommand() *cobra.Command {
	c := &cobra.Command{Use: "storedvalue", Short: "Keep stored-value accounts and sign their one-time codes"}
	account := &cobra.Command{Use: "account", Short: "Open, list, show, top up and close accounts"}
	account.AddCommand(accountCreate(), accountList(), accountShow(),
		accountChange("topup", "Add to an account's balance, through the running hub; the same --number again adds nothing", true),
		accountChange("revoke", "Close an account, through the running hub: its codes pay for nothing more", false))
	c.AddCommand(account, storedValueCode())
	return c
}

func accountCreate() *cobra.Command {
	var data, file string
	var asJSON bool
	var o hubd.StoredOrder
	c := &cobra.Command{Use: "create --name NAME", Short: "Open an account, through the running hub", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			a, err := hubd.OpenStoredAccount(c.Context(), cfg.Data, o)
			if err != nil {
				return err
			}
			return tellAccounts(c.OutOrStdout(), asJSON, a, a)
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&o.Name, "name", "", "whose it is, for people")
	c.Flags().StringVar(&o.Merchant, "merchant", "", "where it can be spent; the only merchant when there is one")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("name"))
	return c
}

func accountList() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the accounts, oldest first; changes nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			list, err := hubd.StoredAccounts(cfg.DatabaseFile())
			if err != nil {
				return err
			}
			return tellAccounts(c.OutOrStdout(), asJSON, list, list...)
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func accountShow() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{Use: "show ID", Short: "Show an account; changes nothing", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			a, err := hubd.FindStoredAccount(cfg.DatabaseFile(), args[0])
			if err != nil {
				return err
			}
			return tellAccounts(c.OutOrStdout(), asJSON, a, a)
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func accountChange(what, short string, money bool) *cobra.Command {
	var data, file string
	var asJSON bool
	var o hubd.StoredOrder
	c := &cobra.Command{Use: what + " ID --by NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			if money && o.Number == "" {
				o.Number = id.NewSource(time.Now, rand.Reader).OutTradeNo()
			}
			a, err := hubd.ChangeStoredAccount(c.Context(), cfg.Data, args[0], what, o)
			if err != nil {
				return err
			}
			return tellAccounts(c.OutOrStdout(), asJSON, a, a)
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&o.By, "by", "", "who asks")
	c.Flags().StringVar(&o.Note, "note", "", "why")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("by"))
	if money {
		c.Flags().Int64Var(&o.Amount, "amount", 0, "fen to add")
		c.Flags().StringVar(&o.Number, "number", "", "the topup's own number, so that it can be repeated safely (a fresh one)")
		must(c.MarkFlagRequired("amount"))
	}
	return c
}

func storedValueCode() *cobra.Command {
	var data, file, account string
	var asJSON bool
	var o hubd.StoredOrder
	c := &cobra.Command{Use: "code --account ID", Short: "Sign a one-time code, through the running hub", Args: cobra.NoArgs,
		Long: "Prints a code for the customer's app to show as a QR text. It is money in the hands of whoever has it,\n" +
			"until it is spent or its life is over; the hub keeps nothing of it.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			code, err := hubd.MintStoredCode(c.Context(), cfg.Data, account, o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), code)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), code.Code)
			return err
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&account, "account", "", "whose money it is")
	c.Flags().Int64Var(&o.Amount, "most", 0, "the largest amount it pays, in fen (the balance)")
	c.Flags().DurationVar(&o.Life, "life", 24*time.Hour, "how long it can be shown")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("account"))
	return c
}

// tellAccounts prints accounts for people, or the value as JSON.
func tellAccounts(out io.Writer, asJSON bool, value any, list ...hubd.StoredAccount) error {
	if asJSON {
		return printJSON(out, value)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tNAME\tBALANCE\tSTATE\tMERCHANT")
	for _, a := range list {
		state := "open"
		if a.Revoked {
			state = "closed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Name, a.Money(), state, a.Merchant)
	}
	return w.Flush()
}
