package words

import "cloudcashier/shared/localapi"

var (
	displayAbsent = Key{"! display not connected", "! 顾客屏未连接"}
	displayStuck  = Key{"! display hangs", "! 顾客屏无反应"}
	voiceTrouble  = Key{"! voice fails", "! 语音播报失败"}
)

// Display tells of a customer display in trouble; "" where all is well or there is none.
func (l Lang) Display(d *localapi.Display) string {
	switch {
	case d == nil || d.State == localapi.DisplayReady:
		return ""
	case d.State == localapi.DisplayStuck:
		return l.Say(displayStuck)
	}
	return l.Say(displayAbsent)
}

// Voice tells that payments are not announced; "" where they are or nothing does.
func (l Lang) Voice(v *localapi.Voice) string {
	if v == nil || v.State == localapi.VoiceReady {
		return ""
	}
	return l.Say(voiceTrouble)
}
