package xades

import (
	"context"
	"crypto"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"

	"github.com/tram-exchange/tram/signing"
)

// TimeStamp is one RFC 3161 token in a property.
type TimeStamp struct {
	Namespace, Name  string // of the property, such as SignatureTimeStamp
	ID               string // of the property
	Canonicalization string // how what is stamped is canonicalised
	Token            []byte // DER
	Range            signing.Range

	prefixes []string // PrefixList of the canonicalisation
	includes []include
	index    int  // among the unsigned properties
	covers   part // what is stamped
	before   []Property
	shared   *prefixes // of all time-stamps of the signature
}

// maxTimeStamps bounds those of one kind in one signature: each costs a signature and more.
const maxTimeStamps = 64

// prefixes keeps what the imprints of archive time-stamps begin with, which is the same for all of a signature that have the same digest and
// canonicalisation: what is signed, and the properties before the earlier ones. It costs a reading of the document for every reference.
type prefixes struct {
	mu     sync.Mutex
	states map[string][]byte // of the hash
}

// restore puts h into the state kept under key, and reports whether there is one.
func (p *prefixes) restore(key string, h hash.Hash) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := h.(encoding.BinaryUnmarshaler)
	state := p.states[key]
	return ok && state != nil && u.UnmarshalBinary(state) == nil
}

func (p *prefixes) keep(key string, h hash.Hash) {
	if p == nil {
		return
	}
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return
	}
	if state, err := m.MarshalBinary(); err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.states == nil {
			p.states = make(map[string][]byte)
		}
		p.states[key] = state
	}
}

type include struct {
	uri        string
	referenced bool // of a reference: what it refers to
}

// part says what a time-stamp is over.
type part int

const (
	overValue part = iota + 1
	overAllObjects
	overIndividualObjects
	overValueAndRefs
	overRefs
	overAll
	overAllOld
)

func (p *Properties) timeStamps(to []TimeStamp, c *node, index int) []TimeStamp {
	ts := TimeStamp{Namespace: c.uri, Name: c.local, ID: c.attrs["Id"], Canonicalization: signing.C14N10, Range: c.rng, index: index, covers: covered(c), shared: p.archived}
	if m := c.child(dsNamespace, "CanonicalizationMethod"); m != nil {
		ts.Canonicalization = m.attrs["Algorithm"]
		if list := m.child(signing.ExcC14N, "InclusiveNamespaces"); list != nil {
			ts.prefixes = strings.Fields(list.attrs["PrefixList"])
		}
	}
	if n := len(p.Unsigned); n > 0 {
		ts.before = p.Unsigned[: n-1 : n-1] // the last is this one
	}
	for _, k := range c.children {
		if k.is("Include") && len(ts.includes) < maxLists {
			ts.includes = append(ts.includes, include{k.attrs["URI"], k.attrs["referencedData"] == "true"})
		}
	}
	found := 0
	for _, k := range c.children {
		switch {
		case k.is("XMLTimeStamp"):
			p.problem(c.local, "time-stamps in XML are not read")
		case k.is("EncapsulatedTimeStamp"):
			found++
			if len(to) >= maxTimeStamps {
				p.problem(c.local, "more than %d time-stamps", maxTimeStamps)
				return to
			}
			if !isDER(k) {
				p.problem(c.local, "encoding %q is not read", k.attrs["Encoding"])
				continue
			}
			der, err := k.bytes()
			if err != nil {
				p.problem(c.local, "token: %w", err)
				continue
			}
			ts.Token = der
			to = append(to, ts)
		}
	}
	if found == 0 {
		p.problem(c.local, "without a token")
	}
	return to
}

func covered(c *node) part {
	switch {
	case c.local == "SignatureTimeStamp":
		return overValue
	case c.local == "AllDataObjectsTimeStamp":
		return overAllObjects
	case c.local == "IndividualDataObjectsTimeStamp":
		return overIndividualObjects
	case strings.HasPrefix(c.local, "SigAndRefs"):
		return overValueAndRefs
	case strings.HasPrefix(c.local, "RefsOnly"):
		return overRefs
	case c.uri == Namespace141:
		return overAll
	}
	return overAllOld
}

// Imprint computes the message imprint that the token should have: the digest of what EN 319 132-1 puts under a time-stamp of
// this kind. src and res must be what Read was given. The first archive time-stamp reads all that the signature refers to, once per reference; further
// ones with the same digest and canonicalisation go on from there. Safe for concurrent use.
func (t *TimeStamp) Imprint(ctx context.Context, src signing.Source, res *signing.SignatureResult, digest crypto.Hash) ([]byte, error) {
	if !digest.Available() {
		return nil, fmt.Errorf("couldn't compute imprint of %s: digest %v is not known", t.Name, digest)
	}
	h := digest.New()
	w := imprint{ctx: ctx, hash: digest, w: h, src: src, res: res, method: t.Canonicalization, prefixes: t.prefixes}
	if err := w.write(t); err != nil {
		return nil, fmt.Errorf("couldn't compute imprint of %s: %w", t.Name, err)
	}
	return h.Sum(nil), nil
}

// imprint writes what is time-stamped.
type imprint struct {
	ctx      context.Context
	hash     crypto.Hash
	w        hash.Hash
	src      signing.Source
	res      *signing.SignatureResult
	method   string
	prefixes []string
}

func (w *imprint) write(t *TimeStamp) error {
	switch t.covers {
	case overValue:
		return w.elements(w.res.Elements.SignatureValue)
	case overAllObjects:
		return w.references(func(r *signing.ReferenceResult) bool { return r.Type != SignedPropertiesType })
	case overIndividualObjects:
		return w.individual(t.includes)
	case overValueAndRefs, overRefs:
		return w.withRefs(t)
	}
	// EN 319 132-1 §5.5.2.2: what is signed, the signature itself, the properties before this one, other objects.
	if len(t.includes) > 0 {
		return errors.New("distributed time-stamps (with Include) are not supported")
	}
	done, err := w.begin(t)
	if err != nil {
		return err
	}
	var parts []signing.Range
	for _, p := range t.before[done:] {
		parts = append(parts, p.Range)
	}
	if err := w.elements(parts...); err != nil {
		return err
	}
	t.shared.keep(w.key(len(t.before)), w.w)
	return w.objects(t)
}

// begin writes what all archive time-stamps of the signature have in common, or takes up from an earlier one, and tells how many
// of the properties before this one are done.
func (w *imprint) begin(t *TimeStamp) (int, error) {
	for done := len(t.before); done >= 0; done-- {
		if t.shared.restore(w.key(done), w.w) {
			return done, nil
		}
	}
	if err := w.references(func(*signing.ReferenceResult) bool { return true }); err != nil {
		return 0, err
	}
	e := &w.res.Elements
	if err := w.elements(e.SignedInfo, e.SignatureValue, e.KeyInfo); err != nil {
		return 0, err
	}
	t.shared.keep(w.key(0), w.w)
	return 0, nil
}

// key names the state after so many properties.
func (w *imprint) key(properties int) string {
	return fmt.Sprint(w.hash, " ", w.method, " ", w.prefixes, " ", properties)
}

// objects writes the Object elements but the one with the properties. The old form leaves out those that are referred to, too.
func (w *imprint) objects(t *TimeStamp) error {
	var parts []signing.Range
next:
	for _, o := range w.res.Elements.Objects {
		if o.Start <= t.Range.Start && t.Range.End <= o.End {
			continue
		}
		if t.covers == overAllOld {
			for i := range w.res.References {
				if w.res.References[i].Range == o {
					continue next
				}
			}
		}
		parts = append(parts, o)
	}
	return w.elements(parts...)
}

// elements writes the canonical forms of elements that stand in this order; those that are not there are passed over.
func (w *imprint) elements(parts ...signing.Range) error {
	parts = slices.DeleteFunc(parts, func(r signing.Range) bool { return r.Len() == 0 })
	return signing.CanonicalizeEach(w.ctx, w.w, w.src, parts, w.res.Elements.Context, w.method, w.prefixes)
}

func (w *imprint) references(want func(*signing.ReferenceResult) bool) error {
	for i := range w.res.References {
		if !want(&w.res.References[i]) {
			continue
		}
		if err := w.reference(i); err != nil {
			return err
		}
	}
	return nil
}

func (w *imprint) reference(i int) error {
	return signing.WriteReferenceAs(w.ctx, w.w, w.src, w.res, i, w.method, signing.VerifyOptions{CryptoOnly: true})
}

func (w *imprint) individual(includes []include) error {
	for _, in := range includes {
		found := false
		for i := range w.res.References {
			if r := &w.res.References[i]; r.ID != "" && in.uri == "#"+r.ID {
				found = true
				if err := w.reference(i); err != nil {
					return err
				}
			}
		}
		if !found {
			return fmt.Errorf("it includes %q, which is no reference of the signature", in.uri)
		}
	}
	if len(includes) == 0 {
		return errors.New("it includes nothing")
	}
	return nil
}

// withRefs writes value, time-stamps and references to validation data: the second version in the order in which they stand, the
// first in that of the standard.
func (w *imprint) withRefs(t *TimeStamp) error {
	if len(t.includes) > 0 {
		return errors.New("distributed time-stamps (with Include) are not supported")
	}
	names := []string{"CompleteCertificateRefs", "CompleteRevocationRefs", "AttributeCertificateRefs", "AttributeRevocationRefs"}
	if t.covers == overValueAndRefs {
		if err := w.elements(w.res.Elements.SignatureValue); err != nil {
			return err
		}
		names = append([]string{"SignatureTimeStamp"}, names...)
	}
	inOrder := strings.HasSuffix(t.Name, "V2")
	for _, name := range names {
		var parts []signing.Range
		for _, p := range t.before {
			base := strings.TrimSuffix(p.Name, "V2")
			if base != name && !(inOrder && slices.Contains(names, base)) {
				continue
			}
			parts = append(parts, p.Range)
		}
		if err := w.elements(parts...); err != nil {
			return err
		}
		if inOrder {
			break
		}
	}
	return nil
}
