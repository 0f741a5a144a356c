// Package needle looks for pieces of keys, in every form in which one could be left behind: in files, in what a program
// prints, and in the memory of one that runs.
//
// It refuses to trust silence: whoever finds nothing also says how much was looked at, and plants a key that must be
// found. Newcomers get one thing wrong: a key in memory is rarely written as in its file. Arithmetic keeps a number's
// last byte first, and a prime alone is the whole key.
package needle

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Needle is a piece of a key in one form.
type Needle struct {
	What string
	Text []byte
}

// window is how much of a key is looked for, in bytes: no 16 bytes are the same by chance.
const window = 16

// OfText looks for a secret of 24 bytes or more as it is, in hex of both cases, and in base64 at each of its three alignments.
func OfText(what string, text []byte) (list []Needle) {
	at := len(text) / 3
	piece := slices.Clone(text[at : at+window]) // the caller goes on with its bytes
	list = append(list, Needle{what, piece}, Needle{what + " in hex", []byte(hex.EncodeToString(piece))},
		Needle{what + " in upper hex", []byte(strings.ToUpper(hex.EncodeToString(piece)))})
	for _, from := range []int{at, at + 24} { // PEM breaks a line after 48 bytes: one of the two is whole
		for shift := 0; shift < 3 && from+shift+window <= len(text); shift++ {
			coded := base64.StdEncoding.EncodeToString(text[from+shift : from+shift+window-window%3])
			list = append(list, Needle{what + " in base64", []byte(coded[:window])}, Needle{what + " in base64 of URLs", []byte(urls(coded[:window]))})
		}
	}
	return list
}

func urls(coded string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(coded) }

// OfRSA looks for each private number as it is written and as arithmetic keeps it (the last byte first), and with them
// for DER, PEM and hex, which hold the same bytes; one in decimal, too.
func OfRSA(what string, key *rsa.PrivateKey) (list []Needle) {
	numbers := map[string]*big.Int{"d": key.D, "p": key.Primes[0], "q": key.Primes[1], "dp": key.Precomputed.Dp, "dq": key.Precomputed.Dq, "qinv": key.Precomputed.Qinv}
	for name, n := range numbers {
		raw := n.Bytes()
		list = append(list, OfText(what+"'s "+name, raw)...)
		slices.Reverse(raw)
		list = append(list, Needle{what + "'s " + name + ", reversed", raw[32 : 32+window]})
	}
	return append(list, Needle{what + "'s d in decimal", []byte(key.D.String()[100:140])})
}

// In says which needles stand in a text.
func In(text []byte, where string, needles []Needle) (hits []string) {
	for _, n := range needles {
		if bytes.Contains(text, n.Text) {
			hits = append(hits, n.What+" stands in "+where)
		}
	}
	return hits
}

// InFiles searches every file below the folder but those in and below the skipped ones.
func InFiles(dir string, needles []Needle, skip ...string) (hits []string, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && slices.Contains(skip, path) && d.IsDir():
			return fs.SkipDir
		case err != nil || !d.Type().IsRegular() || slices.Contains(skip, path):
			return err
		}
		text, err := os.ReadFile(path)
		files++
		hits = append(hits, In(text, path, needles)...)
		return err
	})
	return hits, files, err
}

// InMemory searches all that a process has in memory. readable is false where the system forbids it: to everybody but
// root, unless the process is traced from its start by whoever looks.
func InMemory(pid int, needles []Needle) (hits []string, looked int, readable bool, err error) {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, 0, false, nil
	}
	defer mem.Close()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, 0, false, nil
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || !strings.HasPrefix(fields[1], "r") || strings.Contains(lines.Text(), "[v") { // the kernel's own pages
			continue
		}
		var from, to int64
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to); err != nil {
			return hits, looked, looked > 0, fmt.Errorf("%s: %w", lines.Text(), err)
		}
		where := fmt.Sprintf("memory (%s)", strings.Join(fields[5:], ""))
		const step = 4 << 20
		const across = 64 // a little more, for what lies across a border
		for at := from; at < to; at += step {
			chunk := make([]byte, min(step+across, to-at))
			n, err := mem.ReadAt(chunk, at)
			if err != nil && n == 0 {
				continue // unmapped meanwhile
			}
			looked += n
			hits = append(hits, In(chunk[:n], where, needles)...)
		}
	}
	slices.Sort(hits)
	return slices.Compact(hits), looked, looked > 0, nil
}
