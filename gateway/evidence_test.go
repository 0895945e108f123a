package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Evidence may come from anywhere (a container that somebody sends): reading and judging it ends in an error at worst.
func FuzzEvidence(f *testing.F) {
	f.Add([]byte(`{"format":"tram-evidence-1","policy":"1","chains":[["MA=="]],"revocation":[[{"status":"good","answer":"` + events.Sum(nil).String() + `"}]]}`))
	f.Add([]byte(`{"format":"tram-evidence-1","chains":[[]],"revocation":[[]]}`))
	f.Add([]byte(`{"format":"tram-evidence-1","chains":[],"revocation":[[{"status":"good","responder":{"status":"unknown"}}]]}`))
	f.Add([]byte(`{"format":"tram-handed-evidence-1","evidence":"e30=","answers":["MA=="]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		stored, answers := unpackHanded(b)
		if len(answers) > maxHandedAnswers {
			t.Fatalf("%d answers", len(answers))
		}
		e, err := DecodeEvidence(stored)
		if err != nil {
			return
		}
		read := func(events.Digest) ([]byte, error) { return []byte{0x30, 0x00}, nil }
		if err := e.JudgeAgain(context.Background(), time.Unix(1, 0), read); err == nil && len(e.Answers()) > 0 {
			t.Error("judged by bytes that are not those named")
		}
	})
}
