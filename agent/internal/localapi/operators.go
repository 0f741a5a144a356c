package localapi

import (
	"net/http"

	api "cloudcashier/shared/localapi"
)

// operatorRoutes are about who works at the till, and what needs their word.
func (s *Server) operatorRoutes(handle func(pattern string, h func(*http.Request) (int, any, error))) {
	handle("GET /v1/operators", func(r *http.Request) (int, any, error) {
		list, err := at(r).Operators()
		return http.StatusOK, list, err
	})
	handle("POST /v1/operators/sign-on", func(r *http.Request) (int, any, error) {
		n, err := decode[api.SignOn](r)
		if err != nil {
			return 0, nil, err
		}
		list, err := at(r).SignOn(n)
		return http.StatusOK, list, err
	})
	handle("POST /v1/operators/sign-off", func(r *http.Request) (int, any, error) {
		list, err := at(r).SignOff()
		return http.StatusOK, list, err
	})
	handle("POST /v1/sales/{id}/void", func(r *http.Request) (int, any, error) {
		n, err := decode[api.NewVoid](r)
		if err != nil {
			return 0, nil, err
		}
		refund, fresh, err := at(r).Void(r.PathValue("id"), n)
		return made(fresh), refund, err
	})
}
