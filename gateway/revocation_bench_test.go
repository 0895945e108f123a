package gateway

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// What a signer's second package costs over its signature: the chain for the purpose, what is known of revocation, the evidence.
func BenchmarkJudgeKnownSigner(b *testing.B) {
	ca, err := trialca.New("Thử nghiệm", rand.Reader, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	_, cert, err := ca.Issue(trialca.Leaf{Name: "Sở", Use: trialca.Sign})
	if err != nil {
		b.Fatal(err)
	}
	trust, err := signing.NewTrust([]*x509.Certificate{ca.Certificate}, true)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	n := &Node{c: Config{Now: time.Now, RevocationRecheck: time.Hour}, l: Limits{}.withDefaults(1)}
	chain := []*x509.Certificate{cert, ca.Certificate}
	n.standings.put(&standing{key: chainKey(chain), chain: chain, worst: revocation.Good, asked: now, until: now.Add(time.Hour),
		evidence: []RevocationEvidence{{Status: "good"}}})
	p := policy.Default()
	purposes := []signing.Purpose{signing.PurposeOrganisation}
	b.ReportAllocs()
	for b.Loop() {
		found, err := chainFor(trust, cert, nil, now, purposes)
		if err != nil {
			b.Fatal(err)
		}
		st, err := n.standing(context.Background(), found, now, &p, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := n.evidence([][]*x509.Certificate{found}, []*standing{st}, &p, nil); err != nil {
			b.Fatal(err)
		}
	}
}
