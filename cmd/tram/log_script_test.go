package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	tesseraclient "github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"

	"github.com/tram-exchange/tram/events/ledger"
)

// fsckLog has tessera judge a log, that of the running node or of a folder: "fsck VKEY-FILE CA-FILE" or "fsck VKEY-FILE DIR".
func fsckLog(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: fsck VKEY-FILE CA-FILE|DIR")
	}
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	v, err := note.NewVerifier(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	var fetcher fsck.Fetcher
	where := ts.MkAbs(args[1])
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		fetcher = tesseraclient.FileFetcher{Root: where}
	} else {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(ts.ReadFile(args[1]))) {
			ts.Fatalf("no certificate in %s", args[1])
		}
		log, err := url.Parse(ts.Getenv("TRAM_NODE") + "/log/")
		ts.Check(err)
		fetcher, err = tesseraclient.NewHTTPFetcher(log, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}})
		ts.Check(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = fsck.New(v.Name(), v, fetcher, func(b []byte) (out [][]byte, err error) {
		var bundle api.EntryBundle
		err = bundle.UnmarshalText(b)
		for _, e := range bundle.Entries {
			out = append(out, rfc6962.DefaultHasher.HashLeaf(e))
		}
		return out, err
	}, fsck.Opts{N: 2}).Check(ctx)
	if neg == (err == nil) {
		ts.Fatalf("fsck: %v", err)
	}
}

// waitLog waits until a published log has at least the size of another: "waitlog DIR LOG-DIR".
func waitLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitlog DIR LOG-DIR")
	}
	size := func(dir string) uint64 {
		h, err := ledger.ReadCheckpoint([]byte(ts.ReadFile(dir + "/checkpoint")))
		ts.Check(err)
		return h.Size
	}
	want := size(args[0])
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if size(args[1]) >= want {
			return
		}
	}
	ts.Fatalf("%s never came to size %d", args[1], want)
}
