package signing

import (
	"context"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// ReferenceID is the Id that SignTo gives to reference i of a signature with signed properties, so that these can name it.
func ReferenceID(sigID string, i int) string { return fmt.Sprintf("%s-ref%d", sigID, i) }

// Scan makes s read the Signature element of res, as it stands in the document that Verify has read. Offsets are those of the
// document.
func (res *SignatureResult) Scan(s *xmlstream.Scanner, src Source, l xmlstream.Limits) {
	s.ResetFragmentReader(io.NewSectionReader(src, res.Range.Start, res.Range.Len()), res.Range.Start, res.Elements.Context.bindings, l)
}

// WriteReferenceAs is WriteReference, but where the reference itself names no canonicalisation, method is used instead of
// Canonical XML 1.0: archive time-stamps want it so.
func WriteReferenceAs(ctx context.Context, w io.Writer, src Source, res *SignatureResult, i int, method string, o VerifyOptions) error {
	m, ok := canonicalizations[method]
	if !ok {
		return fmt.Errorf("couldn't write reference %d: unknown canonicalisation %q", i, method)
	}
	if i >= 0 && i < len(res.References) {
		if plan := res.References[i].plan; plan != nil && !plan.hasC14N && !plan.Base64 && !plan.External {
			copied := *res
			copied.References = append([]ReferenceResult(nil), res.References...)
			as := *plan
			as.method, as.Method = m, method
			copied.References[i].plan = &as
			res = &copied
		}
	}
	return WriteReference(ctx, w, src, res, i, o)
}
