package localapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"cloudcashier/shared/fault"
)

// ExportWhole is the trailer of an export that came to its end. Without it the text was cut off.
const ExportWhole = "Export-Whole"

// Export streams a day's sales as CSV into w, or for an empty date the whole journal as NDJSON. An error
// after the first byte means that what w has is no whole export.
func (c *Client) Export(ctx context.Context, date string, w io.Writer) error {
	path := "/v1/export"
	if date != "" {
		path += "?day=" + url.QueryEscape(date)
	}
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problem(resp)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("copy the export: %w", err)
	}
	if resp.Trailer.Get(ExportWhole) != "true" {
		return fault.New(fault.Unavailable, "export.cut", "the export ended before it was whole: try again, and look at the agent's log")
	}
	return nil
}
