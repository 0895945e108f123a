package signing

import (
	"context"
	"crypto"
	"hash"
	"io"
	"strings"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// maxActive bounds the digests that are computed over one place of the document at the same time.
const maxActive = 16

// job is the computing of one digest: what a reference refers to, canonicalised and hashed. References that ask
// for the same bytes share one.
type job struct {
	whole     bool
	id        string
	comments  bool  // keep comments: XPointer references only
	exclude   int64 // start of the Signature left out, or -1
	bare      bool  // all Signature elements are left out
	method    c14nMethod
	methodURI string
	base64    bool // what the text of the element encodes
	octets    bool // as they are: external references only
	src       Source
	hash      crypto.Hash
	w         io.Writer // takes what would be hashed, if set

	c        canonicalizer
	b64      *base64Writer
	h        hash.Hash
	depth    int // of the apex while it is open
	skip     int // depth of the signature being left out, 0 for none
	found    int // elements with this id
	rng      Range
	finished bool
	refused  *RefusedError
	sum      []byte
}

// planJob returns the job that a reference of the signature at start asks for.
func planJob(ref *reference, start int64) *job {
	j := &job{exclude: -1, bare: ref.NoSignatures, method: ref.method, methodURI: ref.Method, base64: ref.Base64, hash: ref.hash}
	if ref.Enveloped {
		j.exclude = start
	}
	if ref.External {
		j.src, j.id, j.octets = ref.src, ref.URI, !ref.hasC14N && !ref.Base64
		return j
	}
	switch id, ok := strings.CutPrefix(ref.URI, "#xpointer(id("); {
	case ref.URI == "":
		j.whole = true
	case ref.URI == "#xpointer(/)":
		j.whole, j.comments = true, true
	case ok:
		j.id, j.comments = strings.Trim(id, "'\")"), true
	default:
		j.id = ref.URI[1:]
	}
	// A reference within the document selects it without comments, whatever the canonicalisation says.
	j.method.comments = j.method.comments && j.comments
	return j
}

func (j *job) same(k *job) bool {
	return j.whole == k.whole && j.id == k.id && (j.src == nil) == (k.src == nil) && j.base64 == k.base64 && j.comments == k.comments && j.exclude == k.exclude && j.bare == k.bare && j.methodURI == k.methodURI &&
		j.hash == k.hash && strings.Join(j.method.prefixes, " ") == strings.Join(k.method.prefixes, " ")
}

// isContent reports whether the job asks for what the survey has already hashed, if the signature at exclude is the only
// one that the survey left out.
func (j *job) isContent() bool {
	return j.whole && j.method.exclusive && !j.method.comments && len(j.method.prefixes) == 0 && j.hash == crypto.SHA256
}

func (j *job) open(s *xmlstream.Scanner, inherit []ancestor, start int64, depth int) {
	w := j.sink()
	j.depth, j.rng = depth, Range{start, start}
	if j.base64 {
		j.b64 = &base64Writer{w: w}
		return
	}
	j.c.reset(s, j.method, j.whole, w)
	j.c.inherit = inherit
}

// sink makes the hash, unless the bytes themselves are asked for.
func (j *job) sink() io.Writer {
	if j.w != nil {
		return j.w
	}
	j.h = j.hash.New()
	return j.h
}

func (j *job) close(end int64) {
	if j.base64 {
		if err := j.b64.close(); err != nil && j.refused == nil {
			j.refused = refusef(DigestMismatch, "the content is not base64: %v", err)
		}
	} else {
		j.c.flush()
		j.rng.End = end
	}
	j.finish()
}

func (j *job) finish() {
	if j.h != nil {
		j.sum = j.h.Sum(nil)
	}
	j.finished = true
}

// token feeds the job and reports whether it is complete.
func (j *job) token(t *xmlstream.Token) bool {
	if j.base64 {
		return j.encoded(t)
	}
	if t.Kind == xmlstream.StartElement && j.skip == 0 && (t.Start == j.exclude || j.bare && t.Is(dsNamespace, "Signature")) {
		j.skip = t.Depth
	}
	if j.skip == 0 {
		j.c.token(t)
	} else if t.Kind == xmlstream.EndElement && t.Depth == j.skip {
		j.skip = 0
	}
	return !j.whole && t.Kind == xmlstream.EndElement && t.Depth == j.depth
}

// encoded feeds a job that decodes the text of its element. Tags are not part of what is digested, so the range is that of the
// content, and elements in it are refused.
func (j *job) encoded(t *xmlstream.Token) bool {
	switch t.Kind {
	case xmlstream.StartElement:
		if t.Depth == j.depth {
			j.rng = Range{t.End, t.End}
		} else if j.refused == nil {
			j.refused = refusef(TransformRefused, "base64 of an element with others inside")
		}
	case xmlstream.Text, xmlstream.CData:
		j.c.tag = t.AppendText(j.c.tag[:0])
		j.b64.Write(j.c.tag)
	case xmlstream.EndElement:
		if t.Depth == j.depth {
			j.rng.End = max(j.rng.Start, t.Start)
			return true
		}
	}
	return false
}

// runJobs is the second reading: it computes all digests at once.
func runJobs(ctx context.Context, s *xmlstream.Scanner, src Source, jobs []*job, o *VerifyOptions) error {
	resetScanner(s, src, o.XML)
	r := reading{s: s}
	var active []*job
	byID := make(map[string][]*job)
	for _, j := range jobs {
		switch {
		case !j.whole: // external ones have a run of their own
			if j.src == nil {
				byID[j.id] = append(byID[j.id], j)
			}
		case len(active) >= maxActive:
			j.refused = refusef(TooManyReferences, "more than %d digests over the same content", maxActive)
		default:
			j.open(s, nil, 0, 0)
			active = append(active, j)
		}
	}
	s.OnSlide(func() {
		for _, j := range active {
			j.c.flush()
		}
	})
	var value []byte
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if t.Kind == xmlstream.StartElement && len(t.Attrs) > 0 {
			r.track(t)
			for i := range t.Attrs {
				if a := &t.Attrs[i]; len(byID) > 0 && isID(a) {
					value = a.AppendValue(value[:0])
					active = openByID(byID[string(value)], active, &r, t)
				}
			}
		} else if t.Kind == xmlstream.EndElement {
			r.track(t)
		}
		for i := 0; i < len(active); {
			if j := active[i]; j.token(t) {
				j.close(t.End)
				active = append(active[:i], active[i+1:]...)
			} else {
				i++
			}
		}
	}
	for _, j := range active {
		j.close(src.Size())
	}
	return nil
}

// openByID starts the jobs that wait for the element that starts with t.
func openByID(jobs, active []*job, r *reading, t *xmlstream.Token) []*job {
	for _, j := range jobs {
		if j.found++; j.found > 1 {
			continue
		}
		if len(active) >= maxActive {
			j.refused = refusef(TooManyReferences, "more than %d digests over the same content", maxActive)
			continue
		}
		j.open(r.s, append([]ancestor(nil), r.ancestors...), t.Start, t.Depth)
		active = append(active, j)
	}
	return active
}

// isID reports whether an attribute makes its element a target of #references: Id, ID or id without namespace, or xml:id.
func isID(a *xmlstream.Attr) bool {
	if len(a.Local) != 2 {
		return false
	}
	switch string(a.Local) {
	case "Id", "ID":
		return a.URI == ""
	case "id":
		return a.URI == "" || a.URI == xmlstream.XMLNamespace
	}
	return false
}

// outcome tells what is wrong with the target of a job, apart from its digest.
func (j *job) outcome(uri string) *RefusedError {
	switch {
	case j.refused != nil:
		return j.refused
	case j.src != nil:
	case !j.whole && j.found == 0:
		return refusef(MissingReference, "%q", uri)
	case j.found > 1:
		return refusef(AmbiguousID, "%d elements have the Id of %q", j.found, uri)
	}
	return nil
}
