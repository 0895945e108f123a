package xades

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
)

// AugmentOptions say what to add.
type AugmentOptions struct {
	Level      Level             // LevelT, LevelLT or LevelA
	Stamper    tsp.Stamper       // makes the time-stamps
	Also       []tsp.Stamper     // further authorities, each of which adds one more
	Trust      *signing.Trust    // whom to believe about signers and time-stamps; nil (LevelT only): anybody
	Revocation revocation.Source // beside what the document brings; required for LevelLT
	Now        func() time.Time  // required

	Signatures []int    // which ones, counted from 0 in document order
	IDs        []string // and which, by their Id; neither: all
	// SkipCovered leaves alone signatures that another one signs too, instead of refusing: its time-stamps date them as well, and it
	// takes in their validation data as far as they can be found.
	SkipCovered bool

	Hash     crypto.Hash                             // of imprints; default SHA-256
	C14N     string                                  // of imprints; default exclusive
	Detached func(uri string) (signing.Source, bool) // see signing.VerifyOptions
	XML      xmlstream.Limits                        // likewise
	Progress func(signature int, had, has Level)     // told of each signature when it is done; may be nil
}

// The reasons why a signature is not augmented. Each is wrapped in an error that says more.
var (
	ErrNoSignature  = errors.New("the document has no such signature")
	ErrInvalid      = errors.New("the signature is not valid")
	ErrNotXAdES     = errors.New("the signature has no signed properties of level B-B")
	ErrCovered      = errors.New("another signature covers this one: augment it before the other is made")
	ErrUntrusted    = errors.New("no chain to a trusted authority")
	ErrExpired      = errors.New("a certificate had expired before anything proved that the signature existed")
	ErrRevoked      = errors.New("a certificate had been revoked before anything proved that the signature existed")
	ErrNoRevocation = errors.New("not known whether a certificate is revoked")
	ErrTimeStamp    = errors.New("the time-stamp cannot be used")
)

func (o AugmentOptions) withDefaults() (AugmentOptions, error) {
	if o.Hash == 0 {
		o.Hash = crypto.SHA256
	}
	if o.C14N == "" {
		o.C14N = signing.ExcC14N
	}
	switch {
	case !o.Level.Reaches(LevelT):
		return o, fmt.Errorf("couldn't augment to level %q: want B-T, B-LT or B-LTA", o.Level)
	case o.Now == nil:
		return o, errors.New("couldn't augment: no clock")
	case o.Trust == nil && o.Level.Reaches(LevelLT):
		return o, fmt.Errorf("couldn't augment to level %q: no trust list", o.Level)
	case o.Stamper == nil:
		return o, errors.New("couldn't augment: no time-stamping authority")
	case o.Level.Reaches(LevelLT) && o.Revocation == nil:
		return o, errors.New("couldn't augment: no source of revocation data")
	}
	return o, nil
}

// Augment writes the document with properties added to its signatures, so that they reach the level. No byte that was there is
// changed. Signatures that have the level stay as they are, but for B-LTA, which is renewed: validation data of the
// time-stamps so far, and a new archive time-stamp. src is read several times, some for each signature; what is added stays in memory,
// the rest does not. Nothing is written unless all can be done.
func Augment(ctx context.Context, w io.Writer, src signing.Source, o AugmentOptions) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	a := &augmenting{o: o, doc: newSpliced(src)}
	if err := a.verify(ctx); err != nil {
		return fmt.Errorf("couldn't augment: %w", err)
	}
	before := a.rep
	targets, err := a.targets()
	if err != nil {
		return fmt.Errorf("couldn't augment: %w", err)
	}
	for _, i := range targets {
		if err := a.one(ctx, i); err != nil {
			return fmt.Errorf("couldn't augment signature %d: %w", i+1, err)
		}
	}
	if err := a.unharmed(before); err != nil {
		return fmt.Errorf("couldn't augment: %w", err)
	}
	if _, err := a.doc.WriteTo(w); err != nil {
		return fmt.Errorf("couldn't write augmented document: %w", err)
	}
	return nil
}

// augmenting is the document on its way.
type augmenting struct {
	o   AugmentOptions
	doc *spliced
	rep *signing.Report // of doc
}

func (a *augmenting) verify(ctx context.Context) (err error) {
	a.rep, err = signing.Verify(ctx, a.doc, signing.VerifyOptions{CryptoOnly: true, Detached: a.o.Detached, XML: a.o.XML})
	return err
}

// targets lists the signatures that are asked for.
func (a *augmenting) targets() ([]int, error) {
	out := slices.Clone(a.o.Signatures)
	for _, id := range a.o.IDs {
		i := slices.IndexFunc(a.rep.Signatures, func(s signing.SignatureResult) bool { return s.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("%w: none has the Id %q", ErrNoSignature, id)
		}
		out = append(out, i)
	}
	if a.o.Signatures == nil && a.o.IDs == nil {
		for i := range a.rep.Signatures {
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		return nil, ErrNoSignature
	}
	return out, nil
}

// unharmed makes sure that every signature says what it said before.
func (a *augmenting) unharmed(before *signing.Report) error {
	if len(before.Signatures) != len(a.rep.Signatures) {
		return fmt.Errorf("%d signatures became %d", len(before.Signatures), len(a.rep.Signatures))
	}
	for i := range before.Signatures {
		was, is := &before.Signatures[i], &a.rep.Signatures[i]
		if was.DigestsOK != is.DigestsOK || was.ValueOK != is.ValueOK || was.Refusal != is.Refusal {
			return fmt.Errorf("signature %d would no longer be valid: %w", i+1, is.Err)
		}
	}
	return nil
}

// insert puts xml at the end of a signature's unsigned properties.
func (a *augmenting) insert(ctx context.Context, p *Properties, xml string) error {
	if xml == "" {
		return nil
	}
	r, b, err := p.place(xml)
	if err != nil {
		return err
	}
	a.doc = a.doc.insert(r, b)
	return a.verify(ctx)
}

// read returns signature i and its properties, as they are now.
func (a *augmenting) read(ctx context.Context, i int) (*signing.SignatureResult, *Properties, error) {
	if i < 0 || i >= len(a.rep.Signatures) {
		return nil, nil, ErrNoSignature
	}
	res := &a.rep.Signatures[i]
	if res.Refusal != signing.Accepted || !res.DigestsOK || !res.ValueOK {
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, res.Err)
	}
	p, err := ReadLimited(ctx, a.doc, res, a.o.XML)
	if err != nil {
		return nil, nil, err
	}
	if p.Level() == NoLevel {
		if len(p.Problems) > 0 {
			return nil, nil, fmt.Errorf("%w: %w", ErrNotXAdES, p.Problems[0])
		}
		return nil, nil, ErrNotXAdES
	}
	if err := p.CheckCertificate(res.Certificate); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return res, p, nil
}

// one augments one signature.
func (a *augmenting) one(ctx context.Context, i int) error {
	res, p, err := a.read(ctx, i)
	if err != nil {
		return err
	}
	had := p.Level()
	if had.Reaches(a.o.Level) && a.o.Level != LevelA {
		a.done(i, had, had)
		return nil
	}
	if k := a.coveredBy(i, p); k >= 0 {
		if a.o.SkipCovered && k != i {
			a.done(i, had, had)
			return nil
		}
		return fmt.Errorf("%w (it is inside signature %d or what that signs)", ErrCovered, k+1)
	}
	xml, err := a.timeStamps(ctx, res, p)
	if err != nil {
		return err
	}
	if xml != "" {
		if err := a.insert(ctx, p, xml); err != nil {
			return err
		}
	}
	if a.o.Level.Reaches(LevelLT) {
		if err := a.validationData(ctx, i); err != nil {
			return err
		}
	}
	if a.o.Level == LevelA {
		for _, s := range a.stampers() {
			if err := a.archive(ctx, i, s); err != nil {
				return err
			}
		}
	}
	_, p, err = a.read(ctx, i)
	if err != nil {
		return err
	}
	if !p.Level().Reaches(a.o.Level) {
		return fmt.Errorf("the result has level %q instead of %q", p.Level(), a.o.Level)
	}
	a.done(i, had, p.Level())
	return nil
}

func (a *augmenting) done(i int, had, has Level) {
	if a.o.Progress != nil {
		a.o.Progress(i, had, has)
	}
}

func (a *augmenting) stampers() []tsp.Stamper { return append([]tsp.Stamper{a.o.Stamper}, a.o.Also...) }

// coveredBy returns the signature that signs, or time-stamps, the place where properties would be added, or -1.
func (a *augmenting) coveredBy(i int, p *Properties) int {
	at, _, err := p.place("")
	if err != nil {
		return i
	}
	for k := range a.rep.Signatures {
		// A countersignature stands inside what the archive time-stamps of the other cover.
		if k != i && inside([]signing.Range{a.rep.Signatures[k].Range}, a.rep.Signatures[i].Range) {
			return k
		}
		for _, r := range a.rep.Signatures[k].Covered {
			if r.Start < at.Start && at.Start < r.End {
				return k
			}
		}
	}
	return -1
}

// proof is a time-stamp of the document that was found good.
type proof struct {
	*TimeStamp
	token *tsp.Token
	chain []*x509.Certificate
}

// timeStamps returns the signature time-stamps to add: none if there is a good one.
func (a *augmenting) timeStamps(ctx context.Context, res *signing.SignatureResult, p *Properties) (string, error) {
	good, _ := a.proofs(ctx, res, p, p.SignatureTimeStamps)
	if len(good) > 0 {
		return "", nil
	}
	if err := a.checkSigner(ctx, res, p, a.o.Now()); err != nil {
		return "", err
	}
	ts := TimeStamp{Namespace: Namespace, Name: "SignatureTimeStamp", Canonicalization: a.o.C14N, covers: overValue}
	imprint, err := ts.Imprint(ctx, a.doc, res, a.o.Hash)
	if err != nil {
		return "", err
	}
	xml := ""
	for _, s := range a.stampers() {
		token, err := a.stamp(ctx, s, imprint, p)
		if err != nil {
			return "", err
		}
		xml += timeStampXML("xades", Namespace, "SignatureTimeStamp", res.ID, a.o.C14N, token.Raw)
	}
	return xml, nil
}

// stamp gets a time-stamp that we would believe ourselves.
func (a *augmenting) stamp(ctx context.Context, s tsp.Stamper, imprint []byte, p *Properties) (*tsp.Token, error) {
	token, err := s.Stamp(ctx, a.o.Hash, imprint)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTimeStamp, err)
	}
	if _, err := a.checkToken(token, imprint, p); err != nil {
		return nil, err
	}
	return token, nil
}

// checkToken checks a token and finds the chain of its signer.
func (a *augmenting) checkToken(token *tsp.Token, imprint []byte, p *Properties) ([]*x509.Certificate, error) {
	token.Supply(parse(p.CertificateValues))
	if err := token.Verify(imprint); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTimeStamp, err)
	}
	if err := token.CheckSigner(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTimeStamp, err)
	}
	if a.o.Trust == nil {
		return []*x509.Certificate{token.Signer}, nil
	}
	certs, _, _ := p.Material()
	chain := a.o.Trust.CheckFor(token.Signer, append(parse(certs), token.Certificates...), token.Time, signing.PurposeTimeStamp)
	if chain.Refusal != signing.Accepted {
		return nil, fmt.Errorf("%w: %w: %w", ErrTimeStamp, ErrUntrusted, chain.Err)
	}
	return chain.Chain, nil
}

// proofs returns the good ones among time-stamps of the signature, in the order in which they were made, and why others are not good.
func (a *augmenting) proofs(ctx context.Context, res *signing.SignatureResult, p *Properties, list []TimeStamp) (good []proof, bad []error) {
	for k := range list {
		ts := &list[k]
		token, err := tsp.Parse(ts.Token)
		var imprint []byte
		if err == nil {
			imprint, err = ts.Imprint(ctx, a.doc, res, token.Hash)
		}
		var chain []*x509.Certificate
		if err == nil {
			chain, err = a.checkToken(token, imprint, p)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s %d: %w", ts.Name, k+1, err))
			continue
		}
		good = append(good, proof{ts, token, chain})
	}
	slices.SortStableFunc(good, func(x, y proof) int { return x.token.Time.Compare(y.token.Time) })
	return good, bad
}

// archive adds one archive time-stamp.
func (a *augmenting) archive(ctx context.Context, i int, s tsp.Stamper) error {
	res, p, err := a.read(ctx, i)
	if err != nil {
		return err
	}
	ts := TimeStamp{Namespace: Namespace141, Name: "ArchiveTimeStamp", Canonicalization: a.o.C14N, covers: overAll, before: p.Unsigned, Range: p.qualifying.inner}
	imprint, err := ts.Imprint(ctx, a.doc, res, a.o.Hash)
	if err != nil {
		return err
	}
	token, err := a.stamp(ctx, s, imprint, p)
	if err != nil {
		return err
	}
	return a.insert(ctx, p, timeStampXML("xades141", Namespace141, "ArchiveTimeStamp", res.ID, a.o.C14N, token.Raw))
}

// timeStampXML returns a property with a token.
func timeStampXML(prefix, namespace, name, sigID, c14n string, token []byte) string {
	sum := sha256.Sum256(token)
	w := new(xmlWriter)
	w.raw("<", prefix, ":", name, " xmlns:", prefix, `="`, namespace, `" Id="`)
	w.value(sigID + "-ts-" + hex.EncodeToString(sum[:8]))
	w.raw(`"><ds:CanonicalizationMethod xmlns:ds="`, dsNamespace, `" Algorithm="`, c14n, `"></ds:CanonicalizationMethod>`)
	w.encapsulated("EncapsulatedTimeStamp", token)
	w.raw("</", prefix, ":", name, ">")
	return w.b.String()
}
