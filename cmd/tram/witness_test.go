package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/witnessing"
)

// TestDoubtsHaveRoomForAll: a log that raises doubts against itself without end, and gives nobody its files to settle them, keeps neither
// other logs nor the receipts it has given from being looked at.
func TestDoubtsHaveRoomForAll(t *testing.T) {
	w := &watch{origin: "tram.example/own", logs: map[string]witnessedLog{}, compared: map[ledger.Head]bool{}, wake: make(chan struct{}, 1)}
	signers := map[string]note.Signer{}
	for _, origin := range []string{"tram.example/loud", "tram.example/quiet"} {
		secret, public, err := note.GenerateKey(rand.Reader, origin)
		must(t, err)
		signers[origin], err = note.NewSigner(secret)
		must(t, err)
		w.logs[origin] = witnessedLog{keys: []string{public}}
	}
	raise := func(origin, source string, size int) {
		b, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", origin, size, tlog.Hash(events.Sum(fmt.Append(nil, size))))}, signers[origin])
		must(t, err)
		w.doubt(origin, b, source)
	}
	for size := range 500 {
		raise("tram.example/loud", witnessing.SourceRequest, 1+size)
	}
	for range 2 { // the second time it is there already
		raise("tram.example/loud", witnessing.SourceReceipt, 7000)
		raise("tram.example/quiet", witnessing.SourceRequest, 8000)
	}
	count := map[string]int{}
	for _, d := range w.doubts {
		count[d.origin+" "+d.source]++
	}
	for what, want := range map[string]int{
		"tram.example/loud " + witnessing.SourceRequest: maxDoubts, "tram.example/loud " + witnessing.SourceReceipt: 1, "tram.example/quiet " + witnessing.SourceRequest: 1,
	} {
		if count[what] != want {
			t.Errorf("%s: %d doubts wait, expected %d", what, count[what], want)
		}
	}
}

// TestAlarmWithoutWitnesses: who takes the witnesses out of the configuration has not answered what they said.
func TestAlarmWithoutWitnesses(t *testing.T) {
	c := &Config{base: t.TempDir(), Data: "data", Origin: "tram.example/log"}
	must(t, os.Mkdir(c.path(c.Data), 0o700))
	gate := alarmGate(c, slog.New(slog.DiscardHandler))
	for _, x := range []struct {
		alarm  logAlarm
		refuse bool
	}{
		{logAlarm{}, false},
		{logAlarm{Origin: c.Origin, Kind: alarmBehind, Size: 11}, true},
		{logAlarm{Origin: c.Origin, Kind: alarmBehind, Size: 10}, false}, // it has come back
		{logAlarm{Origin: c.Origin, Kind: alarmSplit, Size: 5}, true},
		{logAlarm{Origin: "tram.example/before", Kind: alarmSplit, Size: 5}, false},
	} {
		if x.alarm.Origin != "" {
			b, err := json.Marshal(x.alarm)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(c.path(c.Data), alarmFile), b, 0o600))
		}
		if err := gate(t.Context(), nil, ledger.Head{Origin: c.Origin, Size: 10}); (err != nil) != x.refuse {
			t.Errorf("alarm %+v: %v", x.alarm, err)
		}
	}
}
