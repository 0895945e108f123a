package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
)

// An acceptance is judged by the list of its basis, as of its time.
func TestBelieved(t *testing.T) {
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	root, other, leaf := []byte("root"), []byte("other root"), []byte("leaf")
	var b believed
	position := uint64(0)
	follow := func(name string, data any) {
		t.Helper()
		raw, err := json.Marshal(data)
		must(t, err)
		must(t, b.follow(events.Event{Position: position, Statement: events.Statement{Stream: directory.Stream, Name: name, Time: day(int(position)), Data: raw}}))
		position++
	}
	follow(directory.NameChangeAccepted, directory.ChangeAccepted{Change: "genesis"})                                                                  // 0
	follow(directory.NameAuthorityTrusted, directory.AuthorityTrusted{Authority: events.Sum(root), Certificate: root, Kind: directory.AuthorityState}) // 1
	follow(directory.NameAuthorityDistrusted, directory.AuthorityDistrusted{Authority: events.Sum(root), From: day(5)})                                // 2
	must(t, b.follow(events.Event{Position: position, Statement: events.Statement{Stream: "policy"}}))
	for _, test := range []struct {
		name  string
		basis uint64
		at    time.Time
		chain [][]byte
		good  bool
	}{
		{"before there was a list", 1, day(0), [][]byte{leaf, other}, true},
		{"on the list", 2, day(1), [][]byte{leaf, root}, true},
		{"on the list of its basis, whatever came later", 2, day(9), [][]byte{leaf, root}, true},
		{"not on the list", 2, day(1), [][]byte{leaf, other}, false},
		{"distrusted later", 3, day(4), [][]byte{leaf, root}, true},
		{"distrusted", 3, day(5), [][]byte{leaf, root}, false},
		{"no chain", 3, day(1), nil, false},
	} {
		e := events.Event{Statement: events.Statement{Basis: events.Basis{Directory: test.basis}}}
		if err := b.check(e, &gateway.Evidence{Chains: [][][]byte{test.chain}}, test.at); (err == nil) != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if err := b.follow(events.Event{Statement: events.Statement{Stream: directory.Stream, Name: "directory.torn.v1"}}); err == nil {
		t.Error("an unknown event was followed")
	}
}
