package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTheLiarChangesWhatItSaysAndNothingElse: a wallet behind it sees the request, the certificate and the aim.
func TestTheLiarChangesWhatItSaysAndNothingElse(t *testing.T) {
	wallet := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "<xml><err_code>SEEN</err_code><body><![CDATA[%s]]></body><certificates>%d</certificates></xml>", body[len("<xml><a>"):len(body)-len("</a></xml>")], len(r.TLS.PeerCertificates))
	}))
	wallet.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	wallet.StartTLS()
	defer wallet.Close()
	merchant, merchantPEM, err := certificate("merchant")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(merchant.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	w := wallets{url: "http" + strings.TrimPrefix(wallet.URL, "https")}
	w.account.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: wallet.Certificate().Raw}))
	w.account.WeChat.ClientCert, w.account.WeChat.ClientKey = merchantPEM, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	l, err := newLiar(w, wechatStrikes)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()

	for _, c := range []struct {
		side string
		at   int
		with []tls.Certificate
		want string // body, certificates
		hit  string
	}{
		{"request", 0, nil, "<xml><err_code>SEEN</err_code><body><![CDATA[02]]></body><certificates>0</certificates></xml>", "a"},
		{"request", 2, nil, "<xml><err_code>SEEN</err_code><body><![CDATA[12]]></body><certificates>0</certificates></xml>", ""},
		{"answer", 1, nil, "<xml><err_code>SDEN</err_code><body><![CDATA[12]]></body><certificates>0</certificates></xml>", "err_code"},
		{"answer", 999, []tls.Certificate{merchant}, "<xml><err_code>SEEN</err_code><body><![CDATA[12]]></body><certificates>1</certificates></xml>", ""},
	} {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(l.authority))
		sdk := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: c.with}}}
		ask := func(method, path, body string) string {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), method, l.url+path, bytes.NewReader([]byte(body)))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := sdk.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		ask(http.MethodPost, "/aim", fmt.Sprintf(`{"side":%q,"at":%d}`, c.side, c.at))
		if got := ask(http.MethodPost, "/pay", "<xml><a>12</a></xml>"); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
		var told shot
		if err := json.Unmarshal([]byte(ask(http.MethodGet, "/shot", "")), &told); err != nil || told != (shot{c.hit, "SEEN"}) {
			t.Errorf("%v: told %v, %v", c, told, err)
		}
		sdk.CloseIdleConnections()
	}
}
