// Package asice reads and writes ASiC-E containers (ETSI EN 319 162-1): ZIP files in which data objects travel together
// with the signatures and time-stamps that vouch for them. Trạm hands out its evidence in them, because they are
// what courts' and archives' tools open.
//
// # Writing
//
// A Builder takes data objects, reads each once to know its digest, then the signatures that were made over those digests,
// and knows the container's size before its first byte is written. Nothing but small parts are kept in memory. Entries are
// stored, not deflated, with fixed times: the same content gives the same bytes.
//
// # Reading
//
// A ZIP file can be read in several ways (two directories, gaps, prefixes, doubled names), and tools differ in which they
// see. Open therefore accepts only what can be read in one way: entries in one unbroken row from the first byte to the
// central directory, each local header saying what the directory says, nothing before, between or behind, no archive comment
// but the media type, no encryption, no Zip64, no directories, no names that are absolute, climb, differ only in case or
// stand twice; sizes, number and compression ratio are bounded. mimetype comes first, stored and plain.
//
// Open says that a container is well-formed. Whether what it says holds is for Check (time assertions over a manifest),
// for signing with Container.Detached (XAdES), and for the caller, who must compare Container.Unsigned with nothing.
package asice

import (
	"errors"
	"fmt"
)

// MediaType is the content of the entry mimetype.
const MediaType = "application/vnd.etsi.asic-e+zip"

// Names that the form reserves.
const (
	mimetypeName = "mimetype"
	metaDir      = "META-INF/"

	// SignaturesName is where the XAdES signatures of a Builder stand.
	SignaturesName = "META-INF/signatures.xml"
	// ManifestName is the list of files in the form of OpenDocument, which several tools expect beside XAdES.
	ManifestName = "META-INF/manifest.xml"
	// AssertionName is the ASiCManifest of a Builder's time assertion, TokenName its time-stamp.
	AssertionName = "META-INF/ASiCManifest.xml"
	TokenName     = "META-INF/timestamp.tst"
)

// Refusal says by which rule a container is refused.
type Refusal string

// Refusals of Open and of reading an entry.
const (
	NotZIP     Refusal = "not-zip"    // no end of central directory, or a directory that cannot be read
	TooLarge   Refusal = "too-large"  // container, entry, number of entries or all of them together
	Ratio      Refusal = "ratio"      // unpacks to far more than it is
	BadName    Refusal = "name"       // absolute, climbing, not plain
	Duplicate  Refusal = "duplicate"  // a name stands twice, or two differ only in case
	Encrypted  Refusal = "encrypted"  //
	Method     Refusal = "method"     // other than stored and deflated
	Ambiguous  Refusal = "ambiguous"  // local header and directory differ, gaps, bytes outside entries, Zip64, names given twice
	BadType    Refusal = "mimetype"   // missing, not first, not stored, or another type
	Damaged    Refusal = "damaged"    // bytes do not have the size or checksum that the directory names
	BadContent Refusal = "content"    // a manifest that cannot be read
	NoEntry    Refusal = "no-entry"   // a named entry is not there
	Unasserted Refusal = "unasserted" // a data object that no manifest lists
	Mismatch   Refusal = "digest"     // a data object has another digest than the manifest says
)

// Error is a container that is refused.
type Error struct {
	Refusal Refusal
	Entry   string // "" if it is about the whole
	Detail  string
}

func (e *Error) Error() string {
	s := "couldn't use container: " + string(e.Refusal)
	if e.Entry != "" {
		s += fmt.Sprintf(": entry %q", e.Entry)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Is makes errors.Is(err, &Error{Refusal: r}) ask for the refusal alone.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Entry == "" && t.Detail == "" && t.Refusal == e.Refusal
}

func refuse(r Refusal, entry, format string, args ...any) *Error {
	return &Error{Refusal: r, Entry: entry, Detail: fmt.Sprintf(format, args...)}
}

// Limits bound what a container may ask for. Zero values take the defaults.
type Limits struct {
	Entries int   // default 100,000
	Size    int64 // of the container, bytes; default and most 4 GiB - 1
	Entry   int64 // of one entry, unpacked; default 2 GiB
	Total   int64 // of all entries, unpacked; default 4 GiB
	Ratio   int64 // unpacked to packed, of entries over 1 MiB; default 200
}

func (l Limits) withDefaults() Limits {
	if l.Entries <= 0 {
		l.Entries = 100_000
	}
	if l.Size <= 0 || l.Size > maxSize {
		l.Size = maxSize
	}
	if l.Entry <= 0 {
		l.Entry = 2 << 30
	}
	if l.Total <= 0 {
		l.Total = 4 << 30
	}
	if l.Ratio <= 0 {
		l.Ratio = 200
	}
	return l
}

const (
	maxSize      = 1<<32 - 2 // without Zip64; 0xffffffff would announce it
	maxName      = 255       // bytes
	freeRatio    = 1 << 20   // bytes that an entry may unpack to whatever its ratio
	maxDirectory = 64 << 20  // bytes of the central directory, which is held in memory
)
