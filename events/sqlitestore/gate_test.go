package sqlitestore

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// countingKey counts what is signed with a key.
type countingKey struct {
	crypto.Signer
	n int
}

func (k *countingKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.n++
	return k.Signer.Sign(random, digest, opts)
}

// The gate sees what was signed and what is about to be; when it refuses, nothing has been signed or written, and the
// folder can be opened again.
func TestBeforeSign(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	opts := testOptions()
	calls := 0
	opts.BeforeSign = func(_ context.Context, stored []byte, durable ledger.Head) error {
		if calls++; stored != nil || durable != (ledger.Head{Origin: testOrigin, Root: events.Sum(nil)}) {
			t.Errorf("a new store has checkpoint %q, head %+v", stored, durable)
		}
		return nil
	}
	s := openTest(t, dir, opts)
	for range 3 {
		sealed, err := s.Append(ctx, plain("a", int64(s.Head().Size)-1))
		if err != nil || sealed.Head.Size == 0 {
			t.Fatal(err)
		}
	}
	want := s.Head()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}

	refused := errors.New("others have seen more")
	logKey, nodeKey := &countingKey{Signer: opts.LogKey}, &countingKey{Signer: opts.NodeKey}
	opts.LogKey, opts.NodeKey = logKey, nodeKey
	opts.BeforeSign = func(_ context.Context, stored []byte, durable ledger.Head) error {
		calls++
		if !bytes.Equal(stored, want.Checkpoint) {
			t.Errorf("stored checkpoint is\n%s\nthe last signed one was\n%s", stored, want.Checkpoint)
		}
		if durable != (ledger.Head{Origin: testOrigin, Size: 3, Root: want.Root}) {
			t.Errorf("durable head is %+v, expected that of size 3", durable)
		}
		return refused
	}
	for range 2 { // the folder is free again after the first
		if _, err := Open(ctx, dir, opts); !errors.Is(err, refused) {
			t.Fatalf("opened behind a gate that refuses: %v", err)
		}
	}
	if logKey.n != 0 || nodeKey.n != 0 {
		t.Errorf("%d and %d signatures were made", logKey.n, nodeKey.n)
	}
	after, err := os.ReadFile(filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("a refused start wrote to the database")
	}
	if calls != 3 {
		t.Errorf("the gate was asked %d times, expected once a start", calls)
	}

	opts.BeforeSign = nil
	if s := openTest(t, dir, opts); s.Head().Root != want.Root || logKey.n != 1 {
		t.Errorf("head %+v after %d signatures, expected %+v after one", s.Head(), logKey.n, want)
	}
}

// What is durable and was never signed is put before the gate, not what was signed last.
func TestBeforeSignSeesWhatIsUnsigned(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openTest(t, dir, testOptions())
	if _, err := s.Append(ctx, plain("a", -1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	first := s.Head()
	s = openTest(t, dir, testOptions())
	if _, err := s.Append(ctx, plain("a", 0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The state of a process that ended between commit and signature: the row of the first head, the second commit.
	db, err := openConn(filepath.Join(dir, dbName), "rw", "")
	if err != nil {
		t.Fatal(err)
	}
	row, err := readLog(db)
	if err != nil {
		t.Fatal(err)
	}
	row.checkpoint = first.Checkpoint
	sum := row.sum()
	if _, err := db.exec(`UPDATE log SET checkpoint = ?, sum = ?`, row.checkpoint, sum[:]); err != nil {
		t.Fatal(err)
	}
	if err := db.close(); err != nil {
		t.Fatal(err)
	}
	asked := false
	opts := testOptions()
	opts.BeforeSign = func(_ context.Context, stored []byte, durable ledger.Head) error {
		asked = true
		if !bytes.Equal(stored, first.Checkpoint) || durable.Size != 2 || durable.Root == first.Root {
			t.Errorf("stored %q, durable %+v", stored, durable)
		}
		return nil
	}
	openTest(t, dir, opts)
	if !asked {
		t.Error("the gate was not asked")
	}
}
