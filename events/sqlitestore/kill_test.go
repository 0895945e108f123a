package sqlitestore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// helperDir makes this test binary the process that is killed.
const helperDir = "TRAM_TEST_KILLED_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

func killedOptions() Options {
	o := smallOptions()
	o.LogKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)) // the same in both processes
	return o
}

// appendForEver appends until it is killed, and says so of each append once it has the receipt.
func appendForEver(dir string) {
	s, err := Open(context.Background(), dir, killedOptions())
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for c := range 6 {
		go func() {
			var id [8]byte
			rand.Read(id[:])
			for i := 0; ; i++ {
				size := 100 + i*37%20000
				if i%40 == 39 {
					size = 400 << 10
				}
				pkg := newPackage(append(bytes.Repeat([]byte{byte(c)}, size), id[:]...))
				sealed, err := s.Append(context.Background(), events.Append{
					Stream: fmt.Sprintf("s/%x/%d", id, i/3), Expected: int64(i%3) - 1, Actor: "a", Client: "c", Package: pkg,
					Events: []events.New{{Name: "n.v1", Data: map[string]int{"i": i}, Facts: map[string]string{"x": "y"}}},
				})
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				e := sealed.Events[0]
				fmt.Printf("ack %d %s %d %s %s\n", e.Position, events.Sum(e.Bytes), sealed.Head.Size, sealed.Head.Root, pkg.sum)
			}
		}()
	}
	select {}
}

// ack is one line of the killed process.
type ack struct {
	position     uint64
	statement    events.Digest
	size         uint64
	root, packed events.Digest
}

func parseAck(line string) (a ack, err error) {
	var statement, root, packed string
	if _, err := fmt.Sscanf(line, "ack %d %s %d %s %s", &a.position, &statement, &a.size, &root, &packed); err != nil {
		return a, fmt.Errorf("%q: %w", line, err)
	}
	for to, s := range map[*events.Digest]string{&a.statement: statement, &a.root: root, &a.packed: packed} {
		b, err := hex.DecodeString(s)
		if err != nil {
			return a, err
		}
		copy(to[:], b)
	}
	return a, nil
}

func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	r := mrand.New(mrand.NewPCG(6, 6))
	var acks []ack
	const rounds = 12
	for round := range rounds {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), helperDir+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		killAfter := r.IntN(250)
		n := 0
		if killAfter == 0 || round == 3 {
			c.Process.Kill() // while it opens
		}
		for lines := bufio.NewScanner(out); lines.Scan(); n++ {
			a, err := parseAck(lines.Text())
			if err != nil {
				break // the last line can be cut
			}
			acks = append(acks, a)
			if n == killAfter/2 && round%4 == 1 { // another process has it open and goes on
				if r, err := Verify(t.Context(), dir, VerifyOptions{}, nil); err != nil || r.Problem != nil || r.Size == 0 {
					t.Errorf("while it runs: size %d, %v, %v", r.Size, r.Problem, err)
				}
			}
			if n == killAfter {
				c.Process.Kill()
			}
		}
		c.Wait()
		checkAcks(t, dir, acks)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	if len(acks) < rounds*20 {
		t.Errorf("only %d appends were acknowledged", len(acks))
	}
	t.Logf("killed %d times, %d acknowledged appends, all there", rounds, len(acks))
}

func checkAcks(t *testing.T, dir string, acks []ack) {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, dir, killedOptions())
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	for _, a := range acks {
		e, err := s.Event(ctx, a.position)
		if err != nil || events.Sum(e.Bytes) != a.statement {
			t.Errorf("event %d is lost or another: %v", a.position, err)
			return
		}
		proof, _, err := s.Proof(ctx, a.position, a.size)
		if err == nil {
			err = ledger.CheckInclusion(proof, a.position, a.statement, a.size, a.root)
		}
		if err != nil {
			t.Errorf("the head of size %d is another: %v", a.size, err)
			return
		}
		p, err := s.OpenPackage(ctx, a.packed)
		if err != nil {
			t.Errorf("package of event %d is lost: %v", a.position, err)
			return
		}
		p.Close()
	}
	rep, err := Verify(ctx, dir, VerifyOptions{}, nil)
	if err != nil || rep.Problem != nil {
		t.Errorf("verify: %v, %v", rep.Problem, err)
	}
}
