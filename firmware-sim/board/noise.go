package board

import "cloudcashier/shared/fault"

// SetNoise changes, of 1000 scans, how many have a byte replaced by line noise.
func (s *Scanner) SetNoise(perMille int) error {
	if perMille < 0 || perMille > 1000 {
		return fault.New(fault.Invalid, "board.noise", "of 1000 scans, 0 to 1000 may be noisy")
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	s.opts.Noise = perMille
	return nil
}
