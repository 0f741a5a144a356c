package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/shared/fault"
)

// keyMost bounds what is read of a key, in bytes: a little more than the vault takes.
const keyMost = 65 << 10

// deps are the outside world of a hub.
func deps() hubd.Deps {
	return hubd.Deps{Now: time.Now, Random: rand.Reader, Credentials: os.Getenv("CREDENTIALS_DIRECTORY")}
}

// keyCommand keeps the wallets' keys. Keys come from files or standard input, never from arguments,
// which every process of the machine can read.
func keyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Keep the wallets' keys in the vault; a hub that runs takes changes over within seconds"}
	c.AddCommand(keyList(), keyImport(), keyRotate(), keyRetire(), keyRekey())
	return c
}

func keyList() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the versions of all keys with their fingerprints; changes nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			list, err := hubd.WalletKeys(cfg.DatabaseFile())
			if err != nil {
				return err
			}
			return showKeys(c.OutOrStdout(), asJSON, list, list...)
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// keyChange is a command that hands material in.
func keyChange(c *cobra.Command, change func(hubd.Config, hubd.Deps, hubd.KeyInput) (hubd.WalletKey, error)) (*cobra.Command, *hubd.KeyInput) {
	var data, file, from string
	var asJSON bool
	in := &hubd.KeyInput{}
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := hubd.Shield(); err != nil {
			return err
		}
		cfg, err := placeOf(data, file)
		if err != nil {
			return err
		}
		in.Name = args[0]
		if in.Label == "" {
			if in.Text, err = material(c.InOrStdin(), from); err != nil {
				return err
			}
		}
		k, err := change(cfg, deps(), *in)
		if err != nil {
			return err
		}
		return showKeys(c.OutOrStdout(), asJSON, k, k)
	}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&in.Kind, "kind", "rsa", "rsa (a private key), secret (a text), certificate (a chain), public (the wallet's key)")
	c.Flags().StringVar(&from, "file", "-", "where the key stands; - is standard input")
	c.Flags().StringVar(&in.Label, "token-label", "", "an RSA key that the configured token has, instead")
	c.Flags().StringVar(&in.By, "by", "", "who does it")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("by"))
	return c, in
}

func material(stdin io.Reader, from string) ([]byte, error) {
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "key.file", "cannot read the key")
		}
		defer f.Close()
		stdin = f
	}
	text, err := io.ReadAll(io.LimitReader(stdin, keyMost))
	return text, fault.Wrap(err, fault.Invalid, "key.file", "cannot read the key")
}

func keyImport() *cobra.Command {
	c, in := keyChange(&cobra.Command{Use: "import NAME --channel CHANNEL --by WHO < KEY", Short: "Seal a new key for one channel",
		Example: "  cashier-hub key import alipay/app --data DIR --channel alipay-1 --by lin --file app_private_key.pem\n" +
			"  then, in the configuration: key: vault:alipay/app, and delete the file"}, hubd.ImportKey)
	c.Flags().StringVar(&in.Channel, "channel", "", "the channel that may use it, as the configuration names it")
	c.Flags().StringVar(&in.Merchant, "merchant", "", "its merchant, when the channel has one")
	must(c.MarkFlagRequired("channel"))
	return c
}

func keyRotate() *cobra.Command {
	c, _ := keyChange(&cobra.Command{Use: "rotate NAME --by WHO < KEY", Short: "Make another key the active version; the one before goes on verifying",
		Long: "Makes another key the active version. The one before goes on verifying until it is retired.\n" +
			"RSA keys change in a running hub within seconds; secrets, certificates and wallets' public keys are\n" +
			"read when a hub starts."}, hubd.RotateKey)
	return c
}

func keyRetire() *cobra.Command {
	var data, file, by string
	var version int
	var asJSON bool
	c := &cobra.Command{Use: "retire NAME --version N --by WHO", Short: "End a version for good: its bytes are erased", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			k, err := hubd.RetireKey(cfg, deps(), args[0], version, by)
			if err != nil {
				return err
			}
			return showKeys(c.OutOrStdout(), asJSON, k, k)
		}}
	folderFlags(c, &data, &file)
	c.Flags().IntVar(&version, "version", 0, "which one")
	c.Flags().StringVar(&by, "by", "", "who does it")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("version"))
	must(c.MarkFlagRequired("by"))
	return c
}

func keyRekey() *cobra.Command {
	var data, file, by string
	var asJSON bool
	c := &cobra.Command{Use: "rekey --by WHO", Short: "Wrap all keys under the configured key-encrypting key", Args: cobra.NoArgs,
		Long: "Name the new key-encrypting key as vault.kek and the old one under vault.previous, then run this; hubs go on\n" +
			"serving meanwhile. It may be killed and repeated. Once it is through, restart the hubs and take the old one\n" +
			"out of vault.previous.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := hubd.Shield(); err != nil {
				return err
			}
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			done, err := hubd.Rekey(cfg, deps(), by)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), done)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d versions re-wrapped; all are under %s now\n", done.Moved, done.KEK)
			return err
		}}
	folderFlags(c, &data, &file)
	c.Flags().StringVar(&by, "by", "", "who does it")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	must(c.MarkFlagRequired("by"))
	return c
}

func showKeys(out io.Writer, asJSON bool, whole any, list ...hubd.WalletKey) error {
	if asJSON {
		return printJSON(out, whole)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVERSION\tSTATE\tKIND\tHOLDER\tCHANNEL\tMERCHANT\tFINGERPRINT\tKEK\tCHANGED")
	for _, k := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%.16s\t%s\t%s\n", k.Name, k.Version, k.State, k.Kind, k.Holder, k.Channel, k.Merchant,
			k.Fingerprint, k.KEK, k.Changed.Format(time.RFC3339))
	}
	return w.Flush()
}
