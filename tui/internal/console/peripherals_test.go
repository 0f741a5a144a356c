package console_test

import (
	"testing"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

// TestDevicesInTrouble: the status line tells of a display and a voice that fail, and nothing of those that work.
func TestDevicesInTrouble(t *testing.T) {
	for lang, want := range map[words.Lang][3]string{words.EN: {"! display not connected", "! display hangs", "! voice fails"},
		words.ZH: {"! 顾客屏未连接", "! 顾客屏无反应", "! 语音播报失败"}} {
		for i, status := range []localapi.Status{{Display: &localapi.Display{State: localapi.DisplayAbsent}}, {Display: &localapi.Display{State: localapi.DisplayStuck}},
			{Voice: &localapi.Voice{State: localapi.VoiceTrouble}}} {
			play(t, lang, func(a *agent) { a.status.Display, a.status.Voice = status.Display, status.Voice }, func(r *rig) {
				r.send(console.Resize(80, 24))
				r.sees(want[i])
			})
		}
		play(t, lang, func(a *agent) {
			a.status.Display, a.status.Voice = &localapi.Display{State: localapi.DisplayReady}, &localapi.Voice{State: localapi.VoiceReady}
		}, func(r *rig) {
			r.send(console.Resize(80, 24))
			r.lacks(want[0], want[1], want[2])
		})
	}
}
