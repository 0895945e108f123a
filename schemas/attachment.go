package schemas

import (
	"fmt"
	"io"
	"strings"
)

// Encoding says what the base64 text of an attachment holds.
type Encoding string

// Encodings, found by looking at the bytes, not at ContentType.
const (
	EncodingRaw Encoding = "raw" // the file itself
	EncodingZip Encoding = "zip" // the file in a zip archive, as the national SDK sends it
)

// Attachment is a file inside a package: a range of it, never a copy.
type Attachment struct {
	Name        string // AttachmentName: the original file name, checked to be a plain name
	ContentID   string // without "cid:"
	ContentType string // as written; of the zip where the SDK wrapped the file
	Description string
	Encoding    Encoding
	Text        Range // of the base64 text in the package, with any markup between its pieces
	RawSize     int64 // decoded, still packed if Encoding is zip
	Size        int64 // of the file as Open gives it, by the zip's own word where packed
	// Entries are the files in the archive if Encoding is zip: one, as the SDK writes it. With several, which some senders
	// do, Open gives the archive as it is, and OpenEntry each of them.
	Entries []Entry

	raw Source
}

// Entry is one file of a zip archive.
type Entry struct {
	Name string
	Size int64 // unpacked, by the archive's own word; reading enforces it

	packed, header int64
	method         uint16
	crc            uint32
	dir            bool
}

// Raw is the decoded base64 content, still packed if Encoding is zip. Reads decode from the package as they go.
func (a *Attachment) Raw() Source { return a.raw }

// Open gives the file, unpacked where the sender wrapped it in a zip. It streams in constant memory, and fails rather
// than give more bytes than the archive's directory said (see Limits). The caller closes it.
func (a *Attachment) Open() (io.ReadCloser, error) {
	if a.raw == nil {
		return nil, fmt.Errorf("couldn't open attachment %q: it belongs to no package", a.Name)
	}
	if a.Encoding == EncodingZip && len(a.Entries) == 1 {
		return openEntry(a.raw, a.Entries[0])
	}
	return io.NopCloser(io.NewSectionReader(a.raw, 0, a.raw.Size())), nil
}

// OpenEntry gives the i-th of Entries. The caller closes it.
func (a *Attachment) OpenEntry(i int) (io.ReadCloser, error) {
	if a.raw == nil || i < 0 || i >= len(a.Entries) {
		return nil, fmt.Errorf("couldn't open entry %d of attachment %q: it has %d", i, a.Name, len(a.Entries))
	}
	return openEntry(a.raw, a.Entries[i])
}

// manifestRef is a Reference of the manifest; attachmentDraft an Attachment as it was read. Their places are kept as
// numbers, since a path is only needed when something is wrong.
type manifestRef struct {
	number                                          int
	contentID, href, contentType, description, name string
}

func (m *manifestRef) path() string { return indexed(manifestPath+"/Reference", m.number-1) }

type attachmentDraft struct {
	list, number                              int
	contentID, name, description, contentType string
	encoded                                   *encoded
}

func (d *attachmentDraft) path() string {
	return indexed(indexed(encodedPath, d.list-1)+"/Attachment", d.number-1)
}

func (d *attachmentDraft) contentPath() string { return d.path() + "/ContentTransferEncoded" }

// contentID cuts the "cid:" that some senders leave out on one side.
func contentID(s string) string {
	if len(s) >= 4 && strings.EqualFold(s[:4], "cid:") {
		return s[4:]
	}
	return s
}

// draft finds the attachment of a content id: the first of that name.
func (m *message) draft(id string) *attachmentDraft {
	for i := range m.attachments {
		if m.attachments[i].contentID == id {
			return &m.attachments[i]
		}
	}
	return nil
}

// reference finds the first reference to a content id.
func (m *message) reference(id string) *manifestRef {
	for i := range m.refs {
		if m.refs[i].contentID == id {
			return &m.refs[i]
		}
	}
	return nil
}

// attachments matches manifest and attachments and looks into them.
func (r *reader) attachments() error {
	m := &r.msg
	if len(m.attachments) == 1 && len(m.refs) == 1 && m.attachments[0].contentID == "" { // nothing to mix up
		m.attachments[0].contentID = m.refs[0].contentID
	}
	for i := range m.refs {
		ref := &m.refs[i]
		if m.reference(ref.contentID) != ref {
			r.problem(AttachmentDuplicate, ref.path()+"/ContentId", ref.contentID, "two references with one content id")
			continue
		}
		a := m.draft(ref.contentID)
		if a == nil {
			r.problem(AttachmentMissing, ref.path(), ref.contentID, "the manifest names an attachment that is not in the package")
			continue
		}
		if err := r.attachment(a, ref); err != nil {
			return err
		}
	}
	for i := range m.attachments {
		a := &m.attachments[i]
		switch {
		case m.draft(a.contentID) != a:
			r.problem(AttachmentDuplicate, a.path()+"/ContentId", a.contentID, "two attachments with one content id")
		case m.reference(a.contentID) != nil:
		case len(m.refs) > 0:
			r.problem(AttachmentUnlisted, a.path(), a.contentID, "the manifest does not name this attachment")
		default:
			r.warn("manifest-missing", a.path(), "package has attachments and no manifest")
			if err := r.attachment(a, &manifestRef{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) attachment(d *attachmentDraft, ref *manifestRef) error {
	a := Attachment{Name: first(d.name, ref.name), ContentID: d.contentID, ContentType: first(d.contentType, ref.contentType),
		Description: first(d.description, ref.description)}
	if a.Name == "" {
		r.problem(MissingField, d.path()+"/AttachmentName", "", "required field is missing")
	} else if why := fileNameFault(a.Name); why != "" {
		r.problem(AttachmentName, d.path()+"/AttachmentName", a.Name, "attachment %s", why)
	}
	if ref.name != "" && ref.name != a.Name {
		r.warn("attachment-name-differs", d.path(), "manifest has another name for this attachment")
	}
	if d.encoded == nil {
		r.problem(MissingField, d.path()+"/ContentTransferEncoded", "", "required field is missing")
		return nil
	}
	if !r.fill(&a, d.encoded, d.contentPath) {
		return nil
	}
	if err := r.unwrap(&a, d); err != nil {
		return err
	}
	r.pkg.Attachments = append(r.pkg.Attachments, a)
	return nil
}

// fill gives an attachment its content. It returns false after noting a problem.
func (r *reader) fill(a *Attachment, e *encoded, path func() string) bool {
	if e.reason != "" {
		r.problem(AttachmentBase64, path(), "", "%s", e.reason)
		if n := len(r.problems); n > 0 && r.problems[n-1].Code == AttachmentBase64 {
			r.problems[n-1].Offset = e.bad
		}
		return false
	}
	a.Encoding, a.Text, a.RawSize = EncodingRaw, e.span(), e.size()
	a.Size = a.RawSize
	a.raw = &decodedSource{src: r.src.Source, e: e}
	return true
}

// zipFormats are files that are zip archives themselves: of these, only one inside another archive is wrapped.
var zipFormats = map[string]bool{"zip": true, "docx": true, "docm": true, "dotx": true, "xlsx": true, "xlsm": true, "xltx": true,
	"pptx": true, "pptm": true, "ppsx": true, "odt": true, "ods": true, "odp": true, "odg": true, "epub": true, "jar": true,
	"vsdx": true, "asice": true, "asics": true, "sce": true, "scs": true, "kmz": true, "3mf": true, "apk": true}

func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}

// unwrap looks into an attachment that starts as a zip archive. Archives are judged even where the file is meant to be
// one (a .docx, a .zip), because a recipient will open it.
func (r *reader) unwrap(a *Attachment, d *attachmentDraft) error {
	if !d.encoded.looksZipped() {
		if a.ContentType == "application/zip" && extension(a.Name) != "zip" {
			r.warn("attachment-not-zipped", d.path(), "content type says application/zip, content is not a zip archive")
		}
		return nil
	}
	entries, bad, err := readZip(a.raw, r.opts.Limits)
	if err != nil {
		return err
	}
	if bad == nil && len(entries) == 1 {
		_, bad, err = entryData(a.raw, entries[0])
		if err != nil {
			return err
		}
		if bad == nil && entries[0].header != 0 {
			bad = zipBad("archive has something before its only entry")
		}
	}
	if bad != nil {
		r.problem(bad.code, d.path()+"/ContentTransferEncoded", bad.value, "%s", bad.detail)
		return nil
	}
	own := extension(a.Name)
	if zipFormats[own] && (len(entries) != 1 || extension(entries[0].Name) != own) {
		return nil // the file is an archive by itself
	}
	if len(entries) == 0 {
		r.problem(AttachmentZip, d.path()+"/ContentTransferEncoded", "", "archive holds no file")
		return nil
	}
	a.Encoding, a.Entries = EncodingZip, entries
	if len(entries) == 1 {
		a.Size = entries[0].Size
		if entries[0].Name != a.Name {
			r.warn("attachment-entry-name", d.path(), "the file in the archive has another name than the attachment")
		}
	} else {
		r.warn("attachment-several-entries", d.path(), "archive holds %d files, the national SDK puts one", len(entries))
	}
	return nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
