package statement_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
)

func gz(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t testing.TB, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte("text of " + name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestGunzipRefuses what is no whole single file within the bounds.
func TestGunzipRefuses(t *testing.T) {
	good := gz(t, []byte("a bill"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-5] ^= 1
	for name, packed := range map[string][]byte{
		"bomb": gz(t, make([]byte, 8<<20)), "cut": good[:len(good)-3], "two files": append(bytes.Clone(good), good...),
		"check sum": flipped, "nothing": nil, "no gzip": []byte("plain text"),
	} {
		if err := statement.Day.Gunzip(io.Discard, bytes.NewReader(packed)); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	small := statement.Bounds{Packed: 1 << 10, Unpacked: 3, Ratio: 200}
	if err := small.Gunzip(io.Discard, bytes.NewReader(good)); fault.CodeOf(err) != "bill.too_large" {
		t.Errorf("too large: %v", err)
	}
	var out bytes.Buffer
	if err := statement.Day.Gunzip(&out, bytes.NewReader(good)); err != nil || out.String() != "a bill" {
		t.Errorf("a good one: %q, %v", out.String(), err)
	}
}

// TestUnzipRefuses archives with other names than the wallet's.
func TestUnzipRefuses(t *testing.T) {
	known := func(name string) (bool, bool) { return name == "bill" || name == "sums", name == "bill" }
	for name, packed := range map[string][]byte{
		"a path": zipped(t, "bill", "../../etc/passwd"), "absolute": zipped(t, "/bill"), "twice": zipped(t, "bill", "bill"),
		"missing": zipped(t, "sums"), "no archive": []byte("PK"),
	} {
		if err := statement.Day.Unzip(io.Discard, packed, known); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := statement.Day.Unzip(&out, zipped(t, "sums", "bill"), known); err != nil || out.String() != "text of bill" {
		t.Errorf("a good one: %q, %v", out.String(), err)
	}
}

// TestCells holds amounts, numbers and columns to their shapes.
func TestCells(t *testing.T) {
	for text, want := range map[string]int64{"0.00": 0, "12.80": 1280, "-0.06000": -6, "0.1": 10, "7": 700} {
		if got, err := statement.Fen(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0.00600", "1e3", "=1+1", "1,000.00", "１.00", "+1.00", " 1.00", "--1", "99999999999999999.00"} {
		if got, err := statement.Fen(text); err == nil {
			t.Errorf("%q taken as %d", text, got)
		}
	}
	for _, text := range []string{"", "=cmd", "+1", "-1", "@x", strings.Repeat("1", 33), "a b"} {
		if statement.Number(text, 32) {
			t.Errorf("%q taken as a number", text)
		}
	}
	if _, err := statement.Header([]string{"a", "b", "a"}, "a"); err == nil {
		t.Error("a column that comes twice was taken")
	}
	if _, err := statement.Header([]string{"a"}, "b"); err == nil {
		t.Error("a missing column was not missed")
	}
}

// FuzzUnzip and FuzzGunzip: nothing hostile brings a panic, or more than the bounds.
func FuzzUnzip(f *testing.F) {
	f.Add(zipped(f, "bill"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		var out bytes.Buffer
		b := statement.Bounds{Packed: 1 << 20, Unpacked: 1 << 20, Ratio: 50}
		_ = b.Unzip(&out, packed, func(name string) (bool, bool) { return true, name == "bill" })
		if out.Len() > 1<<20 {
			t.Error("more than the bounds")
		}
	})
}

func FuzzGunzip(f *testing.F) {
	f.Add(gz(f, []byte("a bill")))
	f.Fuzz(func(t *testing.T, packed []byte) {
		var out bytes.Buffer
		_ = statement.Bounds{Packed: 1 << 20, Unpacked: 1 << 20, Ratio: 50}.Gunzip(&out, bytes.NewReader(packed))
		if out.Len() > 1<<20 {
			t.Error("more than the bounds")
		}
	})
}
