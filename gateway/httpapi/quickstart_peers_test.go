//go:build peers

package httpapi_test

import (
	"context"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// The quick start does what it says: its shell blocks run in order, in one shell, against a real node.
func TestQuickStart(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the peer is missing: %v", err)
		}
	}
	text, err := os.ReadFile("../../docs/api-quickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\n" + shellBlocks(string(text))
	w := newWorld(t, func(o *worldOptions) { o.start = time.Now() }) // curl judges certificates by the clock on the wall
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	w.running.Go(func() { _ = w.router.Run(ctx) })

	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := os.ReadFile(filepath.Join(vectorDir, "document.xml"))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(filepath.Join(vectorDir, "status.xml"))
	if err != nil {
		t.Fatal(err)
	}
	write("document.xml", w.sign(doc, w.agencies[codeSender]))
	write("status.xml", w.sign(status, w.agencies[codeRecipient]))
	write("ca.pem", signing.MarshalCertificates([]*x509.Certificate{w.ca.Certificate}))

	run, cancel := context.WithTimeout(w.ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(run, "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE="+w.server.URL, "CA="+filepath.Join(dir, "ca.pem"),
		"SENDER="+w.actors["sender"].token, "RECIPIENT="+w.actors["recipient"].token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the quick start fails: %v\n%s", err, out)
	}
}

// shellBlocks are the contents of the ```sh blocks.
func shellBlocks(text string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```sh"):
			in = true
		case strings.HasPrefix(line, "```"):
			in = false
		case in:
			b.WriteString(line)
		}
	}
	return b.String()
}
