package needle

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestEveryFormIsFound plants one key in each form in a file of its own; each is found, and a file with another key is not.
func TestEveryFormIsFound(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	reversed := func(b []byte) []byte { slices.Reverse(b); return b }
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(key)
	number, err := asn1.Marshal(key.Primes[1])
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(map[string][]byte{"key": pkcs8})
	if err != nil {
		t.Fatal(err)
	}
	const secret = "0123456789abcdefABCDEF9876543210"
	needles := slices.Concat(OfRSA("the key", key), OfText("the secret", []byte(secret)))
	dir := t.TempDir()
	forms := map[string][]byte{
		"pkcs8.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE " + "KEY", Bytes: pkcs8}),
		"pkcs1.pem": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE " + "KEY", Bytes: pkcs1}),
		"pkcs8.der": pkcs8, "pkcs1.der": pkcs1, "prime.der": number, "json": quoted,
		"p": key.Primes[0].Bytes(), "q reversed": reversed(key.Primes[1].Bytes()), "d": key.D.Bytes(), "d reversed": reversed(key.D.Bytes()),
		"dp": key.Precomputed.Dp.Bytes(), "dq reversed": reversed(key.Precomputed.Dq.Bytes()), "qinv": key.Precomputed.Qinv.Bytes(),
		"d.hex": []byte(hex.EncodeToString(key.D.Bytes())), "p.HEX": []byte(strings.ToUpper(hex.EncodeToString(key.Primes[0].Bytes()))),
		"d.decimal": []byte(key.D.String()), "url": []byte(base64.RawURLEncoding.EncodeToString(pkcs1)),
		"secret": []byte("&key=" + secret), "secret.hex": []byte(hex.EncodeToString([]byte(secret))),
		"secret.b64": []byte(base64.StdEncoding.EncodeToString([]byte("x" + secret))),
	}
	for name, text := range forms {
		if err := os.WriteFile(filepath.Join(dir, name), slices.Concat([]byte("before "), text, []byte(" after")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "public"), slices.Concat(key.N.Bytes(), x509.MarshalPKCS1PrivateKey(stranger)), 0o600); err != nil {
		t.Fatal(err)
	}
	hits, files, err := InFiles(dir, needles)
	if err != nil || files != len(forms)+1 {
		t.Fatalf("%d files, %v", files, err)
	}
	for name := range forms {
		if !slices.ContainsFunc(hits, func(h string) bool { return strings.HasSuffix(h, "/"+name) }) {
			t.Errorf("the key is not found in %s", name)
		}
	}
	if slices.ContainsFunc(hits, func(h string) bool { return strings.HasSuffix(h, "/public") }) {
		t.Errorf("a public half and another key are taken for the key")
	}
	if _, files, _ := InFiles(dir, needles, filepath.Join(dir, "json")); files != len(forms) {
		t.Errorf("a skipped file is read")
	}
}

// TestMemoryIsSearched: what this process holds is found in it.
func TestMemoryIsSearched(t *testing.T) {
	mine := make([]byte, 64)
	_, _ = rand.Read(mine)
	needle := Needle{"mine", slices.Clone(mine[20:36])}
	hits, looked, readable, err := InMemory(os.Getpid(), []Needle{needle})
	if err != nil || !readable || looked < 1<<20 {
		t.Fatalf("%d bytes, readable %v, %v", looked, readable, err)
	}
	if !slices.ContainsFunc(hits, func(h string) bool { return strings.HasPrefix(h, "mine") }) {
		t.Error("what stands in memory is not found")
	}
	runtime.KeepAlive(mine)
}
