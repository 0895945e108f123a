package httpapi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// isAct says whether a vector is about an act of a person.
func (v *vector) isAct() bool {
	return slices.ContainsFunc(v.steps[len(v.steps)-1].build, func(l vectorLine) bool { return l.key == "package" && l.value == "act.xml" })
}

// Every act that the door refuses by a rule of an agency's work is found when it stands in the record all the same: whoever has the
// node's keys can write it there and seal it. So each rule has a vector that says what is refused, and a history that says it is found.
func TestRerunFindsEveryRefusedAct(t *testing.T) {
	shared := map[string]*world{}
	defer func() {
		for _, w := range shared {
			w.close()
		}
	}()
	seen := map[string]int{}
	for _, v := range readVectors(t) {
		if !v.isAct() || v.expect == "accepted" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			var w *world
			if len(v.steps) == 1 && shareable(v.node) {
				if w = shared[v.node]; w == nil {
					w = nodeIn(sharedT{t}, v.node)
					shared[v.node] = w
				}
				w.t = t
			} else {
				w = nodeIn(t, v.node)
			}
			seen[v.forge(t, w)]++
		})
	}
	t.Logf("found: %v", seen)
	if seen["decision"] < 85 || seen[unreadable] > 1 {
		t.Errorf("found by what the deciders say are only %d, and %d can't be read", seen["decision"], seen[unreadable])
	}
}

// forge does what comes before, and writes the act that is refused onto the record. It gives the rule by which that is found.
func (v *vector) forge(t *testing.T, w *world) string {
	var b []byte
	for i := range v.steps {
		st := &v.steps[i]
		if st.route {
			w.step()
		}
		b = w.build(v.name, st.build)
		if i == len(v.steps)-1 {
			break
		}
		if a := w.request(st, b); a.status >= 300 {
			t.Fatalf("step %d: status %d: %s", i+1, a.status, a.body)
		}
	}
	pkg, err := schemas.Parse(w.ctx, schemas.ReceivedBytes(b), schemas.Options{Now: w.clock.Now()})
	if err != nil {
		return unreadable
	}
	if v.node == "" { // nothing has come in yet whose evidence could be used
		w.post("sender", w.signed(w.doc("900")))
	}
	tape := w.tapeOf(t)
	tape.now = w.clock.Now()
	at := tape.forgeAct(pkg, b)
	_, err = tape.judge(at, rerun.Options{})
	var bad *rerun.Mismatch
	if !errors.As(err, &bad) || bad.Position != at {
		t.Fatalf("%v, expected event %d to be named", err, at)
	}
	if !strings.Contains(bad.Error(), v.expect[:4]) {
		t.Errorf("found by %q, expected for the reason %s: %v", bad.Rule, v.expect, bad)
	}
	return bad.Rule
}

// unreadable: nobody can say on which stream it would stand.
const unreadable = "unreadable"

// forgeAct writes an act as if it had been accepted, with the evidence of what the same key signed before.
func (p *tape) forgeAct(pkg *schemas.Package, b []byte) uint64 {
	p.t.Helper()
	target := pkg.Action.Target
	stream := map[schemas.TargetKind]func(org, id string) string{
		schemas.TargetIncoming: incoming.Stream, schemas.TargetOutgoing: outgoing.Stream, schemas.TargetDossier: dossier.Stream,
	}[target.Kind](pkg.Header.From, target.ID)
	for _, e := range slices.Backward(p.events) {
		if s := e.Statement; s.Package != nil && s.Evidence != nil && s.Actor == pkg.Header.From && s.Client != gateway.ClientNode {
			return p.add(events.Append{
				Stream: stream, Actor: s.Actor, Client: s.Client, Package: bytesPackage(b), Evidence: p.evidenceOf(e),
				Events: []events.New{{Name: incoming.NameOpinionGiven, Data: incoming.OpinionGiven{Person: pkg.Header.Person.Account, Judged: p.now}}},
			})
		}
	}
	p.t.Fatalf("nothing of %s on the tape", pkg.Header.From)
	return 0
}
