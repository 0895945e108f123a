package portal

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tram-exchange/tram/internal/view"
)

// safeTypes are content types that a browser may be told. Whatever else the sender claims goes out as plain bytes;
// and nothing is ever shown inside the browser, whatever its type.
var safeTypes = map[string]bool{
	"application/pdf": true, "application/zip": true, "application/msword": true, "application/vnd.ms-excel": true,
	"application/vnd.ms-powerpoint": true, "image/png": true, "image/jpeg": true, "image/tiff": true, "text/csv": true, "text/plain": true,
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   true,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         true,
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": true,
	"application/vnd.oasis.opendocument.text":                                   true,
	"application/vnd.oasis.opendocument.spreadsheet":                            true,
}

func safeType(claimed string) string {
	t, _, err := mime.ParseMediaType(claimed)
	if err != nil || !safeTypes[t] {
		return "application/octet-stream"
	}
	return t
}

// downloadName makes a name that every system can store: no path, no control or direction signs, not hidden, at most
// 180 bytes with its ending kept.
func downloadName(name, fallback string) string {
	name = strings.ToValidUTF8(name, "_")
	name = strings.Map(func(r rune) rune {
		switch {
		case isBidiControl(r), r == unicode.ReplacementChar:
			return -1
		case unicode.IsControl(r), strings.ContainsRune(`/\:*?"<>|`, r), r == 0x2028, r == 0x2029:
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, " ._")
	if name == "" {
		name = fallback
	}
	const most = 180
	if len(name) > most {
		ext := path.Ext(name)
		if len(ext) > 20 {
			ext = ""
		}
		stem := strings.TrimSuffix(name, ext)
		stem = strings.ToValidUTF8(stem[:most-len(ext)], "")
		name = strings.TrimRight(stem, " ._") + ext
	}
	return name
}

// disposition says "save it" with the name twice: plain letters for old software, RFC 5987 for all others.
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' || r == '%' || r == ';' {
			return '_'
		}
		return r
	}, withoutMarks(name))
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
}

func downloadHeaders(v *visit, contentType, name string) {
	h := v.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", disposition(name))
	h.Set("Content-Security-Policy", downloadPolicy)
	h.Set("Cache-Control", "private, no-store")
}

// plainNumber names files after the document: "7816-VPCP-TTDT".
func plainNumber(r view.RegisterRow) string {
	s := strings.Map(func(c rune) rune {
		if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			return c
		}
		return '-'
	}, withoutMarks(r.Number))
	if s, _ = cut(strings.Trim(s, "-"), 60); s == "" {
		return r.Document[:12]
	}
	return s
}

// downloadPackage gives the signed package of the document, or of one of its status messages, unchanged.
func (p *Portal) downloadPackage(v *visit) error {
	d, err := p.open(v)
	if err != nil {
		return err
	}
	sum := v.r.PathValue("sha256")
	if !isHex(sum, 64) {
		return view.ErrNotFound
	}
	// The package must be this document's: the read side knows which document a package belongs to.
	key, err := p.cfg.Views.MayRead(v.ctx(), p.reader(v), sum)
	if err != nil {
		return err
	}
	if key != d.Row.Document {
		return view.ErrNotFound
	}
	pkg, err := p.cfg.Node.OpenPackage(v.ctx(), sum)
	if err != nil {
		return err
	}
	defer pkg.Close()
	p.opened(v, "package", d, "package", sum)
	name := plainNumber(d.Row) + ".edxml"
	if sum != d.Package.SHA256 {
		name = plainNumber(d.Row) + "-" + sum[:8] + ".edxml"
	}
	downloadHeaders(v, "application/octet-stream", name)
	v.w.Header().Set("ETag", `"`+sum+`"`)
	http.ServeContent(v.w, v.r, "", d.Package.At, io.NewSectionReader(pkg, 0, pkg.Size()))
	return nil
}

// downloadAttachment gives one file of the document, decoded.
func (p *Portal) downloadAttachment(v *visit) error {
	d, err := p.open(v)
	if err != nil {
		return err
	}
	known, err := attachmentOf(v, d)
	if err != nil {
		return err
	}
	index := known.Index
	a, err := p.cfg.Node.Attachment(v.ctx(), d.Package.SHA256, index)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	p.opened(v, "attachment", d, "index", index)
	downloadHeaders(v, safeType(a.ContentType), downloadName(a.Name, plainNumber(d.Row)+"-"+strconv.Itoa(index+1)))
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
		// Headers are out: the only honest answer left is to break the connection.
		if v.ctx().Err() == nil {
			p.cfg.Log.Error("portal attachment broke off", "account", v.account.ID, "document", d.Row.Document, "index", index, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// attachmentOf is the attachment of the document that the path names by its index.
func attachmentOf(v *visit, d view.Document) (view.Attachment, error) {
	index, err := strconv.Atoi(v.r.PathValue("index"))
	at := slices.IndexFunc(d.Attachments, func(a view.Attachment) bool { return a.Index == index })
	if err != nil || at < 0 || d.Row.Destroyed != "" {
		return view.Attachment{}, view.ErrNotFound
	}
	return d.Attachments[at], nil
}

// downloadReceipt gives the receipt of one event of the document's history.
func (p *Portal) downloadReceipt(v *visit) error {
	d, err := p.open(v)
	if err != nil {
		return err
	}
	position, err := strconv.ParseUint(v.r.PathValue("position"), 10, 64)
	if err != nil {
		return view.ErrNotFound
	}
	known := d.Package.SHA256 != "" && position == d.Package.Position
	for _, h := range d.History {
		known = known || h.Position == position
	}
	if !known {
		return view.ErrNotFound
	}
	receipt, err := p.cfg.Node.Receipt(v.ctx(), position)
	if errors.Is(err, view.ErrNotFound) {
		return view.ErrNotFound
	}
	if err != nil {
		return err
	}
	p.opened(v, "receipt", d, "position", position)
	downloadHeaders(v, "text/plain; charset=utf-8", fmt.Sprintf("%s-%d.tlog-proof", plainNumber(d.Row), position))
	v.w.Header().Set("Content-Length", strconv.Itoa(len(receipt)))
	if v.r.Method != http.MethodHead {
		v.w.Write(receipt)
	}
	return nil
}
