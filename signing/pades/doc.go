// Package pades reads the signatures that stand inside a PDF (ISO 32000, EN 319 142-1): what each covers, whether it holds, who made
// it and what time-stamps it carries. Documents arrive with PDFs signed by persons and organisations long before they are sent; the
// portal and `tram check` show what those signatures say beside the package's own. Nothing here ever stops a document: whatever is
// wrong with a file or a signature is a value in the report. Read returns an error only if the source can't be read or the
// context ends.
//
// How signatures are found: from startxref along all cross-reference tables and streams (Prev, hybrid XRefStm), through the catalogue
// to the fields of the form, in the newest revision and in each older one, so that a signature which a later revision dropped is
// told (RemovedLater). If that structure is broken the octets are searched for objects with a ByteRange; Document.Scanned says so,
// because then nobody can say what a viewer would show. Encrypted files are not read.
//
// A signature is Intact if all of this holds:
//   - its ByteRange has two ranges, the first from octet 0, and the gap between them is exactly the hex string of its Contents in its
//     own dictionary, the second ends within the file and at an end of file mark (attacks by forged ranges: universal signature forgery and
//     signature wrapping);
//   - the revision it covers, read for itself, lists this very signature in its form;
//   - Contents is one CMS signature with one signer and no content of its own (adbe.pkcs7.detached, ETSI.CAdES.detached), or a time-stamp
//     token (ETSI.RFC3161), whose digest fits the octets of the ranges and whose value holds (package cms, package tsp).
//
// Whole says that nothing but white space follows what is covered; otherwise Later says what each revision behind it brought. Further signatures
// and validation data come as "signature", "catalog", "appearance", "form" and "validation"; whatever makes a page show something else comes as
// "page" or "content": other pages or page sizes, exchanged fonts and drawings (anything overwritten that a page may use), deleted
// content; annotations brought out as "annotation" (incremental saving and shadow attacks). Trust, revocation and times are judged by the caller, for
// whom Signer, Certificates, CRLs, OCSPs, TimeStamps and the material of the document's DSS are given.
//
// Memory is bounded by Limits whatever the size of the file: octets are digested in one pass, tables are read where they lie.
package pades

import (
	"crypto"
	"crypto/x509"
	"time"

	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/tsp"
)

// Limits bound what is read. Zero fields stand for the defaults.
type Limits struct {
	MaxSignatures int   // 64
	MaxRevisions  int   // cross-reference sections along Prev; 256
	MaxObjects    int   // objects read; 50,000
	MaxContents   int   // octets of one signature container and of any string; 4 MiB
	MaxDecoded    int64 // octets of streams unpacked, all together; 64 MiB
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.MaxSignatures, 64)
	set(&l.MaxRevisions, 256)
	set(&l.MaxObjects, 50_000)
	set(&l.MaxContents, 4<<20)
	if l.MaxDecoded <= 0 {
		l.MaxDecoded = 64 << 20
	}
	return l
}

// Problem says in one word what is wrong. The words are stable. Those of a signature's CMS and time-stamps are the words of packages cms and tsp.
type Problem string

// Problems of a document.
const (
	NotPDF    Problem = "not-pdf"
	Encrypted Problem = "encrypted" // not read
	Broken    Problem = "broken"    // cross-references can't be followed: what was found was found by searching
	TooBig    Problem = "too-big"   // over one of the Limits: what was found is not all
)

// Problems of a signature. Any of these means that it isn't Intact.
const (
	BadByteRange    Problem = "byte-range"         // not four numbers in order
	RangeStart      Problem = "byte-range-start"   // doesn't start at octet 0
	RangeGap        Problem = "byte-range-gap"     // what it leaves out isn't exactly its Contents
	RangeBeyond     Problem = "byte-range-beyond"  // ends behind the end of the file
	RangeEnd        Problem = "byte-range-end"     // doesn't end where a revision ends
	NoContents      Problem = "no-contents"        // empty, missing or no hex string: not signed yet
	Ambiguous       Problem = "ambiguous"          // dictionary has a key more than once
	NotInRevision   Problem = "not-in-revision"    // the revision that it covers doesn't list it
	SubFilter       Problem = "unsupported-filter" // format that is named but not read
	LegacySubFilter Problem = "legacy-filter"      // adbe.pkcs7.sha1, adbe.x509.rsa_sha1: SHA-1
	SeveralSigners  Problem = "several-signers"    // one is allowed
	OwnContent      Problem = "own-content"        // the CMS signs content of its own, not the file
	WrongContent    Problem = "wrong-content"      // Contents is something else than its SubFilter says
	Unbound         Problem = "missing-attribute"  // ETSI.CAdES.detached without signing-certificate attribute
	StampOverOther  Problem = "wrong-imprint"      // time-stamp over something else
)

// Notes on a signature: worth showing, and no reason to doubt that it holds.
const (
	RemovedLater         Problem = "removed-later" // a later revision doesn't list it any more
	NotDER               Problem = "not-der"       // CMS in BER, as EN 319 142-1 5.1 doesn't allow
	ClaimsSigned         Problem = "signing-time"  // signing-time attribute, which EN 319 142-1 6.3 doesn't allow in PDFs
	FoundByScan          Problem = "found-by-search"
	AgainstCertification Problem = "against-certification" // a later revision changed what a certification signature doesn't allow
)

// Finding is a problem with what exactly is wrong, in English.
type Finding struct {
	Problem Problem `json:"problem"`
	Detail  string  `json:"detail"`
}

// Document is what was found in a file.
type Document struct {
	Problem    Problem // empty: read as it should be
	Detail     string
	Scanned    bool         // signatures were found by searching octets
	Revisions  int          // cross-reference sections along Prev; 0 if Scanned
	Signatures []*Signature // in the order of the ends of what they cover
	// From the document security store (EN 319 142-1 5.4.2), not judged:
	Certificates []*x509.Certificate
	CRLs         [][]byte // DER
	OCSPs        [][]byte // DER of OCSPResponse
}

// Signature is one signature or document time-stamp.
type Signature struct {
	Field     string // full name of the form field
	Filter    string
	SubFilter string
	Stamp     bool // a document time-stamp (ETSI.RFC3161): TimeStamps has its token
	Intact    bool
	Problems  []Finding
	Notes     []Finding

	Name, Reason, Location, Contact string    // the signer's words, in UTF-8
	Claimed                         time.Time // M, else the signing-time attribute; zero if there is none

	// Certifies is what a certification signature (DocMDP) allows afterwards: 1 nothing, 2 forms and signatures, 3 annotations too; 0 for others.
	Certifies int

	ByteRange []int64
	Covers    int64   // octets from the start of the file to the end of what is covered, the gap included
	After     int64   // octets behind that
	Whole     bool    // those are white space, or none
	Later     []Later // revisions behind it, the oldest first

	Level        string              // of EN 319 142-1: "B-B" to "B-LTA", by what is there; empty for other formats and what isn't Intact
	Signer       *x509.Certificate   // nil if not found
	Certificates []*x509.Certificate // embedded
	CRLs, OCSPs  [][]byte            // embedded, DER
	Algorithm    cms.Algorithm
	Hash         crypto.Hash
	Message      *cms.SignedData // nil if it can't be read
	TimeStamps   []TimeStamp     // over its value, or the document time-stamp itself
}

// TimeStamp is a token and what is wrong with it, trust aside.
type TimeStamp struct {
	Token    *tsp.Token // nil if it can't be read
	Problems []Finding
}

// Later says what one revision behind a signature brought.
type Later struct {
	Table   int64    // offset of its cross-references
	Objects int      // added or changed
	Kinds   []string // what they are, as far as one can tell, sorted: "annotation", "appearance", "catalog", "content", "form", "metadata", "other", "page", "signature", "validation"
}

// Stamped returns the earliest time of the time-stamps over the signature that hold by themselves. Whether their authorities are
// trusted is for the caller.
func (s *Signature) Stamped() (time.Time, bool) {
	var first time.Time
	for _, t := range s.TimeStamps {
		if len(t.Problems) == 0 && t.Token != nil && (first.IsZero() || t.Token.Time.Before(first)) {
			first = t.Token.Time
		}
	}
	return first, !first.IsZero()
}

// Proofs returns the time-stamps that prove that s existed and hold by themselves: those over its value, and document time-stamps that cover it.
func (d *Document) Proofs(s *Signature) []TimeStamp {
	var out []TimeStamp
	add := func(list []TimeStamp) {
		for _, t := range list {
			if t.Token != nil && len(t.Problems) == 0 {
				out = append(out, t)
			}
		}
	}
	if !s.Stamp {
		add(s.TimeStamps)
	}
	for _, o := range d.Signatures {
		if o != s && o.Stamp && o.Intact && o.Covers >= s.Covers {
			add(o.TimeStamps)
		}
	}
	return out
}

func (s *Signature) problem(p Problem, detail string) {
	s.Problems = append(s.Problems, Finding{p, detail})
}
func (s *Signature) note(p Problem, detail string) { s.Notes = append(s.Notes, Finding{p, detail}) }
