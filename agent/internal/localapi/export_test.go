package localapi

import "time"

// Hurry replaces the time limit of a request and the heartbeat's interval.
func (s *Server) Hurry(limit, beat time.Duration) { s.limit, s.beat = limit, beat }
