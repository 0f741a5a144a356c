package sandbox

import (
	"net/http"
	"time"

	"cloudcashier/shared/fault"
)

// oldest is how far back things can be made to have happened at once: more than any wallet keeps bills for.
const oldest = 366 * 24

// age is POST /sandbox/age {"hours"}: bills are of days that are over, and a test has no day to wait.
func (s *Sandbox) age(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Hours int64 `json:"hours"`
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	if asked.Hours < 1 || asked.Hours > oldest {
		return fault.New(fault.Invalid, "sandbox.age", "hours is a number from 1 to %d", oldest)
	}
	if err := s.book.Age(s.now(), time.Duration(asked.Hours)*time.Hour); err != nil {
		return err
	}
	return answerJSON(w, asked)
}
