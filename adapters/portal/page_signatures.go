package portal

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/signing/verdict"
)

// fileSignaturesBody is what stands inside one attached file.
type fileSignaturesBody struct {
	FileSignatures
	Title string
	Path  string // of the document, for links
	Index int
}

// isPDF tells whether a file may carry signatures of its own that the portal can show.
func isPDF(name, contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "application/pdf") || strings.HasSuffix(strings.ToLower(strings.TrimSpace(name)), ".pdf")
}

// fileSignatures shows the signatures inside an attached PDF. The document page loads it in place; it is a page too.
func (p *Portal) fileSignatures(v *visit) error {
	d, err := p.open(v)
	if err != nil {
		return err
	}
	a, err := attachmentOf(v, d)
	if err != nil {
		return err
	}
	p.opened(v, "signatures of attachment", d, "index", a.Index)
	return p.showFileSignatures(v, d.Package.SHA256, a, "/documents/"+d.Row.Document, documentTitle(v.words, d.Row))
}

// showFileSignatures is the page of the signatures inside one file of a package; path is that of what the file belongs to.
func (p *Portal) showFileSignatures(v *visit, sum string, a view.Attachment, path, title string) (err error) {
	b := fileSignaturesBody{Index: a.Index, Path: path, Title: title}
	if isPDF(a.Name, a.ContentType) {
		b.FileSignatures, err = p.cfg.Node.FileSignatures(v.ctx(), sum, a.Index)
		if err != nil {
			return err
		}
	} else {
		b.Problem = ProblemNotPDF
	}
	b.Name = a.Name
	return p.show(v, "filesignatures", "", v.words.say("pdf.title"), b)
}

// downloadEvidence gives everything that proves the document, in one file that is checked elsewhere.
func (p *Portal) downloadEvidence(v *visit) error {
	d, err := p.open(v)
	if err != nil {
		return err
	}
	p.opened(v, "evidence", d)
	return p.sendEvidence(v, d)
}

// sendEvidence streams the container, after the opening is recorded.
func (p *Portal) sendEvidence(v *visit, d view.Document) error {
	if d.Package.SHA256 == "" || d.Row.Destroyed != "" {
		return view.ErrNotFound
	}
	downloadHeaders(v, "application/vnd.etsi.asic-e+zip", plainNumber(d.Row)+".asice")
	if v.r.Method == http.MethodHead {
		return nil
	}
	seen := map[uint64]bool{d.Package.Position: true}
	for _, h := range d.History {
		seen[h.Position] = true
	}
	w := &begun{ResponseWriter: v.w}
	err := p.cfg.Node.WriteEvidence(v.ctx(), d.Row.Document, Sight{
		Position: func(position uint64) bool { return seen[position] },
		Package: func(ctx context.Context, sha256 string) (bool, error) {
			_, err := p.cfg.Views.MayRead(ctx, p.reader(v), sha256)
			if errors.Is(err, view.ErrNotFound) {
				return false, nil
			}
			return err == nil, err
		},
	}, w)
	if errors.Is(err, ErrBusy) {
		v.w.Header().Set("Retry-After", "30")
		err = &problem{status: http.StatusServiceUnavailable, cause: err}
	}
	if err != nil && w.yes {
		// Headers are out: a broken connection is the only honest answer left.
		if v.ctx().Err() == nil {
			p.cfg.Log.Error("portal evidence broke off", "account", v.account.ID, "document", d.Row.Document, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Security-Policy"} {
			v.w.Header().Del(name)
		}
	}
	return err
}

// begun knows whether the answer has begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// trustBody is the trust list.
type trustBody struct {
	Groups []trustGroup
}

type trustGroup struct {
	Kind        string
	Authorities []Authority
}

// trustKinds in the order in which people look for them.
var trustKinds = []string{"state", "public", "trial", "other"}

// trust shows whose certificates count here, and for what. It holds no document content.
func (p *Portal) trust(v *visit) error {
	all, err := p.cfg.Node.Authorities(v.ctx())
	if err != nil && !errors.Is(err, view.ErrNotFound) {
		return err
	}
	b := trustBody{}
	for _, kind := range trustKinds {
		g := trustGroup{Kind: kind}
		for _, a := range all {
			known := slices.Contains(trustKinds, a.Kind)
			if a.Kind == kind || !known && kind == "other" {
				g.Authorities = append(g.Authorities, a)
			}
		}
		slices.SortStableFunc(g.Authorities, func(x, y Authority) int {
			if x.Trusted != y.Trusted {
				return map[bool]int{true: -1, false: 1}[x.Trusted]
			}
			return cmp.Compare(x.Name, y.Name)
		})
		if len(g.Authorities) > 0 {
			b.Groups = append(b.Groups, g)
		}
	}
	return p.show(v, "trust", "trust", v.words.say("trust.title"), b)
}

// checkTone is the sign beside one check.
func checkTone(r verdict.Result) string {
	switch r {
	case verdict.Passed:
		return StateOK
	case verdict.Failed:
		return StateBad
	}
	return StateWarn
}

// checkText is what a check says in this language.
func (w words) checkText(c verdict.Check) string {
	if w.language == English {
		return c.En
	}
	return c.Vi
}

// conclusionTone colours an indication; without one the signature's own word decides.
func conclusionTone(s Signature) string {
	switch s.Conclusion.Indication {
	case verdict.TotalPassed:
		return "valid"
	case verdict.TotalFailed:
		return "invalid"
	case verdict.Indeterminate:
		return "open"
	}
	if s.Valid {
		return "valid"
	}
	return "invalid"
}

// conclusion says the verdict in words.
func (w words) conclusion(s Signature) string {
	return w.say("verdict." + conclusionTone(s))
}
