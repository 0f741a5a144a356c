package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cloudcashier/hub/sandbox"
)

// servedFolder is what makes this test program a sandbox: the folder that it serves.
const servedFolder = "SANDBOX_BENCH_FOLDER"

// serveForBench is a sandbox in a process of its own, whose processor time is nobody else's. It writes where it listens, and
// what it spent so far, in nanoseconds, for each line it reads.
func serveForBench(dir string) {
	sandbox.Frugal()
	s, err := sandbox.New(sandbox.Config{DataDir: dir, Listen: "127.0.0.1:0", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		fmt.Println(s.Addr())
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			var u syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
			fmt.Println(u.Utime.Nano() + u.Stime.Nano())
		}
	}()
	if err := s.Run(ctx); err != nil {
		panic(err)
	}
}

// BenchmarkPay is payments as a busy hub asks for them: 64 at once over TLS, on connections that stay. What counts is
// sandbox-us/op, the sandbox's processor time for one of them; the rest is shared with those who ask.
func BenchmarkPay(b *testing.B) {
	l := &lab{clock: &clock{t: time.Now()}, dir: b.TempDir()}
	block, _ := pem.Decode(testdata("app_rsa.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	l.appKey = key.(*rsa.PrivateKey)
	files, err := os.ReadDir(furnished())
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(furnished() + "/" + f.Name())
		if err == nil {
			err = os.WriteFile(l.dir+"/"+f.Name(), data, 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	box := startForBench(b, l.dir)
	answer, err := http.Post("http://"+box.addr+"/sandbox/merchants", "application/json",
		strings.NewReader(`{"name":"shop","alipay_public_key":`+quoted(testdata("app_rsa.pub.pem"))+`}`))
	if err != nil {
		b.Fatal(err)
	}
	if err := json.NewDecoder(answer.Body).Decode(&l.merchant); err != nil {
		b.Fatal(err)
	}
	answer.Body.Close()
	next := 0
	number := func() (number, code string) {
		next++
		return fmt.Sprintf("B%09d", next), fmt.Sprintf("%014d00", next)
	}
	b.Run("wechat", func(b *testing.B) {
		box.run(b, `<result_code><![CDATA[SUCCESS]]>`, func() []byte {
			n, code := number()
			f := l.wechatPay(n, "13"+code)
			return post(box.addr, "/wechat/pay/micropay", "text/xml", toXML(f.with("sign", l.wechatSign(f))))
		})
	})
	b.Run("alipay", func(b *testing.B) {
		box.run(b, `"code":"10000"`, func() []byte {
			n, code := number()
			l.clock.t = time.Now()
			form := url.Values{}
			for k, v := range l.alipayParams("alipay.trade.pay", l.alipayPay(n, "28"+code)) {
				form.Set(k, v)
			}
			return post(box.addr, "/alipay/gateway.do", "application/x-www-form-urlencoded;charset=utf-8", []byte(form.Encode()))
		})
	})
}

func quoted(text []byte) string {
	out, _ := json.Marshal(string(text))
	return string(out)
}

func post(host, path, contentType string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path, host, contentType, len(body), body)
}

// boxProcess is the sandbox that serves.
type boxProcess struct {
	addr  string
	ask   io.Writer
	tells *bufio.Scanner
	roots *x509.CertPool
}

func startForBench(b *testing.B, dir string) *boxProcess {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command(self)
	c.Env, c.Stderr = append(os.Environ(), servedFolder+"="+dir, "GOGC=800"), os.Stderr // about what the program gives its heap
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	})
	p := &boxProcess{ask: in, tells: bufio.NewScanner(out), roots: x509.NewCertPool()}
	if !p.tells.Scan() {
		b.Fatal("no sandbox")
	}
	p.addr = p.tells.Text()
	authority, err := os.ReadFile(filepath.Join(dir, "tls-ca.pem"))
	if err != nil || !p.roots.AppendCertsFromPEM(authority) {
		b.Fatalf("who vouches for the sandbox: %v", err)
	}
	return p
}

// spent is the sandbox's processor time so far, in nanoseconds.
func (p *boxProcess) spent(b *testing.B) (ns int64) {
	b.Helper()
	fmt.Fprintln(p.ask)
	if !p.tells.Scan() {
		b.Fatal("the sandbox ended")
	}
	if _, err := fmt.Sscan(p.tells.Text(), &ns); err != nil {
		b.Fatal(err)
	}
	return ns
}

// run sends b.N requests over 64 connections; each answer must hold the word.
func (p *boxProcess) run(b *testing.B, word string, request func() []byte) {
	const callers = 64
	requests := make([][]byte, b.N)
	for i := range requests {
		requests[i] = request()
	}
	var conns []*tls.Conn
	for range callers {
		conn, err := tls.Dial("tcp", p.addr, &tls.Config{RootCAs: p.roots})
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	var next atomic.Int64
	var all sync.WaitGroup
	before := p.spent(b)
	b.ResetTimer()
	for _, conn := range conns {
		all.Go(func() {
			in := bufio.NewReader(conn)
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if _, err := conn.Write(requests[i]); err != nil {
					b.Error(err)
					return
				}
				answer, err := http.ReadResponse(in, nil)
				if err != nil {
					b.Error(err)
					return
				}
				text, err := io.ReadAll(answer.Body)
				if err != nil || !bytes.Contains(text, []byte(word)) {
					b.Errorf("%v: %s", err, text)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(p.spent(b)-before)/1000/float64(b.N), "sandbox-us/op")
}
