package main

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
)

// strikes change one byte of what a wallet's signatures protect. at counts the bytes that can be changed, from 0;
// hit is the name of the field that was, empty when there is no such byte, and then nothing is changed.
type strikes struct {
	request func(query string, body []byte, at int) (newQuery string, newBody []byte, hit string)
	answer  func(body []byte, at int) (newBody []byte, hit string)
	code    *regexp.Regexp // finds the wallet's error code in an answer
}

var wechatStrikes = strikes{
	request: func(query string, body []byte, at int) (string, []byte, string) {
		// A name that is changed at one end only is no XML, which says nothing about signatures.
		body, hit := strikeXML(body, at, false)
		return query, body, hit
	},
	answer: func(body []byte, at int) ([]byte, string) { return strikeXML(body, at, true) },
	code:   regexp.MustCompile(`<err_code>(?:<!\[CDATA\[)?([A-Z_]+)`),
}

// wechatv3Strikes change a byte of the query or the body, as they are on the wire; the signature stands in a header.
var wechatv3Strikes = strikes{
	request: func(query string, body []byte, at int) (string, []byte, string) {
		if at < len(query) {
			return string(flipped([]byte(query), at)), body, "query"
		}
		if at -= len(query); at < len(body) {
			return query, flipped(body, at), "body"
		}
		return query, body, ""
	},
	answer: func(body []byte, at int) ([]byte, string) {
		if at < len(body) {
			return flipped(body, at), "body"
		}
		return body, ""
	},
	code: regexp.MustCompile(`"code":"([A-Z_]+)"`),
}

var alipayStrikes = strikes{
	request: strikeForm,
	answer:  strikeNode,
	code:    regexp.MustCompile(`"sub_code":"([^"]+)"`),
}

// flip is the smallest change of a byte: to its neighbour, which keeps digits digits but 8 and 9.
const flip = 1

var element = regexp.MustCompile(`<([a-z][a-z_0-9]*)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</`)

// strikeXML changes a value, or with names also the name in an element's first tag, which the signed text has too.
func strikeXML(body []byte, at int, names bool) ([]byte, string) {
	for _, m := range element.FindAllSubmatchIndex(body, -1) {
		name := string(body[m[2]:m[3]])
		value := m[4:6] // in CDATA
		if m[4] < 0 {
			value = m[6:8]
		}
		spans := [][]int{value}
		if names && value[1] > value[0] { // an empty element is not signed, whatever its name
			spans = append(spans, m[2:4])
		}
		for _, span := range spans {
			if n := span[1] - span[0]; at >= n {
				at -= n
				continue
			}
			return flipped(body, span[0]+at), name
		}
	}
	return body, ""
}

// strikeForm changes a value as it is after URL decoding, in the query and then in the form, and encodes it again.
func strikeForm(query string, body []byte, at int) (string, []byte, string) {
	parts := [2]string{query, string(body)}
	for i, part := range parts {
		pairs := strings.Split(part, "&")
		for j, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			plain, err := url.QueryUnescape(value)
			if err != nil || at >= len(plain) {
				at -= len(plain)
				continue
			}
			pairs[j] = name + "=" + url.QueryEscape(string(flipped([]byte(plain), at)))
			parts[i] = strings.Join(pairs, "&")
			return parts[0], []byte(parts[1]), name
		}
	}
	return query, body, ""
}

// spare is the end of a signature of 256 bytes in base64: a sign of which only two bits count, and the padding.
const spare = len("A==")

// strikeNode changes a byte of the method's node, each of which is signed, or of the signature.
func strikeNode(body []byte, at int) ([]byte, string) {
	const sign = `,"sign":"`
	from, end := bytes.Index(body, []byte(`_response":`))+len(`_response":`), bytes.LastIndex(body, []byte(sign))
	to := end
	if n := bytes.LastIndex(body, []byte(`,"alipay_cert_sn":"`)); n >= 0 {
		to = n // it names a certificate and is not signed
	}
	if to < from {
		return body, ""
	}
	if at < to-from {
		return flipped(body, from+at), "node"
	}
	at -= to - from
	if from, to = end+len(sign), len(body)-len(`"}`)-spare; at < to-from {
		return flipped(body, from+at), "sign"
	}
	return body, ""
}

func flipped(text []byte, at int) []byte {
	out := bytes.Clone(text)
	out[at] ^= flip
	return out
}
