package printer

import "time"

// Hurry makes the driver's waits short, so that a failing device costs a test no minutes.
func (p *Printer) Hurry(proof time.Duration) {
	p.waits = waits{look: 20 * time.Millisecond, idle: 100 * time.Millisecond, answer: 500 * time.Millisecond, silent: 15 * time.Second,
		shake: proof, proof: proof}
}

// Answers feeds a parser and gives what it made of it.
func Answers(raw []byte) (status []byte, ordered int, echoes [][4]byte) {
	a := answers{echoes: map[[4]byte]bool{}}
	for _, b := range raw {
		a.take(b)
	}
	for id := range a.echoes {
		echoes = append(echoes, id)
	}
	return a.status, a.ordered, echoes
}

// EchoID is echoID.
func EchoID(kind byte, n int64) [4]byte { return echoID(kind, n) }

// MaxWaiting is maxWaiting.
const MaxWaiting = maxWaiting
