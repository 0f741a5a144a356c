package localapi

import (
	"context"
	"net/http"
)

// Training asks for training mode, or for its end.
type Training struct {
	On bool `json:"on"`
}

// Train switches training mode: sales go to a till of its own that no hub knows, and are thrown away with it when
// training ends. It is refused (sale.open) while a real sale is not settled. A restart of the agent ends training.
func (c *Client) Train(ctx context.Context, on bool) (s Status, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/training", Training{On: on}, &s)
}
