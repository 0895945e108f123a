package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/tram-exchange/tram/events"
)

type storedAnswers map[events.Digest][]byte

func (s storedAnswers) Evidence(_ context.Context, d events.Digest) ([]byte, error) {
	if b, ok := s[d]; ok {
		return b, nil
	}
	return nil, events.ErrNotFound
}

func evidenceWith(t *testing.T, answers ...[]byte) ([]byte, storedAnswers) {
	t.Helper()
	e := Evidence{Format: EvidenceFormat, Chains: [][][]byte{}}
	s := storedAnswers{}
	var chain []RevocationEvidence
	for _, a := range answers {
		d := events.Sum(a)
		s[d] = a
		chain = append(chain, RevocationEvidence{Status: "good", Answer: &d, Responder: &RevocationEvidence{Status: "good", Answer: &d}})
	}
	if len(chain) > 0 {
		e.Revocation = [][]RevocationEvidence{chain}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

// What is packed comes out as it was stored, with each answer once; what is too long stays behind.
func TestPackEvidence(t *testing.T) {
	long := bytes.Repeat([]byte("x"), maxHanded+1)
	for _, test := range []struct {
		name    string
		answers [][]byte
		travel  int
	}{
		{"none", nil, 0}, {"two", [][]byte{[]byte("a"), []byte("b")}, 2}, {"the same twice", [][]byte{[]byte("a"), []byte("a")}, 1},
		{"a long one", [][]byte{long, []byte("b")}, 1}, {"only a long one", [][]byte{long}, 0},
	} {
		stored, answers := evidenceWith(t, test.answers...)
		packed, err := PackEvidence(context.Background(), answers, stored)
		if err != nil {
			t.Fatal(err)
		}
		got, raws := unpackHanded(packed)
		if !bytes.Equal(got, stored) || len(raws) != test.travel {
			t.Errorf("%s: %d answers, expected %d; evidence the same: %t", test.name, len(raws), test.travel, bytes.Equal(got, stored))
		}
		if test.travel == 0 && !bytes.Equal(packed, stored) {
			t.Errorf("%s: wrapped for nothing", test.name)
		}
	}
	stored, answers := evidenceWith(t, []byte("a"))
	clear(answers)
	if _, err := PackEvidence(context.Background(), answers, stored); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("an answer is missing: %v", err)
	}
	for _, odd := range []string{"", "bằng chứng", `{"format":"tram-evidence-9"}`, `{"format":"tram-handed-evidence-1"`} {
		packed, err := PackEvidence(context.Background(), nil, []byte(odd))
		if err != nil || string(packed) != odd {
			t.Errorf("%q became %q, %v", odd, packed, err)
		}
		if got, raws := unpackHanded([]byte(odd)); string(got) != odd || raws != nil {
			t.Errorf("%q became %q", odd, got)
		}
	}
	many, err := json.Marshal(handedEvidence{Format: handedFormat, Answers: make([][]byte, maxHandedAnswers+1)})
	if err != nil {
		t.Fatal(err)
	}
	if got, raws := unpackHanded(many); raws != nil || !bytes.Equal(got, many) {
		t.Error("more answers than may come along were taken in")
	}
}
