// Go's net/http as a client. See ../README.md for its arguments and what it prints.
//
// Standard library of Go 1.19 only, one file, so that `go build client.go` needs no network and no module.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	base   string
	major  int // of the protocol that each answer must have
	client *http.Client
	sizes  []int
	failed bool
)

func report(check string, err error) {
	if err == nil {
		fmt.Println("ok", check)
		return
	}
	failed = true
	fmt.Printf("FAIL %s: %v\n", check, err)
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func pattern(size int) []byte {
	bytes := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(bytes)
	return bytes
}

// Of a length that the transport cannot know.
type anonymous struct{ io.Reader }

func do(request *http.Request) (*http.Response, []byte, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if response.ProtoMajor != major {
		return nil, nil, fmt.Errorf("the answer is HTTP/%d", response.ProtoMajor)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("after %d bytes: %w", len(body), err)
	}
	return response, body, nil
}

func expect(request *http.Request, status int, text string) error {
	response, body, err := do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != status || text != "" && string(body) != text {
		return fmt.Errorf("%s %q", response.Status, body)
	}
	return nil
}

func newRequest(method, path string, body io.Reader) *http.Request {
	request, err := http.NewRequest(method, base+path, body)
	if err != nil {
		panic(err)
	}
	return request
}

func down(size int) error {
	response, body, err := do(newRequest("GET", "/bytes/"+strconv.Itoa(size), nil))
	if err != nil {
		return err
	}
	if response.StatusCode != 200 || len(body) != size || digest(body) != response.Header.Get("x-sha256") {
		return fmt.Errorf("%s, %d bytes of another digest", response.Status, len(body))
	}
	return nil
}

func up(size int, known bool) error {
	content := pattern(size)
	var body io.Reader = bytes.NewReader(content)
	if !known {
		body = anonymous{body}
	}
	return expect(newRequest("PUT", "/sum", body), 200, fmt.Sprintf("%d %s", size, digest(content)))
}

func small() error {
	errors := make(chan error, 1000)
	var group sync.WaitGroup
	places := make(chan bool, 100)
	for i := 0; i < cap(errors); i++ {
		group.Add(1)
		places <- true
		go func() {
			defer group.Done()
			if err := down(100); err != nil {
				errors <- err
			}
			<-places
		}()
	}
	group.Wait()
	if len(errors) > 0 {
		return fmt.Errorf("%d of 1000, one of them: %w", len(errors), <-errors)
	}
	return nil
}

func trailersDown() error {
	response, body, err := do(newRequest("GET", "/trailers", nil))
	if err != nil {
		return err
	}
	one, two := response.Trailer.Get("x-one"), response.Trailer.Get("x-two")
	if string(body) != "with trailers" || one != "first" || two != "second" {
		return fmt.Errorf("%q with %v", body, response.Trailer)
	}
	return nil
}

func trailersUp() error {
	request := newRequest("POST", "/trailers", anonymous{strings.NewReader("hello")})
	request.Trailer = http.Header{"X-Up": {"from the client"}}
	_, body, err := do(request)
	if err == nil && strings.ToLower(string(body)) != "5\nx-up: from the client\n" {
		err = fmt.Errorf("the origin saw %q", body)
	}
	return err
}

// What came before the final answer.
func interim(request *http.Request) (statuses []int, err error) {
	trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, _ textproto.MIMEHeader) error {
		statuses = append(statuses, status)
		return nil
	}}
	err = expect(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)), 200, "")
	return statuses, err
}

func hints() error {
	statuses, err := interim(newRequest("GET", "/hints", nil))
	if err == nil && fmt.Sprint(statuses) != "[103]" {
		err = fmt.Errorf("%v before the answer", statuses)
	}
	return err
}

func expectContinue() error {
	request := newRequest("PUT", "/sum", bytes.NewReader(pattern(100000)))
	request.Header.Set("expect", "100-continue")
	began := time.Now()
	if err := expect(request, 200, fmt.Sprintf("100000 %s", digest(pattern(100000)))); err != nil {
		return err
	}
	if took := time.Since(began); took > client.Transport.(*http.Transport).ExpectContinueTimeout {
		return fmt.Errorf("no 100 came: %v", took)
	}
	return nil
}

func refuse() error {
	return expect(newRequest("POST", "/refuse", bytes.NewReader(pattern(1<<20))), 413, "")
}

func events() error {
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	response, err := client.Do(newRequest("GET", "/events/"+id, nil))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	count := 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "data:") {
			continue
		}
		count++
		if err := expect(newRequest("GET", "/next/"+id, nil), 204, ""); err != nil {
			return err
		}
	}
	if count != 5 {
		return fmt.Errorf("%d events", count)
	}
	return nil
}

func idle() error {
	if err := down(1); err != nil {
		return err
	}
	time.Sleep(1600 * time.Millisecond) // longer than the edge keeps an idle connection here
	return down(1)
}

var checks = map[string]func(){
	"down": func() {
		for _, size := range sizes {
			report(fmt.Sprintf("down %d", size), down(size))
		}
	},
	"up": func() {
		for _, size := range sizes {
			report(fmt.Sprintf("up %d", size), up(size, true))
			report(fmt.Sprintf("up %d of unknown length", size), up(size, false))
		}
	},
	"small":    func() { report("1000 small", small()) },
	"trailers": func() { report("trailers down", trailersDown()); report("trailers up", trailersUp()) },
	"interim":  func() { report("103", hints()); report("100-continue", expectContinue()) },
	"refuse":   func() { report("an upload refused early", refuse()) },
	"events":   func() { report("events", events()) },
	"idle": func() {
		report("a pause in the body", expect(newRequest("GET", "/pause", nil), 200, "waitdone"))
		report("idle connections", idle())
	},
}

func main() {
	if len(os.Args) < 6 {
		fmt.Println("usage: client URL CA-FILE h1|h2 CHECK,... SIZE...")
		os.Exit(2)
	}
	base = os.Args[1]
	ca, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ExpectContinueTimeout: 4 * time.Second,
		MaxIdleConnsPerHost: 100}
	if os.Args[3] == "h2" {
		major, transport.ForceAttemptHTTP2 = 2, true
	} else {
		major, transport.TLSNextProto = 1, map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	client = &http.Client{Transport: transport, Timeout: 120 * time.Second}
	for _, size := range os.Args[5:] {
		number, err := strconv.Atoi(size)
		if err != nil {
			panic(err)
		}
		sizes = append(sizes, number)
	}
	for _, check := range strings.Split(os.Args[4], ",") {
		checks[check]()
	}
	if failed {
		os.Exit(1)
	}
}
