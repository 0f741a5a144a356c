package unionpay

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"strings"
	"testing"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestVector takes the handbook's U-1, and nothing that differs from it by one field.
func TestVector(t *testing.T) {
	block, _ := pem.Decode(read(t, "test_rsa.pub.pem"))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ String, SHA256Hex, Signature string }
	if err := json.Unmarshal(read(t, "vector.json"), &v); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{"signature": v.Signature}
	for _, part := range strings.Split(v.String, "&") {
		name, value, _ := strings.Cut(part, "=")
		good[name] = value
	}
	text := signedText(good)
	if sum := sha256.Sum256(text); string(text) != v.String || hex.EncodeToString(sum[:]) != v.SHA256Hex {
		t.Errorf("signed text %s", text)
	}
	if !verify(key.(*rsa.PublicKey), good) {
		t.Error("the vector was refused")
	}
	for name := range good {
		for what, change := range map[string]func(map[string]string){
			"changed": func(m map[string]string) { m[name] += "1" }, "left out": func(m map[string]string) { delete(m, name) },
			"sent twice under another name": func(m map[string]string) { m[name+"1"] = m[name] },
		} {
			bad := maps.Clone(good)
			if change(bad); verify(key.(*rsa.PublicKey), bad) {
				t.Errorf("taken with %s %s", name, what)
			}
		}
	}
}
