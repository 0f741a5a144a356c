package signrate

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/load"
)

// Talk says how the two tables of the talk are made again: 10 users at a web server that answers 10 bytes, and RSA-2048
// a thousand times, all at once.
type Talk struct {
	Users    int
	Anew     int // requests of each user, each on a new connection
	Kept     int // requests of each user on one connection
	Times    int // RSA operations of each kind
	Serve    string
	ServeArg string // the program and its argument that run [ServeTen]
}

// Told are the figures.
type Told struct {
	http [2]visited
	rsa  []timed
	t    Talk
}

type visited struct {
	perSecond float64
	each      time.Duration
	cost      float64 // µs of the server's processor time for a request
}

type timed struct {
	what  string
	limit string
	took  time.Duration
}

// Run makes them.
func (t Talk) Run(ctx context.Context) (out Told, err error) {
	out.t = t
	if err := out.visit(ctx); err != nil {
		return out, err
	}
	return out, out.thousand()
}

// ServeTen is the server: it prints its address and serves 10 bytes until its standard input closes.
func ServeTen(stdin io.Reader, stdout io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		l.Close()
	}()
	fmt.Fprintln(stdout, l.Addr())
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("0123456789")) }))
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// visit has users ask a server in another process, with a new connection for each request and with one for all.
func (o *Told) visit(ctx context.Context) error {
	for i, kept := range []bool{false, true} {
		cmd := exec.CommandContext(ctx, o.t.Serve, o.t.ServeArg)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start the web server: %w", err)
		}
		var address string
		_, err = fmt.Fscan(stdout, &address)
		if err == nil {
			o.http[i], err = o.users(ctx, "http://"+address+"/", kept)
		}
		stdin.Close()
		if err = errors.Join(err, cmd.Wait()); err != nil {
			return fmt.Errorf("the web server: %w", err)
		}
		used := cmd.ProcessState.SystemTime() + cmd.ProcessState.UserTime()
		o.http[i].cost = float64(used.Microseconds()) / float64(o.t.Users*o.each(kept))
	}
	return nil
}

func (o *Told) each(kept bool) int {
	if kept {
		return o.t.Kept
	}
	return o.t.Anew
}

func (o *Told) users(ctx context.Context, url string, kept bool) (visited, error) {
	failed := make(chan error, o.t.Users)
	var wg sync.WaitGroup
	began := time.Now()
	for range o.t.Users {
		wg.Go(func() {
			transport := &http.Transport{DisableKeepAlives: !kept}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for range o.each(kept) {
				if err := ask(ctx, client, url); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	close(failed)
	n := o.t.Users * o.each(kept)
	return visited{perSecond: float64(n) / took.Seconds(), each: took * time.Duration(o.t.Users) / time.Duration(n)}, <-failed
}

func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && len(body) != 10 {
		err = fmt.Errorf("the server answers %q", body)
	}
	return err
}

// thousand does each RSA operation so many times, all at once, as the talk's programs did.
func (o *Told) thousand() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	plain := make([]byte, 245) // the most that PKCS#1 v1.5 takes
	digest := sha256.Sum256(plain)
	sign, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	sealed, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, plain)
	if err != nil {
		return err
	}
	encrypt := func() error { _, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, plain); return err }
	decrypt := func() error { _, err := rsa.DecryptPKCS1v15(rand.Reader, key, sealed); return err }
	for _, op := range []struct {
		what, limit string
		do          func() error
	}{
		{"encrypt and decrypt 245 bytes", "talk: Go 2.78 s, Java 7.74 s; handbook: Go 0.92 s, Java 1.50 s", func() error { return errors.Join(encrypt(), decrypt()) }},
		{"encrypt", "", encrypt},
		{"decrypt", "", decrypt},
		{"sign", "", func() error { _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); return err }},
		{"verify", "", func() error { return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sign) }},
	} {
		failed := make(chan error, o.t.Times)
		var wg sync.WaitGroup
		began := time.Now()
		for range o.t.Times {
			wg.Go(func() { failed <- op.do() })
		}
		wg.Wait()
		o.rsa = append(o.rsa, timed{op.what, op.limit, time.Since(began)})
		close(failed)
		for err := range failed {
			if err != nil {
				return fmt.Errorf("%s: %w", op.what, err)
			}
		}
	}
	return nil
}

// Table is the two tables with the talk's own figures beside them.
func (o Told) Table() (rows []load.Row) {
	limits := []string{"talk: Go 12,000/s at 0.82 ms, Java 11,000/s; handbook: 11,510/s, 82 us", "handbook: 53,950/s at 0.19 ms, 17 to 19 us"}
	for i, how := range []string{"a new connection each", "connections kept"} {
		v := o.http[i]
		rows = append(rows, load.Row{What: fmt.Sprintf("HTTP, 10 bytes, %d users, %s", o.t.Users, how),
			Figure: fmt.Sprintf("%s/s at %.2f ms; %.0f us of the server", count(v.perSecond), float64(v.each.Microseconds())/1000, v.cost), Limit: limits[i]})
	}
	for _, x := range o.rsa {
		rows = append(rows, load.Row{What: strings.TrimSpace(fmt.Sprintf("RSA-2048, %s x %s, %d cores", count(float64(o.t.Times)), x.what, runtime.GOMAXPROCS(0))),
			Figure: fmt.Sprintf("%.3f s", x.took.Seconds()), Limit: x.limit})
	}
	return rows
}
