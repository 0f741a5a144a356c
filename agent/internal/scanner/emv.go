package scanner

import (
	"encoding/base64"
	"strings"
)

// emvPrefix begins the base64 of every EMVCo consumer-presented QR: tag 85, length 5, "CPV0…".
const emvPrefix = "hQVDUFYwM"

// emvWhole reports whether the base64 holds whole data objects to its last byte, so that a code cut
// short by a bad read is not taken for a shorter one (EMVCo QR Consumer-Presented Mode, section 4).
func emvWhole(text string) bool {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return false
	}
	applications := 0
	for len(raw) > 0 {
		tag, size, rest, ok := tlv(raw)
		if !ok {
			return false
		}
		if tag == 0x61 {
			applications++
		}
		raw = rest[size:]
	}
	return applications > 0 // every such code names at least one application
}

// tlv reads one BER-TLV header and checks that its value is there. Of a two-byte tag it gives the
// first byte: nothing at the outer level has one.
func tlv(raw []byte) (tag byte, size int, rest []byte, ok bool) {
	tag, rest = raw[0], raw[1:]
	if tag&0x1f == 0x1f && len(rest) > 0 {
		rest = rest[1:]
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
