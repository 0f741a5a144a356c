package localapi

import (
	"net/http"
	"net/url"
	"time"

	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// deskRoutes are those of the cashier's desk: bills, search, one sale in full, what a barcode is.
func (s *Server) deskRoutes(handle func(pattern string, h func(*http.Request) (int, any, error))) {
	handle("GET /v1/bills/{number}", func(r *http.Request) (int, any, error) {
		bill, err := at(r).Bill(r.PathValue("number"))
		return http.StatusOK, bill, err
	})
	handle("GET /v1/sales/{id}/details", func(r *http.Request) (int, any, error) {
		details, err := at(r).Details(r.PathValue("id"))
		return http.StatusOK, details, err
	})
	handle("GET /v1/barcodes/{digits}", func(r *http.Request) (int, any, error) {
		return http.StatusOK, s.Barcode(r.PathValue("digits")), nil
	})
}

// find searches the journal when the request asks for that; ok is false when it asks for the newest sales alone.
func (s *Server) find(r *http.Request, limit int) (list []api.Sale, ok bool, err error) {
	q := r.URL.Query()
	if !q.Has("find") && !q.Has("from") && !q.Has("to") {
		return nil, false, nil
	}
	search := till.Search{Text: q.Get("find"), Limit: limit}
	if search.From, err = s.day(q, "from"); err != nil {
		return nil, true, err
	}
	if search.To, err = s.day(q, "to"); err != nil {
		return nil, true, err
	}
	if !search.To.IsZero() {
		search.To = search.To.AddDate(0, 0, 1) // the day is a part of it
	}
	number, err := s.Paper.Number(search.Text)
	if err != nil {
		number = 0 // it is something else
	}
	list, err = at(r).Find(search, number)
	return list, true, err
}

// day reads a parameter's day; the zero time when it is not there.
func (s *Server) day(q url.Values, name string) (at time.Time, err error) {
	if text := q.Get(name); text != "" {
		if at, err = time.ParseInLocation(time.DateOnly, text, s.Zone); err != nil {
			return at, fault.New(fault.Invalid, "api.day", "%s is a day, as in 2026-11-25", name)
		}
	}
	return at, nil
}
