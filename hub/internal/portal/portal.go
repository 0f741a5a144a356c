// Package portal is the operations page: the payments that wait for somebody, the latest ones, and
// the tills, under /portal/.
//
// It refuses to change anything, and everybody but the one account it was given. Newcomers get one
// thing wrong: the page is text from strangers (order numbers, till names); it is safe because
// html/template writes it and the browser is told to run nothing, so keep both.
package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// Books lists payments: the open ones first, then the newest.
type Books interface {
	Recent(limit int) ([]payment.Payment, error)
}

// Terminal is a till as operations see it.
type Terminal struct {
	ID    string
	Name  string
	Store string
	Link  string    // "up" or "down"
	Since time.Time // of Link; zero when it never was up
}

// Fleet lists the tills and how they are linked.
type Fleet interface {
	Terminals(limit int) ([]Terminal, error)
}

// Config is the one account.
type Config struct {
	User         string
	PasswordHash string // made by [HashPassword]
}

// Deps is what the page shows from.
type Deps struct {
	Books Books
	Fleet Fleet // nil: no tills are shown
	Roads Roads // nil: no channels are shown
	Now   func() time.Time
	Log   *slog.Logger
}

// maxRows bounds a table: more cannot be read by a person.
const maxRows = 200

//go:embed page
var files embed.FS

// Portal serves the page. Make it with [New].
type Portal struct {
	deps  Deps
	guard *guard
	page  *template.Template
	style []byte
	mux   *http.ServeMux
}

// New builds the page.
func New(cfg Config, deps Deps) (*Portal, error) {
	if deps.Books == nil || deps.Now == nil || deps.Log == nil {
		return nil, errors.New("portal: a dependency is missing")
	}
	guard, err := newGuard(cfg, deps.Now)
	if err != nil {
		return nil, err
	}
	page, err := template.ParseFS(files, "page/*.html")
	if err != nil {
		return nil, fmt.Errorf("portal: page: %w", err)
	}
	style, err := files.ReadFile("page/style.css")
	if err != nil {
		return nil, fmt.Errorf("portal: style: %w", err)
	}
	p := &Portal{deps: deps, guard: guard, page: page, style: style, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /portal/{$}", p.overview)
	p.mux.HandleFunc("GET /portal/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Write(p.style)
	})
	return p, nil
}

// ServeHTTP lets the account in and nobody else, whatever the path.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept-Language, Authorization")
	if p.guard.admit(w, r) {
		p.mux.ServeHTTP(w, r)
	}
}

// row is a payment on the page.
type row struct {
	ID, OrderNo, Amount, Wallet, Status, Outcome, Kind, Age, At string
}

type tillRow struct {
	ID, Name, Store, Link, Kind, Age string
}

// table is a list of payments with the words to name its columns.
type table struct {
	T    *words
	Rows []row
}

type view struct {
	T         *words
	Open      []row
	Latest    []row
	Tills     []tillRow
	HasFleet  bool
	Channels  []channelRow
	Unknown   int
	Refreshed string
}

// OpenTable and LatestTable are for the template.
func (v view) OpenTable() table   { return table{v.T, v.Open} }
func (v view) LatestTable() table { return table{v.T, v.Latest} }

func (p *Portal) overview(w http.ResponseWriter, r *http.Request) {
	t := language(r.Header.Get("Accept-Language"))
	v, err := p.view(t)
	var out bytes.Buffer
	if err == nil {
		err = p.page.ExecuteTemplate(&out, "overview.html", v)
	}
	if err != nil {
		p.deps.Log.Error("cannot show the operations page", logs.Err, err)
		http.Error(w, t.Broken, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", t.Tag)
	w.Write(out.Bytes())
}

func (p *Portal) view(t *words) (view, error) {
	now := p.deps.Now()
	v := view{T: t, HasFleet: p.deps.Fleet != nil, Channels: p.channels(t), Refreshed: now.UTC().Format("15:04:05 UTC")}
	recent, err := p.deps.Books.Recent(maxRows)
	if err != nil {
		return v, fmt.Errorf("recent payments: %w", err)
	}
	slices.SortStableFunc(recent, func(a, b payment.Payment) int { return b.Created.Compare(a.Created) })
	for _, one := range recent {
		shown := row{ID: one.ID, OrderNo: one.OrderNo, Amount: kept(one), Wallet: t.word(string(one.Wallet)),
			Status: t.word(string(one.Status)), Outcome: t.word("outcome_" + string(one.Outcome())), Kind: string(one.Outcome()),
			Age: t.age(now.Sub(one.Created)), At: one.Created.UTC().Format(time.RFC3339)}
		if one.Final() {
			v.Latest = append(v.Latest, shown)
			continue
		}
		v.Open = append(v.Open, shown)
		if one.Status == pay.StatusUnknown {
			v.Unknown++
		}
	}
	slices.Reverse(v.Open) // who has waited longest comes first
	if p.deps.Fleet == nil {
		return v, nil
	}
	tills, err := p.deps.Fleet.Terminals(maxRows)
	if err != nil {
		return v, fmt.Errorf("terminals: %w", err)
	}
	for _, one := range tills {
		age := t.Never
		if !one.Since.IsZero() {
			age = t.age(now.Sub(one.Since))
		}
		v.Tills = append(v.Tills, tillRow{ID: one.ID, Name: one.Name, Store: one.Store, Link: t.word("link_" + one.Link), Kind: one.Link, Age: age})
	}
	return v, nil
}

// kept shows an amount with what of it went back, or is on its way back.
func kept(p payment.Payment) string {
	text := p.Amount.String()
	if p.Refunded.Fen() > 0 {
		text += " − " + p.Refunded.Yuan()
	}
	if p.Refunding.Fen() > 0 {
		text += " − " + p.Refunding.Yuan() + "?"
	}
	return text
}
