//go:build peers

package ledger_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events/ledger"
)

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing: %v", program, err)
	}
}

// The script in docs and this package judge every vector alike.
func TestReceiptScript(t *testing.T) {
	need(t, "python3")
	need(t, "openssl")
	n := 0
	for _, v := range readVectors(t) {
		if strings.Contains(v.key, "ca.") {
			continue // the script knows certificates and log keys, no authorities
		}
		key := filepath.Join(vectors, v.key)
		if strings.HasSuffix(v.key, ".key") {
			key = strings.TrimSpace(string(readVector(t, v.key)))
		}
		out, err := exec.Command("python3", "../../docs/receipt-check.py", filepath.Join(vectors, v.receipt), key).CombinedOutput()
		if v.ok != (err == nil) {
			t.Errorf("%s with %s: %v, expected ok: %t\n%s", v.receipt, v.key, err, v.ok, out)
		}
		if v.ok {
			r, err := ledger.ParseReceipt(readVector(t, v.receipt))
			if err != nil || string(bytes.TrimSuffix(out, []byte("\n"))) != string(r.Bytes) {
				t.Errorf("%s: the script printed %s, %v", v.receipt, out, err)
			}
			n++
		}
	}
	if n < 6 {
		t.Errorf("the script proved %d receipts only", n)
	}
}

// The node line is checked by openssl alone, as the package comment says.
func TestNodeLineWithOpenSSL(t *testing.T) {
	need(t, "openssl")
	for _, name := range []string{"p256", "rsa"} {
		r, err := ledger.ParseReceipt(readVector(t, name+".tlog-proof"))
		if err != nil {
			t.Fatal(err)
		}
		text, lines, _ := bytes.Cut(r.Checkpoint, []byte("\n\n"))
		dir := t.TempDir()
		for line := range strings.Lines(string(lines)) {
			f := strings.Fields(line)
			if !strings.HasSuffix(f[1], "/node") {
				continue
			}
			sig, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			os.WriteFile(filepath.Join(dir, "sig"), sig[4:], 0o600)
		}
		os.WriteFile(filepath.Join(dir, "text"), append(text, '\n'), 0o600)
		pub, err := exec.Command("openssl", "x509", "-in", filepath.Join(vectors, name+".pem"), "-pubkey", "-noout").Output()
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, "pub"), pub, 0o600)
		c := exec.Command("openssl", "dgst", "-sha256", "-verify", "pub", "-signature", "sig", "text")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
