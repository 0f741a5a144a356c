package hubd

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"cloudcashier/shared/fault"
)

// TestProfile: the hub's owner gets a profile through the socket in the hub's folder, in bounds, one at a time; nobody
// gets one from the network.
func TestProfile(t *testing.T) {
	h, dir := openHub(t, "")
	runHub(t, h)
	serves(t, h)
	for _, ms := range []int64{0, 999, 8001, 3600_000} {
		if _, err := TakeProfile(context.Background(), dir, ProfileOrder{ms}); fault.CodeOf(err) != "profile.span" {
			t.Errorf("%d ms: %v", ms, err)
		}
	}
	type taken struct {
		Profile
		error
	}
	both := make(chan taken, 2)
	for range 2 {
		go func() {
			p, err := TakeProfile(context.Background(), dir, ProfileOrder{1000})
			both <- taken{p, err}
		}()
	}
	busy := 0
	for range 2 {
		one := <-both
		if fault.CodeOf(one.error) == "profile.busy" {
			busy++
			continue
		}
		if one.error != nil {
			t.Fatal(one.error)
		}
		packed, err := gzip.NewReader(bytes.NewReader(one.Data))
		if err != nil {
			t.Fatalf("no profile: %v", err)
		}
		if text, err := io.ReadAll(packed); err != nil || len(text) < 100 {
			t.Errorf("a profile of %d bytes, %v", len(text), err)
		}
	}
	if busy != 1 {
		t.Errorf("%d of two at once were turned away", busy)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // whoever it is, it must not answer
	for _, path := range []string{profiling, "/debug/pprof/profile", "/debug/pprof/"} {
		res, err := client.Post("https://"+h.HTTPAddr()+path, "application/json", bytes.NewReader([]byte(`{"ms":1000}`)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Errorf("%s is answered to the network", path)
		}
	}
}
