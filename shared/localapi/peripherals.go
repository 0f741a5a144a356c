package localapi

// DisplayState is how the customer display is. A display says nothing, so that all a till can know is
// whether its bytes are taken.
type DisplayState string

// The states of a display.
const (
	DisplayReady  DisplayState = "ready"
	DisplayAbsent DisplayState = "absent" // not plugged in, or not to be opened
	DisplayStuck  DisplayState = "stuck"  // plugged in, and it takes nothing
)

// Display is the customer display at a glance.
type Display struct {
	Path    string       `json:"path"`
	Profile string       `json:"profile"`
	State   DisplayState `json:"state"`
	Message string       `json:"message,omitempty"` // what the cashier can do about it
}

// VoiceState is how the announcements of received money are.
type VoiceState string

// The states of a voice: what became of the last announcement.
const (
	VoiceReady   VoiceState = "ready"
	VoiceTrouble VoiceState = "trouble" // it could not be said: nobody heard of a payment, which is shown all the same
)

// Voice is what announces received money, at a glance.
type Voice struct {
	State   VoiceState `json:"state"`
	Said    int        `json:"said"`             // announcements since the agent started
	Missed  int        `json:"missed,omitempty"` // payments it did not announce: too late, or in trouble
	Message string     `json:"message,omitempty"`
}
