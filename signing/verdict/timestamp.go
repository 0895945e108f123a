package verdict

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// Kinds of time-stamps, in the order in which they are made.
const (
	stampContent    = "content"    // over what is signed, before it was
	stampSignature  = "signature"  // over the signature value
	stampReferences = "references" // over it and references to validation data
	stampOnlyRefs   = "references-only"
	stampArchive    = "archive" // over everything before it
)

// stampRank orders kinds: one covers those of lower rank that stand before it. Archive time-stamps cover each other too.
var stampRank = map[string]int{stampContent: 0, stampSignature: 1, stampReferences: 2, stampOnlyRefs: 2, stampArchive: 3}

// maxStampBytes bounds how much is digested again for the archive time-stamps of one signature, in bytes.
const maxStampBytes = 16 << 30

// stamped is one time-stamp on its way through the checks.
type stamped struct {
	kind  string
	ts    *xades.TimeStamp
	token *tsp.Token
	v     Timestamp
}

// timestamps judges all time-stamps, the newest first, so that each is judged at the earliest time at which it is itself proved to
// have existed, and says what they prove (EN 319 102-1, 5.4 and 5.6.3).
func (j *judgement) timestamps() error {
	all := j.listStamps()
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		if err := j.stamp(s); err != nil {
			return err
		}
		if s.v.OK() {
			j.proved(s, all)
		}
	}
	for _, s := range all {
		j.tellStamp(s)
	}
	j.stamps = all
	j.order()
	return nil
}

// listStamps returns them in the order in which they must have been made.
func (j *judgement) listStamps() []*stamped {
	var all []*stamped
	add := func(kind string, list []xades.TimeStamp) {
		for i := range list {
			all = append(all, &stamped{kind: kind, ts: &list[i], v: Timestamp{Kind: kind}})
		}
	}
	p := j.props
	add(stampSignature, p.SignatureTimeStamps)
	add(stampReferences, p.SigAndRefsTimeStamps)
	add(stampOnlyRefs, p.RefsOnlyTimeStamps)
	add(stampArchive, p.ArchiveTimeStamps)
	slices.SortStableFunc(all, func(a, b *stamped) int { return int(a.ts.Range.Start - b.ts.Range.Start) })
	unsigned := all
	all = nil
	if p.Signed {
		add(stampContent, p.ContentTimeStamps)
	}
	return append(all, unsigned...)
}

// stamp judges one time-stamp.
func (j *judgement) stamp(s *stamped) error {
	v, err := JudgeToken(j.ctx, s.ts.Token, TokenOptions{Others: j.material.certificates, Imprint: func(h crypto.Hash) ([]byte, error) { return j.imprint(s, h) },
		ChainOptions: ChainOptions{Trust: j.o.Trust, Policy: j.o.Policy, At: j.known.of(s.ts.Token), Now: j.o.At,
			Revocation: j.material.join(j.o.Revocation), Existed: j.known.of}})
	if err != nil {
		return err
	}
	s.token, s.v = v.Token, v.Timestamp
	s.v.Kind = s.kind
	j.v.Evidence = append(j.v.Evidence, v.Evidence...)
	return nil
}

// imprint computes what a time-stamp should be over.
func (j *judgement) imprint(s *stamped, h crypto.Hash) ([]byte, error) {
	if s.kind == stampArchive {
		if j.digested += j.src.Size() * int64(len(j.res.References)+1); j.digested > maxStampBytes {
			return nil, fmt.Errorf("more than %d bytes to digest again", int64(maxStampBytes))
		}
	}
	return s.ts.Imprint(j.ctx, j.src, j.res, h)
}

// proved notes what a sound time-stamp proves to have existed at its time.
func (j *judgement) proved(s *stamped, all []*stamped) {
	at := s.token.Time
	switch s.kind {
	case stampContent:
		if at.After(j.notBefore) {
			j.notBefore = at
		}
		return
	case stampOnlyRefs:
		return
	}
	j.known.add(j.res.Value, at)
	if s.kind == stampSignature {
		return
	}
	for _, other := range all {
		if other != s && (other.kind == stampContent || other.ts.Range.End <= s.ts.Range.Start && (s.kind == stampArchive || other.kind == stampSignature)) {
			j.known.add(other.ts.Token, at)
		}
	}
	// Which of the validation data stand before this one is not kept; those of one that has none behind it all do.
	if s.kind == stampArchive && !slices.ContainsFunc(j.props.Unsigned, func(p xades.Property) bool {
		return p.Range.Start > s.ts.Range.Start && holdsMaterial[p.Name]
	}) {
		for _, der := range j.material.lists {
			j.known.add(der, at)
		}
	}
}

// holdsMaterial are the unsigned properties with certificates and revocation data.
var holdsMaterial = map[string]bool{"CertificateValues": true, "RevocationValues": true, "AttrAuthoritiesCertValues": true,
	"AttributeRevocationValues": true, "TimeStampValidationData": true, "AnyValidationData": true}

func (j *judgement) tellStamp(s *stamped) {
	detail := s.kind
	if !s.v.Time.IsZero() {
		detail += ", " + stamp(s.v.Time)
	}
	if s.v.Signer != "" {
		detail += ", " + s.v.Signer
	}
	if s.v.OK() {
		j.list.pass(CheckTimestamp, detail)
	} else {
		j.list.warn(CheckTimestamp, fmt.Sprintf("%s: %s/%s", detail, s.v.Indication, s.v.SubIndication))
	}
	j.v.Timestamps = append(j.v.Timestamps, s.v)
}

// order tells whether what was stamped first is the older (5.6.3.4.2.5). Only sound time-stamps can contradict each other.
func (j *judgement) order() {
	sound := slices.DeleteFunc(slices.Clone(j.stamps), func(s *stamped) bool { return !s.v.OK() })
	if len(sound) < 2 {
		return
	}
	for i, later := range sound {
		for _, earlier := range sound[:i] {
			covers := stampRank[later.kind] > stampRank[earlier.kind] || later.kind == stampArchive && later.ts.Range != earlier.ts.Range
			if covers && earlier.token.Time.Add(-earlier.token.Accuracy).After(later.token.Time.Add(later.token.Accuracy)) {
				j.list.fail(CheckTimestampOrder, Failed, indeterminate(TimestampOrderFailure),
					fmt.Sprintf("%s %s, %s %s", earlier.kind, stamp(earlier.token.Time), later.kind, stamp(later.token.Time)))
				return
			}
		}
	}
	j.list.pass(CheckTimestampOrder, "")
}

// reached is the highest level that the sound time-stamps carry.
func (j *judgement) reached() xades.Level {
	level := xades.LevelB
	for _, s := range j.stamps {
		switch {
		case !s.v.OK():
		case s.kind == stampArchive:
			return xades.LevelA
		case s.kind == stampSignature, s.kind == stampReferences:
			level = xades.LevelLT
		}
	}
	return level
}

// bestTime finds the earliest time at which the signature is proved to have existed (5.6.3).
func (j *judgement) bestTime() {
	best := j.known.of(j.res.Value)
	if best.Before(j.o.At) {
		j.v.BestTimeBy = "time-stamp"
		if best.Equal(j.outside) {
			j.v.BestTimeBy = "proof"
		}
	}
	j.v.BestTime = best.UTC()
}

// proveLate turns what was not proved into what is: content that was time-stamped after the certificate had ended shows that the
// signature over it was made still later (5.5.4, steps 4 and 5).
func (j *judgement) proveLate(c *x509.Certificate, cv *ChainVerdict) {
	if j.notBefore.IsZero() {
		return
	}
	switch {
	case cv.SubIndication == RevokedNoPOE && !cv.RevokedAt.After(j.notBefore):
		cv.Conclusion = failed(Revoked)
	case cv.SubIndication == OutOfBoundsNoPOE && c.NotAfter.Before(j.notBefore):
		cv.Conclusion = failed(Expired)
	}
}
