package pades_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/pades"
)

// Whatever the octets are, Read gives a report, within its limits, and nothing is intact that was not signed by the seeds' key over the
// same octets.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.pdf"))
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors")
	}
	var seeds [][]byte
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		seeds = append(seeds, b)
	}
	f.Add([]byte("%PDF-1.7\nstartxref\n0\n%%EOF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := pades.Read(t.Context(), signing.BytesSource(b), pades.Limits{MaxObjects: 2000, MaxDecoded: 1 << 20, MaxContents: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range d.Signatures {
			if s.Intact != (len(s.Problems) == 0) {
				t.Fatalf("intact %v with problems %v", s.Intact, s.Problems)
			}
			if !s.Intact {
				continue
			}
			open, shut := s.ByteRange[1], s.ByteRange[2]
			known := false
			for _, seed := range seeds {
				known = known || int64(len(seed)) >= s.Covers && bytes.Equal(seed[:open], b[:open]) && bytes.Equal(seed[shut:s.Covers], b[shut:s.Covers])
			}
			if !known {
				t.Fatal("a signature is intact over octets that nobody signed")
			}
		}
	})
}
