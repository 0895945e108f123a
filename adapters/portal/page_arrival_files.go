package portal

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/tram-exchange/tram/internal/view"
)

// The files of an incoming document. Each opening is recorded before the first byte goes out.

// arrivalFileOf finds a file that the person may see: of the document itself, of its paper registration, or carried by one of its acts.
func (p *Portal) arrivalFileOf(v *visit) (d view.IncomingDocument, sum string, a view.Attachment, err error) {
	if d, err = p.openArrival(v); err != nil {
		return d, "", a, err
	}
	sum = v.r.PathValue("sha256")
	index, err := strconv.Atoi(v.r.PathValue("index"))
	if err != nil || !isHex(sum, 64) || d.Row.Destroyed != "" {
		return d, "", a, view.ErrNotFound
	}
	var files []view.Attachment
	if d.Package == sum {
		files = append(files, d.Files...)
	}
	for _, t := range d.Trail {
		if t.Package == sum {
			files = append(files, t.Files...)
		}
	}
	if d.Row.Document != "" {
		doc, err := p.cfg.Views.Document(v.ctx(), p.reader(v), d.Row.Document)
		if err != nil {
			return d, "", a, err
		}
		if doc.Package.SHA256 == sum {
			files = append(files, doc.Attachments...)
		}
	}
	at := slices.IndexFunc(files, func(f view.Attachment) bool { return f.Index == index })
	if at < 0 {
		return d, "", a, view.ErrNotFound
	}
	return d, sum, files[at], nil
}

// arrivalFile gives one file, decoded.
func (p *Portal) arrivalFile(v *visit) error {
	d, sum, known, err := p.arrivalFileOf(v)
	if err != nil {
		return err
	}
	return p.sendFile(v, view.Target{Kind: "incoming", ID: d.Row.ID}, sum, known.Index, fmt.Sprintf("tep-%d", known.Index+1))
}

// sendFile streams an attachment of a package, after the opening is recorded.
func (p *Portal) sendFile(v *visit, t view.Target, sum string, index int, fallback string) error {
	a, err := p.cfg.Node.Attachment(v.ctx(), sum, index)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if err := p.lookedAt(v, t, "attachment"); err != nil {
		return err
	}
	downloadHeaders(v, safeType(a.ContentType), downloadName(a.Name, fallback))
	if a.Size >= 0 {
		v.w.Header().Set("Content-Length", strconv.FormatInt(a.Size, 10))
	}
	if v.r.Method == http.MethodHead {
		return nil
	}
	n, err := io.Copy(v.w, a.Body)
	if err == nil && a.Size >= 0 && n != a.Size {
		err = fmt.Errorf("couldn't read attachment: %d bytes, expected %d", n, a.Size)
	}
	if err != nil {
		if v.ctx().Err() == nil {
			p.cfg.Log.Error("portal attachment broke off", "account", v.account.ID, "target", t.ID, "index", index, "error", err)
		}
		panic(http.ErrAbortHandler) // headers are out: breaking the connection is the only honest answer left
	}
	return nil
}

// arrivalSignatures shows the signatures that stand inside a file.
func (p *Portal) arrivalSignatures(v *visit) error {
	d, sum, known, err := p.arrivalFileOf(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "incoming", ID: d.Row.ID}, "attachment"); err != nil {
		return err
	}
	return p.showFileSignatures(v, sum, known, "/incoming/"+d.Row.ID,
		documentTitle(v.words, view.RegisterRow{Number: d.Row.Number, TypeName: d.Row.TypeName}))
}

// exchanged is the document of the exchange behind an arrival. What came on paper has none.
func (p *Portal) exchanged(v *visit) (view.IncomingDocument, view.Document, error) {
	d, err := p.openArrival(v)
	if err != nil || d.Row.Document == "" {
		return d, view.Document{}, errors.Join(err, view.ErrNotFound)
	}
	doc, err := p.cfg.Views.Document(v.ctx(), p.reader(v), d.Row.Document)
	return d, doc, err
}

// arrivalPackage gives the signed package of the document, or of its paper registration, unchanged.
func (p *Portal) arrivalPackage(v *visit) error {
	d, err := p.openArrival(v)
	if err != nil {
		return err
	}
	sum, number := v.r.PathValue("sha256"), view.RegisterRow{Number: d.Row.Number, Document: d.Row.ID}
	if !isHex(sum, 64) || d.Row.Destroyed != "" {
		return view.ErrNotFound
	}
	known := d.Package == sum || slices.ContainsFunc(d.Trail, func(t view.Trail) bool { return t.Package == sum })
	if !known && d.Row.Document != "" {
		doc, err := p.cfg.Views.Document(v.ctx(), p.reader(v), d.Row.Document)
		if err != nil {
			return err
		}
		known = doc.Package.SHA256 == sum
	}
	if !known {
		return view.ErrNotFound
	}
	pkg, err := p.cfg.Node.OpenPackage(v.ctx(), sum)
	if err != nil {
		return err
	}
	defer pkg.Close()
	if err := p.lookedAt(v, view.Target{Kind: "incoming", ID: d.Row.ID}, "package"); err != nil {
		return err
	}
	downloadHeaders(v, "application/octet-stream", plainNumber(number)+"-"+sum[:8]+".xml")
	v.w.Header().Set("ETag", `"`+sum+`"`)
	http.ServeContent(v.w, v.r, "", d.Row.ArrivedAt, io.NewSectionReader(pkg, 0, pkg.Size()))
	return nil
}

// arrivalReceipt gives the receipt of an event in the life of the document.
func (p *Portal) arrivalReceipt(v *visit) error {
	d, err := p.openArrival(v)
	if err != nil {
		return err
	}
	position, err := strconv.ParseUint(v.r.PathValue("position"), 10, 64)
	if err != nil {
		return view.ErrNotFound
	}
	known := slices.ContainsFunc(d.Trail, func(t view.Trail) bool { return t.Position == position })
	if !known && d.Row.Document != "" {
		doc, err := p.cfg.Views.Document(v.ctx(), p.reader(v), d.Row.Document)
		if err != nil {
			return err
		}
		known = doc.Package.SHA256 != "" && doc.Package.Position == position
	}
	if !known {
		return view.ErrNotFound
	}
	receipt, err := p.cfg.Node.Receipt(v.ctx(), position)
	if err != nil {
		return err
	}
	downloadHeaders(v, "text/plain; charset=utf-8", fmt.Sprintf("%s-%d.tlog-proof", plainNumber(view.RegisterRow{Number: d.Row.Number, Document: d.Row.ID}), position))
	v.w.Header().Set("Content-Length", strconv.Itoa(len(receipt)))
	if v.r.Method != http.MethodHead {
		v.w.Write(receipt)
	}
	return nil
}

// arrivalEvidence gives the evidence container of a document of the exchange.
func (p *Portal) arrivalEvidence(v *visit) error {
	d, doc, err := p.exchanged(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "incoming", ID: d.Row.ID}, "evidence"); err != nil {
		return err
	}
	return p.sendEvidence(v, doc)
}
