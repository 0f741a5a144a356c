package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Feed has the pretended scanner with the control address scan a code.
func Feed(ctx context.Context, control, code string) error {
	body, err := json.Marshal(map[string]string{"code": code})
	if err != nil {
		return fmt.Errorf("feed the scanner: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+control+"/scan", strings.NewReader(string(body)))
	if err != nil {
		return fmt.Errorf("feed the scanner: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("feed the scanner: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000)) // only to say what it said
		return fmt.Errorf("the scanner answers %s: %s", answer.Status, text)
	}
	return nil
}
