package main

import (
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
)

// profileCommand is for whoever asks why a hub is busy.
func profileCommand() *cobra.Command {
	var data, file string
	var span time.Duration
	c := &cobra.Command{Use: "profile", Short: "Show where the running hub spends its processor time", Args: cobra.NoArgs,
		Long: "Writes a profile for `go tool pprof` to standard output: names of functions and how often each was seen,\n" +
			"nothing of any payment. It goes through the hub's own socket, which the hub's owner alone may open.",
		Example: "  cashier-hub profile --data /tmp/lab --for 5s > cpu.pprof && go tool pprof -top cpu.pprof",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			p, err := hubd.TakeProfile(c.Context(), cfg.Data, hubd.ProfileOrder{Milliseconds: span.Milliseconds()})
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(p.Data)
			return err
		}}
	folderFlags(c, &data, &file)
	c.Flags().DurationVar(&span, "for", 5*time.Second, "for how long, 1s to 8s")
	return c
}
