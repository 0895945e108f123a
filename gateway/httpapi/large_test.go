package httpapi_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// A large package costs the node the memory of its buffers: it is hashed, parsed, verified, stored and given out as a
// stream. All that is allocated on the way, on both sides of the line, stays far below its size.
func TestLargePackage(t *testing.T) {
	w := newWorld(t)
	const size = 48 << 20
	big := schemas.File{Name: "so-lieu.bin", ContentType: "application/octet-stream", Raw: true, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(&noise{}, size)), nil
	}}
	plain := filepath.Join(t.TempDir(), "plain.xml")
	f, err := os.Create(plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schemas.WriteDocument(f, w.doc("960"), []schemas.File{big}, schemas.WriteOptions{Time: w.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	src, err := signing.OpenFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	signed, err := os.Create(plain + ".signed")
	if err != nil {
		t.Fatal(err)
	}
	defer signed.Close()
	a := w.agencies[codeSender]
	if err := signing.SignTo(context.Background(), signed, src, a.key, []*x509.Certificate{a.cert}, signing.SignOptions{}); err != nil {
		t.Fatal(err)
	}
	length, err := signed.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(signed, 0, length)); err != nil {
		t.Fatal(err)
	}
	sum := hex.EncodeToString(h.Sum(nil))

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	req, err := http.NewRequest(http.MethodPost, w.server.URL+"/v1/packages", io.NewSectionReader(signed, 0, length))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	req.Header.Set("Authorization", "Bearer "+w.actors["sender"].token)
	resp, err := w.client(nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAnswer(t, resp); got.status != http.StatusCreated {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d MiB allocated for a package of %d MiB", grown>>20, length>>20)
	}
	w.step()
	get, err := http.NewRequest(http.MethodGet, w.server.URL+"/v1/packages/"+sum, nil)
	if err != nil {
		t.Fatal(err)
	}
	get.Header.Set("Authorization", "Bearer "+w.actors["recipient"].token)
	if resp, err = w.client(nil).Do(get); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	h.Reset()
	n, err := io.Copy(h, resp.Body)
	if err != nil || n != length || hex.EncodeToString(h.Sum(nil)) != sum {
		t.Errorf("%d of %d bytes came out, error %v, digest %x", n, length, err, h.Sum(nil))
	}
	if m, d := w.gauge("tram_spool_memory_bytes"), w.gauge("tram_spool_disk_bytes"); m != 0 || d != 0 {
		t.Errorf("the spool still holds %v and %v bytes", m, d)
	}
}

// noise is bytes that do not compress, the same each time.
type noise struct{ x uint64 }

func (n *noise) Read(p []byte) (int, error) {
	for i := range p {
		n.x = n.x*6364136223846793005 + 1442695040888963407
		p[i] = byte(n.x >> 56)
	}
	return len(p), nil
}
