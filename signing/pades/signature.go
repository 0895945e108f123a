package pades

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/tsp"
)

// candidate is a signature being read.
type candidate struct {
	found
	sig    *Signature
	cut    [4]int64 // first range and second, as start and end; valid if clear
	clear  bool     // the ranges can be digested
	token  *tsp.Token
	sums   hash.Hash
	sum    []byte
	store  *material // that the covered revision holds
	newest bool      // listed by the newest revision
}

// prepare reads everything but the octets that are covered.
func (c *candidate) prepare(src signing.Source) error {
	s, d := c.sig, c.d
	s.Field = c.field
	f, _ := d.get("Filter").(name)
	sub, _ := d.get("SubFilter").(name)
	s.Filter, s.SubFilter = clean([]rune(string(f))), clean([]rune(string(sub)))
	s.Name, s.Reason, s.Location, s.Contact = text(d.get("Name")), text(d.get("Reason")), text(d.get("Location")), text(d.get("ContactInfo"))
	s.Claimed = date(d.get("M"))
	s.Certifies = certifies(d)
	for _, k := range []name{"ByteRange", "Contents", "SubFilter", "Filter", "Type"} {
		if slices.Contains(d.twice, k) {
			s.problem(Ambiguous, fmt.Sprintf("the signature dictionary has %s more than once", k))
		}
	}
	contents, ok := c.contents()
	if !ok || len(bytes.Trim(contents.b, "\x00")) == 0 {
		s.problem(NoContents, "Contents isn't a hex string in the file, or is empty")
	}
	if err := c.ranges(src, contents, ok); err != nil {
		return err
	}
	c.message(contents.b)
	return nil
}

// certifies reads the permissions of a certification signature (ISO 32000-1 12.8.2.2), 0 if it is none. Only direct dictionaries are read, which
// is where all writers have them.
func certifies(d *dict) int {
	list, _ := d.get("Reference").(array)
	for _, v := range list {
		r, _ := v.(*dict)
		if r.get("TransformMethod") != name("DocMDP") {
			continue
		}
		params, _ := r.get("TransformParams").(*dict)
		if p, ok := params.get("P").(int64); ok && p >= 1 && p <= 3 {
			return int(p)
		}
		return 2 // the default
	}
	return 0
}

// breaks says what of a later revision goes against a certification: 1 allows nothing, 2 forms and signatures, 3 annotations too. What
// validation needs (DSS, time-stamps) is always allowed (EN 319 142-1 5.4).
func breaks(certifies int, kinds []string) []string {
	var out []string
	for _, k := range kinds {
		if certifies == 0 {
			break
		}
		if k == "content" || k == "annotation" && certifies < 3 || k == "form" && certifies < 2 {
			out = append(out, k)
		}
	}
	return out
}

// ranges checks the ByteRange against the file and the place of Contents.
func (c *candidate) ranges(src signing.Source, contents str, placed bool) error {
	s := c.sig
	list, _ := c.d.get("ByteRange").(array)
	size := src.Size()
	for _, v := range list[:min(len(list), 16)] {
		n, ok := v.(int64)
		if !ok || n < 0 {
			s.problem(BadByteRange, "ByteRange isn't an array of numbers")
			return nil
		}
		s.ByteRange = append(s.ByteRange, n)
	}
	if len(list) != 4 {
		s.problem(BadByteRange, fmt.Sprintf("ByteRange has %d numbers, want 4", len(list)))
		return nil
	}
	r := s.ByteRange
	for _, n := range r {
		if n > size {
			s.problem(RangeBeyond, fmt.Sprintf("ByteRange %v, the file has %d octets", r, size))
			return nil
		}
	}
	start, open, shut, end := r[0], r[0]+r[1], r[2], r[2]+r[3]
	if open > shut {
		s.problem(BadByteRange, fmt.Sprintf("ranges of ByteRange %v overlap", r))
		return nil
	}
	if end > size {
		s.problem(RangeBeyond, fmt.Sprintf("ByteRange ends at %d, the file has %d octets", end, size))
		return nil
	}
	c.cut, c.clear = [4]int64{start, open, shut, end}, true
	s.Covers, s.After = end, size-end
	if start != 0 {
		s.problem(RangeStart, fmt.Sprintf("ByteRange starts at %d", start))
	}
	if !placed || contents.start != open || contents.end != shut {
		s.problem(RangeGap, fmt.Sprintf("ByteRange leaves out octets %d to %d, Contents stands at %d to %d", open, shut, contents.start, contents.end))
	}
	return c.ending(src)
}

// ending checks that what is covered ends as a revision does, and looks at what follows.
func (c *candidate) ending(src signing.Source) error {
	s := c.sig
	tail := make([]byte, min(64, s.Covers))
	if err := readFull(src, tail, s.Covers-int64(len(tail))); err != nil {
		return err
	}
	if !bytes.HasSuffix(bytes.TrimRight(tail, "\x00\t\n\f\r "), []byte("%%EOF")) {
		s.problem(RangeEnd, "what is covered doesn't end with an end of file mark")
	}
	if s.After > 1<<10 {
		return nil
	}
	rest := make([]byte, s.After)
	if err := readFull(src, rest, s.Covers); err != nil {
		return err
	}
	s.Whole = len(bytes.Trim(rest, "\x00\t\n\f\r ")) == 0
	return nil
}

// message reads the CMS.
func (c *candidate) message(der []byte) {
	s := c.sig
	switch s.SubFilter {
	case "adbe.pkcs7.detached", "ETSI.CAdES.detached":
	case "ETSI.RFC3161":
		s.Stamp = true
	case "adbe.pkcs7.sha1", "adbe.x509.rsa_sha1":
		s.problem(LegacySubFilter, "format "+s.SubFilter+" rests on SHA-1")
	default:
		s.problem(SubFilter, fmt.Sprintf("format %q isn't read", s.SubFilter))
		return
	}
	if len(der) == 0 || s.SubFilter == "adbe.x509.rsa_sha1" {
		return
	}
	d, err := cms.Parse(der, cms.Options{BER: true})
	if err != nil {
		s.problem(Problem(cms.ProblemOf(err)), err.Error())
		return
	}
	s.Message, s.Certificates, s.CRLs, s.OCSPs = d, d.Certificates, slices.Clone(d.CRLs), slices.Clone(d.OCSPs)
	for _, dev := range d.Deviations {
		s.note(NotDER, "the signature is "+dev)
	}
	if len(d.Signers) != 1 {
		s.problem(SeveralSigners, fmt.Sprintf("%d signers, want one", len(d.Signers)))
		if len(d.Signers) == 0 {
			return
		}
	}
	one := d.Signers[0]
	s.Hash, s.Algorithm, s.Signer = one.Hash, one.Algorithm, d.Certificate(one, nil)
	crls, ocsps := one.AdobeRevocation()
	s.CRLs, s.OCSPs = append(s.CRLs, crls...), append(s.OCSPs, ocsps...)
	if s.Claimed.IsZero() && !s.Stamp {
		s.Claimed = one.SigningTime
	}
	if s.Stamp {
		c.stampToken(d)
		return
	}
	c.content(d, one)
}

func (c *candidate) content(d *cms.SignedData, one *cms.Signer) {
	s := c.sig
	switch {
	case s.SubFilter == "adbe.pkcs7.sha1":
	case !d.Detached:
		s.problem(OwnContent, "the signature is over content of its own, not over the file")
	case !d.ContentType.Equal(cms.OIDData):
		s.problem(WrongContent, fmt.Sprintf("the signature is over content of type %v, want plain data", d.ContentType))
	}
	if s.SubFilter != "ETSI.CAdES.detached" {
		return
	}
	if !one.SigningTime.IsZero() {
		s.note(ClaimsSigned, "signing-time attribute in the signature; PAdES has the time in the dictionary")
	}
	if len(one.References) == 0 {
		s.problem(Unbound, "no signing-certificate attribute")
	}
}

// stampToken reads Contents as the token of a document time-stamp.
func (c *candidate) stampToken(d *cms.SignedData) {
	s := c.sig
	token, err := tsp.Parse(d.Raw)
	if err != nil {
		s.problem(Problem(tsp.ProblemOf(err)), err.Error())
		return
	}
	c.token, s.Hash, s.Signer = token, token.Hash, token.Signer
	s.TimeStamps = []TimeStamp{{Token: token}}
	s.Claimed = token.Time
}

// wanted is the hash function over the file; zero if there is nothing to compare with.
func (c *candidate) wanted() crypto.Hash {
	if !c.clear || c.sig.Message == nil || c.sig.Stamp && c.token == nil || !c.sig.Hash.Available() {
		return 0
	}
	return c.sig.Hash
}

// digest reads the file once, for all signatures together.
func digest(ctx context.Context, src signing.Source, all []*candidate) error {
	end := int64(0)
	for _, c := range all {
		if h := c.wanted(); h != 0 {
			c.sums = h.New()
			end = max(end, c.cut[3])
		}
	}
	if end == 0 {
		return nil
	}
	buf := make([]byte, 256<<10)
	for off := int64(0); off < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), end-off)]
		if err := readFull(src, b, off); err != nil {
			return err
		}
		for _, c := range all {
			if c.sums == nil {
				continue
			}
			for i := 0; i < 4; i += 2 {
				if from, to := max(c.cut[i], off), min(c.cut[i+1], off+int64(len(b))); from < to {
					c.sums.Write(b[from-off : to-off])
				}
			}
		}
		off += int64(len(b))
	}
	for _, c := range all {
		if c.sums != nil {
			c.sum = c.sums.Sum(nil)
		}
	}
	return nil
}

// judge compares digests and checks values, and the time-stamps.
func (c *candidate) judge(m *material) {
	s := c.sig
	switch {
	case c.sum == nil:
	case s.Stamp:
		t := &s.TimeStamps[0]
		t.Token.Supply(append(slices.Clone(s.Certificates), m.certificates...))
		s.Signer = t.Token.Signer
		t.Problems = checkStamp(t.Token, c.sum)
		s.Problems = append(s.Problems, t.Problems...)
	case s.SubFilter != "adbe.pkcs7.sha1":
		c.verify(m)
	}
	if s.Message != nil && len(s.Message.Signers) > 0 && !s.Stamp {
		c.stamps(m)
	}
	if c.sum == nil && len(s.Problems) == 0 {
		s.problem(Problem(cms.UnsupportedAlgorithm), "the digest algorithm isn't known")
	}
	s.Intact = len(s.Problems) == 0
}

func (c *candidate) verify(m *material) {
	s := c.sig
	o := cms.VerifyOptions{Certificates: m.certificates, Digest: func(crypto.Hash) ([]byte, error) { return c.sum, nil }}
	cert, err := s.Message.Verify(s.Message.Signers[0], o)
	if cert != nil {
		s.Signer = cert
	}
	if err != nil {
		s.problem(Problem(cms.ProblemOf(err)), err.Error())
	}
}

// stamps checks the time-stamps over the value, in the unsigned attributes.
func (c *candidate) stamps(m *material) {
	s := c.sig
	one := s.Message.Signers[0]
	for _, der := range one.UnsignedValues(cms.OIDSignatureTimeStamp) {
		token, err := tsp.Parse(der)
		if err != nil {
			s.TimeStamps = append(s.TimeStamps, TimeStamp{Problems: []Finding{{Problem(tsp.ProblemOf(err)), err.Error()}}})
			continue
		}
		token.Supply(append(slices.Clone(s.Certificates), m.certificates...))
		var imprint []byte
		if token.Hash.Available() {
			imprint = tsp.HashOf(token.Hash, one.Signature)
		}
		s.TimeStamps = append(s.TimeStamps, TimeStamp{token, checkStamp(token, imprint)})
	}
}

func checkStamp(t *tsp.Token, imprint []byte) []Finding {
	var out []Finding
	for _, err := range []error{t.Verify(imprint), t.CheckSigner()} {
		if err != nil {
			out = append(out, Finding{Problem(tsp.ProblemOf(err)), err.Error()})
		}
	}
	return out
}

// inRevision says whether the revision that c covers, read for itself, lists c.
func (c *candidate) inRevision(ctx context.Context, src signing.Source, base int64, lim Limits, w *work) error {
	contents, _ := c.contents()
	miss := func(detail string) error {
		c.sig.problem(NotInRevision, detail)
		return nil
	}
	view, err := open(ctx, io.NewSectionReader(src, 0, c.cut[3]), base, lim, w)
	var list []found
	if err == nil {
		list, _, err = view.signatures(0)
	}
	var big *tooBigError
	switch {
	case err != nil && (isBad(err) || errors.As(err, &big)):
		return miss("the revision that is covered can't be read: " + err.Error())
	case err != nil:
		return err
	}
	if !slices.ContainsFunc(list, func(f found) bool { o, ok := f.contents(); return ok && o.start == contents.start }) {
		return miss("the revision that is covered doesn't list this signature in its form")
	}
	c.store, err = view.store(0)
	if err != nil && !isBad(err) && !errors.As(err, &big) {
		return err
	}
	return nil
}
