package e2e

import (
	"crypto/rsa"
	"crypto/x509"
	"testing"

	"cloudcashier/scripts/internal/needle"
)

// inFiles searches every file below the folder but those below skip.
func inFiles(t *testing.T, dir, skip string, needles []needle.Needle) (hits []string, files int) {
	t.Helper()
	hits, files, err := needle.InFiles(dir, needles, skip)
	must(t, err)
	return hits, files
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
