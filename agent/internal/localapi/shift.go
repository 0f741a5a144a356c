package localapi

import (
	"net/http"
	"strconv"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// currentShift is the open shift's name in a path.
const currentShift = "current"

func (s *Server) shiftRoutes(handle func(pattern string, h func(*http.Request) (int, any, error))) {
	handle("POST /v1/shifts", func(r *http.Request) (int, any, error) {
		n, err := decode[api.NewShift](r)
		if err != nil {
			return 0, nil, err
		}
		shift, fresh, err := at(r).NewShift(n)
		return made(fresh), shift, err
	})
	handle("GET /v1/shifts", func(r *http.Request) (int, any, error) {
		limit, err := limitOf(r)
		if err != nil {
			return 0, nil, err
		}
		list, err := at(r).Shifts(limit)
		return http.StatusOK, api.Shifts{Shifts: list}, err
	})
	handle("GET /v1/shifts/{number}", func(r *http.Request) (int, any, error) {
		n, err := shiftNumber(r)
		if err != nil {
			return 0, nil, err
		}
		if n == 0 {
			shift, err := at(r).CurrentShift()
			return http.StatusOK, shift, err
		}
		shift, err := at(r).Shift(n)
		return http.StatusOK, shift, err
	})
	handle("POST /v1/shifts/{number}/print", func(r *http.Request) (int, any, error) {
		n, err := shiftNumber(r)
		if err != nil {
			return 0, nil, err
		}
		if n == 0 {
			n = s.till.Status().Shift.Number
		}
		job, err := s.Paper.PrintShift(n)
		return http.StatusCreated, job, err
	})
	handle("POST /v1/shifts/current/report", func(r *http.Request) (int, any, error) {
		n, err := decode[api.ReportShift](r)
		if err != nil {
			return 0, nil, err
		}
		shift, err := at(r).ReportShift(n)
		return http.StatusOK, shift, err
	})
	handle("POST /v1/shifts/current/movements", func(r *http.Request) (int, any, error) {
		n, err := decode[api.NewMovement](r)
		if err != nil {
			return 0, nil, err
		}
		move, fresh, err := at(r).MoveCash(n)
		return made(fresh), move, err
	})
	handle("POST /v1/shifts/current/close", func(r *http.Request) (int, any, error) {
		n, err := decode[api.CloseShift](r)
		if err != nil {
			return 0, nil, err
		}
		shift, err := at(r).CloseShift(n)
		return http.StatusOK, shift, err
	})
}

// shiftNumber reads a shift's number from the path; 0 is the open one.
func shiftNumber(r *http.Request) (int64, error) {
	text := r.PathValue("number")
	if text == currentShift {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "shift.number", "%q is no shift's number: use one from 1, or %q", text, currentShift)
	}
	return n, nil
}
