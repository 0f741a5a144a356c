package voice

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"

	"cloudcashier/shared/fault"
)

// clipMax bounds one recorded word; half a minute at 32 kB a second.
const clipMax = 1 << 20

var errUnknownWallet = fault.New(fault.Invalid, "voice.wallet", "this wallet has no name to announce it by")

// compose makes one WAV of recorded words.
func compose(dir string, names []string) ([]byte, error) {
	var format, sound []byte
	for _, name := range names {
		path := filepath.Join(dir, name+".wav")
		info, err := os.Stat(path)
		if err != nil {
			return nil, fault.Wrap(err, fault.NotFound, "voice.clip", "the recorded word %s.wav is missing in %s", name, dir)
		}
		if info.Size() > clipMax {
			return nil, fault.New(fault.Invalid, "voice.clip", "the recorded word %s.wav is above %d bytes", name, clipMax)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fault.Wrap(err, fault.NotFound, "voice.clip", "the recorded word %s.wav cannot be read", name)
		}
		f, data, ok := parseWAV(raw)
		switch {
		case !ok:
			return nil, fault.New(fault.Invalid, "voice.clip", "%s.wav is no WAV of plain PCM", name)
		case format == nil:
			format = f
		case !bytes.Equal(format, f):
			return nil, fault.New(fault.Invalid, "voice.clip", "%s.wav has another format than %s.wav: record all words in one", name, names[0])
		}
		sound = append(sound, data...)
	}
	out := make([]byte, 0, 44+len(sound))
	out = append(out, "RIFF"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(36+len(sound)))
	out = append(out, "WAVEfmt \x10\x00\x00\x00"...)
	out = append(out, format...)
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(sound)))
	return append(out, sound...), nil
}

// parseWAV finds the format and the samples of a WAV of plain PCM.
func parseWAV(raw []byte) (format, data []byte, ok bool) {
	if len(raw) < 12 || string(raw[:4]) != "RIFF" || string(raw[8:12]) != "WAVE" {
		return nil, nil, false
	}
	for raw = raw[12:]; len(raw) >= 8; {
		kind, said := string(raw[:4]), binary.LittleEndian.Uint32(raw[4:8])
		raw = raw[8:]
		if uint64(said) > uint64(len(raw)) { // before it becomes an int, which has 32 bits on some tills
			return nil, nil, false
		}
		size := int(said)
		switch kind {
		case "fmt ":
			if size < 16 || binary.LittleEndian.Uint16(raw) != 1 {
				return nil, nil, false
			}
			format = raw[:16]
		case "data":
			data = raw[:size]
		}
		raw = raw[min(size+size%2, len(raw)):] // chunks begin at even places
	}
	if format == nil || data == nil {
		return nil, nil, false
	}
	block := int(binary.LittleEndian.Uint16(format[12:]))
	return format, data, block > 0 && len(data)%block == 0
}
