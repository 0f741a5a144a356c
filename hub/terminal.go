package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
)

// terminalCommand is for those who equip shops.
func terminalCommand() *cobra.Command {
	c := &cobra.Command{Use: "terminal", Short: "Equip stores with terminals"}
	c.AddCommand(terminalCodes())
	return c
}

func terminalCodes() *cobra.Command {
	var data, file string
	var asJSON bool
	var o hubd.CodeOrder
	c := &cobra.Command{Use: "codes --store ID --by NAME", Short: "Mint one-time activation codes, through the running hub", Args: cobra.NoArgs,
		Long: "Each code makes one device a terminal of the store. The codes are shown once and kept nowhere: the hub\n" +
			"stores keyed hashes, and its event log who asked for how many.",
		Example: "  cashier-hub terminal codes --data /tmp/lab --store sto_01… --count 50 --by anna",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			minted, err := hubd.MintCodes(c.Context(), cfg.Data, o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), minted)
			}
			for _, code := range minted.Codes {
				if _, err := fmt.Fprintln(c.OutOrStdout(), code); err != nil {
					return err
				}
			}
			return nil
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&o.Store, "store", "", "whose terminals they make")
	c.Flags().IntVar(&o.Count, "count", 1, "how many")
	c.Flags().IntVar(&o.Days, "days", 7, "until they expire, 1 to 90")
	c.Flags().StringVar(&o.By, "by", "", "who asks")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("store"))
	must(c.MarkFlagRequired("by"))
	return c
}
