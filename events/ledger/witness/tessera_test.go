package witness_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

// tesseraLog gives tessera the tiles of a log that it has cosigned here.
type tesseraLog struct {
	tessera.LogReader
	log        *testLog
	checkpoint []byte // published before; nil: none
}

func (l tesseraLog) ReadCheckpoint(context.Context) ([]byte, error) {
	if l.checkpoint == nil {
		return nil, fmt.Errorf("none yet")
	}
	return l.checkpoint, nil
}

func (l tesseraLog) ReadTile(_ context.Context, level, index uint64, p uint8) ([]byte, error) {
	w := int(p)
	if p == 0 {
		w = 256
	}
	return tlog.ReadTileData(tlog.Tile{H: 8, L: int(level), N: int64(index), W: w}, l.log)
}

// Tessera reads a policy as we do, has its heads cosigned by our witness, and finds both of us right about when the policy is
// satisfied.
func TestTesseraAsksOurWitness(t *testing.T) {
	l := newLog(origin).grow(t, "a", 700)
	_, peer, server := site(t, witness.Options{Keys: keysOf(t, origin)})
	file := fmt.Sprintf("witness near %s %s\nwitness far %s https://far.example\ngroup both any near far\nquorum both\n",
		peer.Key, peer.URL, cosigner(t, "far.example/w").Key)
	ours, err := witness.ParsePolicy([]byte(file))
	ours = must(t, ours, err)
	theirs, err := tessera.NewWitnessGroupFromPolicy([]byte(file))
	if err != nil {
		t.Fatalf("tessera does not read our policy: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var before []byte
	for _, size := range []int64{1, 255, 256, 600, 700} {
		plain := l.checkpoint(t, size)
		if theirs.Satisfied(plain) {
			t.Errorf("size %d: tessera is satisfied without cosignatures", size)
		}
		o := tessera.NewAppendOptions().WithCheckpointSigner(l.signer(t)).WithWitnesses(theirs, &tessera.WitnessOptions{Timeout: time.Minute})
		root := l.root(t, size)
		b, err := o.CheckpointPublisher(tesseraLog{log: l, checkpoint: before}, &http.Client{Transport: near{server.Client().Transport}})(ctx, uint64(size), root[:])
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		v, err := witness.Witnessed(b, ours)
		if err != nil || !v.Satisfied || len(v.Cosignatures) != 1 || v.Cosignatures[0].Name != "near" || !theirs.Satisfied(b) {
			t.Errorf("size %d: %+v, %v; tessera: %v", size, v, err, theirs.Satisfied(b))
		}
		if _, err := note.Open(b, note.VerifierList(l.signer(t))); err != nil {
			t.Error(err)
		}
		before = b
	}
}

// near lets nobody leave the machine.
type near struct{ http.RoundTripper }

func (n near) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "far.example" {
		return nil, fmt.Errorf("no route to %s", r.URL.Host)
	}
	return n.RoundTripper.RoundTrip(r)
}
