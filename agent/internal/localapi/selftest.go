package localapi

import (
	"context"
	"net/http"

	api "cloudcashier/shared/localapi"
)

// Tests has the till's parts show that they work.
type Tests interface {
	SelfTest(ctx context.Context, part string) (api.SelfTested, error)
}

func (s *Server) selfTest(r *http.Request) (int, any, error) {
	n, err := decode[api.SelfTest](r)
	if err != nil {
		return 0, nil, err
	}
	done, err := s.Tests.SelfTest(r.Context(), n.Part)
	return http.StatusOK, done, err
}
