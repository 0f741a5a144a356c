package till

import "cloudcashier/shared/localapi"

// DisplayChanged tells the till how the customer display stands. It does not block.
func (t *Till) DisplayChanged(d localapi.Display) {
	t.around.mu.Lock()
	t.around.display = &d
	t.around.mu.Unlock()
	t.stir()
}

// VoiceChanged tells the till how the announcements stand. It does not block.
func (t *Till) VoiceChanged(v localapi.Voice) {
	t.around.mu.Lock()
	t.around.voice = &v
	t.around.mu.Unlock()
	t.stir()
}
