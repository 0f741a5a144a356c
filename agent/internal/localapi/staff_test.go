package localapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"cloudcashier/agent/internal/localapi"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// office answers store staff as it is told.
type office struct{ export func(w io.Writer) error }

func (o office) Day(date string) (api.Day, error) { return api.Day{Date: date, Gross: 5}, nil }

func (o office) Export(_ string, w io.Writer) error { return o.export(w) }

func (o office) Health(context.Context) api.Health {
	return api.Health{Checks: []api.Check{{Name: "disk", Verdict: api.CheckOK, Found: "enough"}}}
}

// opened is an open door with an office behind it.
func opened(t *testing.T, o office) *door {
	d := open(t)
	if err := d.server.Close(); err != nil {
		t.Fatal(err)
	}
	with := deps
	with.Staff = o
	var err error
	if d.server, err = localapi.New(d.path, d.till, with); err != nil {
		t.Fatal(err)
	}
	d.serve(t)
	return d
}

func TestAnExportIsWholeOrSaysThatItIsNot(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 20_000)
	for name, c := range map[string]struct {
		export func(w io.Writer) error
		text   string
		code   string
	}{
		"whole":   {func(w io.Writer) error { _, err := io.WriteString(w, big); return err }, big, ""},
		"empty":   {func(io.Writer) error { return nil }, "", ""},
		"refused": {func(io.Writer) error { return fault.New(fault.Invalid, "books.day", "no such day") }, "", "books.day"},
		"broken off": {func(w io.Writer) error {
			_, _ = io.WriteString(w, big)
			return errors.New("disk")
		}, big, "export.cut"},
		"panic": {func(w io.Writer) error {
			_, _ = io.WriteString(w, big)
			panic("bug")
		}, big, "export.cut"},
	} {
		t.Run(name, func(t *testing.T) {
			d := opened(t, office{c.export})
			var got bytes.Buffer
			err := d.client.Export(t.Context(), "2026-11-25", &got)
			if fault.CodeOf(err) != c.code && (err != nil || c.code != "") {
				t.Errorf("told %v, want %q", err, c.code)
			}
			if got.String() != c.text {
				t.Errorf("%d bytes came, want %d", got.Len(), len(c.text))
			}
		})
	}
}

func TestWhatStaffAsk(t *testing.T) {
	d := opened(t, office{})
	if day, err := d.client.Day(t.Context(), "2026-11-25"); err != nil || day.Date != "2026-11-25" || day.Gross != 5 {
		t.Errorf("%+v, %v", day, err)
	}
	if h, err := d.client.Health(t.Context()); err != nil || len(h.Checks) != 1 || h.Checks[0].Name != "disk" {
		t.Errorf("%+v, %v", h, err)
	}
	for _, path := range []string{"/v1/days/2026-11-25?zone=utc", "/v1/health?deep=1", "/v1/export?date=2026-11-25"} {
		if status, _, body := d.raw(t, "GET", path, ""); status != 400 || !strings.Contains(body, "api.parameter") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
