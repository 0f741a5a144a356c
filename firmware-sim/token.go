package main

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// tokenMin is the least length of a token.
const tokenMin = 16

// readToken reads the token of a door out of its file; "" is no file.
func readToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", wrongUse{fmt.Errorf("read the token: %w", err)}
	}
	token := string(bytes.TrimSpace(raw))
	if len(token) < tokenMin || strings.ContainsAny(token, " \r\n") {
		return "", wrongUse{fmt.Errorf("a token is one word of %d characters or more: make one with openssl rand -hex 32", tokenMin)}
	}
	return token, nil
}

// guard lets in who knows the token, where there is one.
func (d *door) guard(next http.Handler) http.Handler {
	if d.token == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(d.token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "this door wants its token: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
