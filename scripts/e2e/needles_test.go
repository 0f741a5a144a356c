package e2e

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// needle is a piece of a key in one of the forms in which it could be left behind.
type needle struct {
	what string
	text []byte
}

// window is how much of a key is looked for, in bytes: no 16 bytes are the same by chance.
const window = 16

// ofText looks for a secret text as it is, in hex, and in base64 at each of its three alignments.
func ofText(what string, text []byte) (list []needle) {
	at := len(text) / 3
	list = append(list, needle{what, text[at : at+window]}, needle{what + " in hex", []byte(hex.EncodeToString(text[at : at+window]))})
	for _, from := range []int{at, at + 24} { // PEM breaks a line after 48 bytes: one of the two is whole
		for shift := 0; shift < 3 && from+shift+window <= len(text); shift++ {
			coded := base64.StdEncoding.EncodeToString(text[from+shift : from+shift+window-window%3])
			list = append(list, needle{what + " in base64", []byte(coded[:window])})
		}
	}
	return list
}

// ofRSA looks for each private number as it is written and as arithmetic keeps it (the last byte
// first), and with them for DER, PEM and hex, which hold the same bytes.
func ofRSA(what string, key *rsa.PrivateKey) (list []needle) {
	numbers := map[string]*big.Int{"d": key.D, "p": key.Primes[0], "q": key.Primes[1], "dp": key.Precomputed.Dp, "dq": key.Precomputed.Dq, "qinv": key.Precomputed.Qinv}
	for name, n := range numbers {
		raw := n.Bytes()
		list = append(list, ofText(what+"'s "+name, raw)...)
		slices.Reverse(raw)
		list = append(list, needle{what + "'s " + name + ", reversed", raw[32 : 32+window]})
	}
	return append(list, needle{what + "'s d in decimal", []byte(key.D.String()[100:140])})
}

func found(text []byte, where string, needles []needle) (hits []string) {
	for _, n := range needles {
		if bytes.Contains(text, n.text) {
			hits = append(hits, n.what+" stands in "+where)
		}
	}
	return hits
}

// inFiles searches every file below the folder but those below skip.
func inFiles(t *testing.T, dir, skip string, needles []needle) (hits []string, files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path == skip {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		hits = append(hits, found(text, path, needles)...)
		return err
	})
	must(t, err)
	return hits, files
}

// inMemory searches all that a process has in memory. readable is false where the system forbids it,
// even to the process's own user.
func inMemory(t *testing.T, pid int, needles []needle) (hits []string, looked int, readable bool) {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, 0, false
	}
	defer mem.Close()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	must(t, err)
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var mode string
		if strings.Contains(lines.Text(), "[v") { // the kernel's own pages
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || mode[0] != 'r' {
			must(t, err)
			continue
		}
		const step = 4 << 20
		for at := from; at < to; at += step {
			chunk := make([]byte, min(step+64, to-at)) // a little more, for what lies across a border
			n, err := mem.ReadAt(chunk, at)
			if err != nil && n == 0 {
				continue // unmapped meanwhile
			}
			looked += n
			hits = append(hits, found(chunk[:n], fmt.Sprintf("memory (%s)", strings.Join(strings.Fields(lines.Text())[5:], "")), needles)...)
		}
	}
	slices.Sort(hits)
	return slices.Compact(hits), looked, looked > 0
}

func parseRSA(t *testing.T, der []byte) *rsa.PrivateKey {
	t.Helper()
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	any, err := x509.ParsePKCS8PrivateKey(der)
	must(t, err)
	return any.(*rsa.PrivateKey)
}
