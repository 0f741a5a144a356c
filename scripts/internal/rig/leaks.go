package rig

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Leaks looks for every remembered secret in the programs' logs, in all exports and in the hub's metrics, and
// says where one was found. It also looks for the private keys below the data folders, by their own text.
func (r *Rig) Leaks(ctx context.Context, lab *Lab, tills ...*Till) (found []string, looked int, err error) {
	type text struct {
		where string
		body  []byte
	}
	var texts []text
	logs, err := filepath.Glob(filepath.Join(r.LogDir(), "*.log"))
	if err != nil {
		return nil, 0, fmt.Errorf("look for leaks: %w", err)
	}
	for _, path := range logs {
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, 0, fmt.Errorf("look for leaks: %w", err)
		}
		texts = append(texts, text{filepath.Base(path), body})
	}
	for _, what := range []string{"payments", "attempts", "events", "records", "storedvalue"} {
		out, _, err := r.Run(ctx, "cashier-hub", "export", what, "--data", lab.Data)
		if err != nil {
			return nil, 0, err
		}
		texts = append(texts, text{"export " + what, out})
	}
	for _, t := range tills {
		out, _, err := r.Run(ctx, "cashier-agent", "journal", "export", "--data", t.Data)
		if err != nil {
			return nil, 0, err
		}
		texts = append(texts, text{t.Name + "'s journal", out})
	}
	metrics, err := lab.Metrics(ctx)
	if err != nil {
		return nil, 0, err
	}
	texts = append(texts, text{"metrics", metrics})
	secrets, err := r.allSecrets(lab, tills)
	if err != nil {
		return nil, 0, err
	}
	for _, t := range texts {
		looked += len(t.body)
		for _, s := range secrets {
			if bytes.Contains(t.body, []byte(s.Value)) {
				found = append(found, fmt.Sprintf("%s stands in %s", s.What, t.where))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), looked, nil
}

// allSecrets are the remembered ones and the keys in the data folders.
func (r *Rig) allSecrets(lab *Lab, tills []*Till) ([]Secret, error) {
	r.mu.Lock()
	secrets := slices.Clone(r.secrets)
	r.mu.Unlock()
	folders := []string{lab.Data}
	for _, t := range tills {
		folders = append(folders, t.Data)
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || !(strings.HasSuffix(path, ".pem") || strings.HasSuffix(path, ".key")) {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
				if strings.Contains(block.Type, "PRIVATE KEY") {
					lines := strings.Split(string(pem.EncodeToMemory(block)), "\n")
					secrets = append(secrets, Secret{"the private key in " + d.Name(), lines[len(lines)/2]})
				}
			}
			if text := strings.TrimSpace(string(text)); strings.HasSuffix(path, ".key") && len(text) >= 16 && !strings.Contains(text, "\n") {
				secrets = append(secrets, Secret{"the key in " + d.Name(), text})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for leaks: %w", err)
		}
	}
	return secrets, nil
}

// Metrics reads the hub's metrics page.
func (l *Lab) Metrics(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.API+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+l.MetricsToken)
	answer, err := l.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return body, nil
}
