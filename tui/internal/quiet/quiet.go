// Package quiet keeps Bubble Tea from questioning the terminal before main runs.
//
// Bubble Tea's init asks the terminal for its background colour and waits five seconds when it
// does not answer, as bare serial consoles and expect scripts do not; keys typed meanwhile are
// lost. An answer given beforehand stops the question. It refuses to do anything else: Go
// initialises packages whose imports are ready in the order of their paths, so this one goes
// before Bubble Tea only while it imports nothing but lipgloss (which Bubble Tea needs too).
// Newcomers get one thing wrong: adding an import here brings the five seconds back.
package quiet

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
