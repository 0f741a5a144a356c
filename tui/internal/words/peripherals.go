package words

import "cloudcashier/shared/localapi"

// trouble is a short warning in both languages.
type trouble struct{ en, zh string }

var (
	displayAbsent = trouble{"! display not connected", "! 顾客屏未连接"}
	displayStuck  = trouble{"! display hangs", "! 顾客屏无反应"}
	voiceTrouble  = trouble{"! voice fails", "! 语音播报失败"}
)

func (l Lang) warn(t trouble) string {
	if l == ZH {
		return t.zh
	}
	return t.en
}

// Display tells of a customer display in trouble; "" where all is well or there is none.
func (l Lang) Display(d *localapi.Display) string {
	switch {
	case d == nil || d.State == localapi.DisplayReady:
		return ""
	case d.State == localapi.DisplayStuck:
		return l.warn(displayStuck)
	}
	return l.warn(displayAbsent)
}

// Voice tells that payments are not announced; "" where they are or nothing does.
func (l Lang) Voice(v *localapi.Voice) string {
	if v == nil || v.State == localapi.VoiceReady {
		return ""
	}
	return l.warn(voiceTrouble)
}
