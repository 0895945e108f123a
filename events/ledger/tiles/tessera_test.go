package tiles_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"

	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// TestMain keeps tessera's own log out of the output.
func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// serve publishes a log's sizes into a folder of the real file system and serves it under /log/.
func serve(t *testing.T, r *record, sizes ...uint64) (dir string, log *url.URL) {
	t.Helper()
	dir = t.TempDir()
	w := tiles.NewWriter(r, tiles.OSFiles(dir), tiles.Options{Verifiers: []note.Verifier{r.verifier(t)}})
	for _, size := range sizes {
		r.size = size
		if err := w.Publish(t.Context(), r.head(t, size)); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(http.StripPrefix("/log/", tiles.Handler(os.DirFS(dir))))
	t.Cleanup(s.Close)
	log, err := url.Parse(s.URL + "/log/")
	if err != nil {
		t.Fatal(err)
	}
	return dir, log
}

// bundleHashes is how fsck makes leaves of an entry bundle.
func bundleHashes(b []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(b); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, e := range bundle.Entries {
		out = append(out, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return out, nil
}

func fsckOf(t *testing.T, r *record, f fsck.Fetcher) error {
	t.Helper()
	return fsck.New(origin, r.verifier(t), f, bundleHashes, fsck.Opts{N: 2}).Check(t.Context())
}

// Tessera's fsck accepts the log, over HTTP and from the files, and refuses it when one of them was changed.
func TestTesseraChecksFiles(t *testing.T) {
	for _, size := range []uint64{1, 255, 256, 257, 700} {
		r := newRecord(t)
		dir, log := serve(t, r, size)
		fetcher, err := client.NewHTTPFetcher(log, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := fsckOf(t, r, fetcher); err != nil {
			t.Errorf("size %d, over HTTP: %v", size, err)
		}
		files := client.FileFetcher{Root: dir}
		if err := fsckOf(t, r, files); err != nil {
			t.Errorf("size %d, from files: %v", size, err)
		}
		for name := range plainFiles(size) {
			file := dir + "/" + name
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b[5] ^= 1
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := fsckOf(t, r, files); err == nil {
				t.Errorf("size %d: fsck accepts a changed %s", size, name)
			}
			b[5] ^= 1
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Tessera's client proves entries and the growth from one head to the next with what it fetches.
func TestTesseraClient(t *testing.T) {
	r := newRecord(t)
	dir, log := serve(t, r, 200, 600, 700)
	fetcher, err := client.NewHTTPFetcher(log, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	head, _, signed, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, r.verifier(t), origin)
	if err != nil {
		t.Fatal(err)
	}
	if head.Size != 700 || len(signed.Sigs) != 1 || len(signed.UnverifiedSigs) != 1 {
		t.Fatalf("head of size %d with %d good and %d unknown signatures", head.Size, len(signed.Sigs), len(signed.UnverifiedSigs))
	}
	builder, err := client.NewProofBuilder(ctx, head.Size, fetcher.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []uint64{0, 255, 256, 511, 512, 599} {
		bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, i/256, head.Size)
		if err != nil {
			t.Fatal(err)
		}
		got := bundle.Entries[i%256]
		if string(got) != string(entry(i)) {
			t.Errorf("entry %d is %x, expected %x", i, got, entry(i))
		}
		p, err := builder.InclusionProof(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, i, head.Size, rfc6962.DefaultHasher.HashLeaf(got), p, head.Hash); err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	grown, err := builder.ConsistencyProof(ctx, 200, head.Size)
	if err != nil {
		t.Fatal(err)
	}
	old := plainRoot(200)
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, 200, head.Size, grown, old[:], head.Hash); err != nil {
		t.Error(err)
	}
	// Who still holds the older head takes the full tile in place of its partial one, which is gone.
	if _, err := os.Stat(dir + "/tile/0/000.p"); !os.IsNotExist(err) {
		t.Fatalf("the partial tile is there: %v", err)
	}
	if _, err := client.NewProofBuilder(ctx, 200, func(ctx context.Context, l, i uint64, p uint8) ([]byte, error) {
		return fetcher.ReadTile(ctx, l, i, p)
	}); err != nil {
		t.Error(err)
	}
}
