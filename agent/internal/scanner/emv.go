package scanner

import (
	"encoding/base64"
	"strings"
)

// emvMax bounds the base64 of an EMVCo code: what a phone can show and a payment code may have.
const emvMax = 512

// The data objects of EMVCo's consumer-presented QR (EMVCo QR Consumer-Presented Mode, section 4).
const (
	emvFormat      = 0x85 // "CPV01", always the first
	emvApplication = 0x61 // one or more; each names its application in 4F
	emvCommon      = 0x62
	emvOpaque      = 0x63
	emvOpaqueToo   = 0x64
	emvName        = 0x4f
)

// emvWhole reports whether the base64 holds whole data objects to its last byte, outside and inside of the
// applications, so that a code cut short or spoilt by a bad read is not taken for another one.
func emvWhole(text string) bool {
	raw, ok := emvDecode(text)
	if !ok {
		return false
	}
	objects, ok := tlvs(raw)
	if !ok || len(objects) < 2 || objects[0].tag != emvFormat || string(objects[0].value[:min(4, len(objects[0].value))]) != "CPV0" || len(objects[0].value) != 5 {
		return false
	}
	applications := 0
	for _, o := range objects[1:] {
		switch o.tag {
		case emvApplication:
			if !emvNamed(o.value) {
				return false
			}
			applications++
		case emvCommon:
			if _, ok := tlvs(o.value); !ok {
				return false
			}
		case emvOpaque, emvOpaqueToo:
		default:
			return false
		}
	}
	return applications > 0
}

// emvDecode takes padded and unpadded base64, of a canonical form: what differs from it was misread.
func emvDecode(text string) ([]byte, bool) {
	if len(text) > emvMax {
		return nil, false
	}
	strict := base64.RawStdEncoding.Strict()
	if strings.HasSuffix(text, "=") {
		strict = base64.StdEncoding.Strict()
	}
	raw, err := strict.DecodeString(text)
	return raw, err == nil
}

// emvNamed reports an application whose objects are whole and which says what it is: 5 to 16 bytes.
func emvNamed(raw []byte) bool {
	objects, ok := tlvs(raw)
	for _, o := range objects {
		if o.tag == emvName {
			return ok && len(o.value) >= 5 && len(o.value) <= 16
		}
	}
	return false
}

type object struct {
	tag   int
	value []byte
}

// tlvs cuts raw into BER-TLV objects; false when it is not whole ones to its last byte.
func tlvs(raw []byte) (out []object, ok bool) {
	for len(raw) > 0 {
		tag, size, rest, ok := tlv(raw)
		if !ok {
			return nil, false
		}
		out = append(out, object{tag, rest[:size]})
		raw = rest[size:]
	}
	return out, true
}

// tlv reads one header and checks that its value is there. Tags have one or two bytes, lengths up to three.
func tlv(raw []byte) (tag, size int, rest []byte, ok bool) {
	tag, rest = int(raw[0]), raw[1:]
	if tag&0x1f == 0x1f {
		if len(rest) == 0 || rest[0]&0x80 != 0 { // no tag of three bytes is known
			return 0, 0, nil, false
		}
		tag, rest = tag<<8|int(rest[0]), rest[1:]
	}
	if len(rest) == 0 {
		return 0, 0, nil, false
	}
	size, rest = int(rest[0]), rest[1:]
	switch { // one or two more bytes of length are the most a code of 512 characters needs
	case size == 0x81 && len(rest) >= 1:
		size, rest = int(rest[0]), rest[1:]
	case size == 0x82 && len(rest) >= 2:
		size, rest = int(rest[0])<<8|int(rest[1]), rest[2:]
	case size >= 0x80:
		return 0, 0, nil, false
	}
	return tag, size, rest, size <= len(rest)
}
