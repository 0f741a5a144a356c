package localapi

import (
	"context"

	api "cloudcashier/shared/localapi"
)

// Ask returns nil once the door has let somebody in at its socket in the file system and answered about the till.
func (s *Server) Ask(ctx context.Context) error {
	c := api.NewClient(s.listen.Addr().String()) // a connection of its own: an old one would not be accepted again
	defer c.Close()
	_, err := c.Status(ctx)
	return err
}
