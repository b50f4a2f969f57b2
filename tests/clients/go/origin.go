// Go's net/http as an origin. See ../README.md for its arguments and what it serves.
//
// Standard library of Go 1.19 only, one file, so that `go build origin.go` needs no network and no module.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	mutex sync.Mutex
	asked = map[string]chan bool{} // for the next event
)

func askedFor(id string) chan bool {
	mutex.Lock()
	defer mutex.Unlock()
	if asked[id] == nil {
		asked[id] = make(chan bool, 10)
	}
	return asked[id]
}

func sendBytes(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/bytes/"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	bytes := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(bytes)
	sum := sha256.Sum256(bytes)
	w.Header().Set("x-sha256", hex.EncodeToString(sum[:]))
	w.Header().Set("content-length", strconv.Itoa(size))
	w.Write(bytes)
}

func sum(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	size, err := io.Copy(hash, r.Body)
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	fmt.Fprintf(w, "%d %x", size, hash.Sum(nil))
}

func trailers(w http.ResponseWriter, r *http.Request) {
	if r.Method == "GET" {
		w.Header().Set("trailer", "x-one, x-two")
		io.WriteString(w, "with trailers")
		w.(http.Flusher).Flush() // or its length would be announced, and HTTP/1.1 has no trailers behind that
		w.Header().Set("x-one", "first")
		w.Header().Set("x-two", "second")
		return
	}
	size, _ := io.Copy(io.Discard, r.Body)
	lines := []string{}
	for name, values := range r.Trailer {
		if len(values) > 0 { // announced only, else
			lines = append(lines, fmt.Sprintf("%s: %s\n", name, values[0]))
		}
	}
	sort.Strings(lines)
	fmt.Fprintf(w, "%d\n%s", size, strings.Join(lines, ""))
}

func hints(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("link", "</style.css>; rel=preload")
	w.WriteHeader(103)
	io.WriteString(w, "after hints")
}

func refuse(w http.ResponseWriter, _ *http.Request) { http.Error(w, "too large for me", 413) }

func pause(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("content-length", "8")
	io.WriteString(w, "wait")
	w.(http.Flusher).Flush()
	time.Sleep(400 * time.Millisecond)
	io.WriteString(w, "done")
}

func events(w http.ResponseWriter, r *http.Request) {
	next := askedFor(strings.TrimPrefix(r.URL.Path, "/events/"))
	w.Header().Set("content-type", "text/event-stream")
	for i := 1; i <= 5; i++ {
		if i > 1 {
			select {
			case <-next:
			case <-time.After(10 * time.Second):
				panic(http.ErrAbortHandler)
			}
		}
		fmt.Fprintf(w, "data: event %d\n\n", i)
		w.(http.Flusher).Flush()
	}
}

func main() {
	if len(os.Args) != 2 && len(os.Args) != 4 {
		fmt.Println("usage: origin http | origin https|h2 CERTIFICATE KEY")
		os.Exit(2)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/bytes/", sendBytes)
	mux.HandleFunc("/sum", sum)
	mux.HandleFunc("/trailers", trailers)
	mux.HandleFunc("/hints", hints)
	mux.HandleFunc("/refuse", refuse)
	mux.HandleFunc("/pause", pause)
	mux.HandleFunc("/events/", events)
	mux.HandleFunc("/next/", func(w http.ResponseWriter, r *http.Request) {
		askedFor(strings.TrimPrefix(r.URL.Path, "/next/")) <- true
		w.WriteHeader(204)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: mux}
	if os.Args[1] == "https" {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if os.Args[1] == "http" {
		panic(server.Serve(listener))
	}
	panic(server.ServeTLS(listener, os.Args[2], os.Args[3]))
}
