package witness_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

// What is read is written again byte for byte, and nothing half-read comes with an error.
func FuzzParseRequest(f *testing.F) {
	l := newLog(origin).grow(f, "a", 20)
	for _, v := range [][2]int64{{0, 0}, {0, 1}, {1, 20}, {7, 20}, {16, 20}, {20, 20}} {
		f.Add(l.request(f, v[0], v[1]))
	}
	f.Add(bytes.Replace(l.request(f, 3, 9), []byte("=\n\n—"), []byte("=\nextension line\n\n—"), 1))
	f.Add([]byte("old 1\n\n\n\n— a AAAAAAAA\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := witness.ParseRequest(body)
		if err != nil {
			if r.Old != 0 || r.Proof != nil || r.Checkpoint != nil {
				t.Errorf("%v, and %+v", err, r)
			}
			return
		}
		if again := r.Encode(); !bytes.Equal(again, body) {
			t.Errorf("read %q, written %q", body, again)
		}
		if len(r.Proof) > 63 {
			t.Errorf("%d proof lines", len(r.Proof))
		}
	})
}

func TestParseRequestLimits(t *testing.T) {
	l := newLog(origin).grow(t, "a", 2)
	const hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	body := func(lines int) []byte {
		return []byte("old 1\n" + strings.Repeat(hash, lines) + "\n" + string(l.checkpoint(t, 2)))
	}
	if r, err := witness.ParseRequest(body(63)); err != nil || len(r.Proof) != 63 {
		t.Errorf("63 lines: %v", err)
	}
	if _, err := witness.ParseRequest(body(64)); err == nil {
		t.Error("64 lines were read")
	}
	if _, err := witness.ParseRequest(bytes.TrimSuffix(body(1), []byte("\n"))); err == nil {
		t.Error("a last line without newline was read")
	}
	long := append(body(1), strings.Repeat("— a AAAAAAAA\n", 1<<13)...)
	if _, err := witness.ParseRequest(long); err == nil {
		t.Error("a checkpoint of more than 64 KiB was read")
	}
}
