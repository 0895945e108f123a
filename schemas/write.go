package schemas

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// File is an attachment to be written.
type File struct {
	Name        string // original file name
	ContentID   string // without "cid:"; "" for its number, from 1
	ContentType string // of the file itself, "" for application/octet-stream
	Description string
	Raw         bool // write the file as it is; otherwise in a zip, as the national SDK does
	// Open is called once, when the file's turn comes. Its content is streamed.
	Open func() (io.ReadCloser, error)
}

// FileBytes is a File in memory.
func FileBytes(name, contentType string, content []byte) File {
	return File{Name: name, ContentType: contentType, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// WriteOptions hold what writing needs from outside, so that the same input gives the same bytes.
type WriteOptions struct {
	// Time dates the sender's trace header and the files in zips. It must be set.
	Time time.Time
	// Steering says how SteeringType is counted where Steering.Raw is empty.
	Steering SteeringProfile
}

// WriteDocument writes a document in exactly the national SDK's form: its element order, the prefix edXML on the envelope
// and all inside it, none on the attachments. The document is not signed yet: see Layout. Fields that are empty are
// written as empty elements where the form has them always; numbers default to 0. Memory does not grow with the files.
func WriteDocument(w io.Writer, d *Document, files []File, o WriteOptions) (Layout, error) {
	if o.Time.IsZero() {
		return Layout{}, errors.New("couldn't write document: no time given")
	}
	if err := checkFiles(files); err != nil {
		return Layout{}, err
	}
	x := newXMLWriter(w)
	x.raw(`<edXML xmlns="` + NamespaceEdXML + `" xmlns:edXML="` + NamespaceEdXML + `" xmlns:xlink="` + NamespaceXLink + `">`)
	x.raw("<edXML:edXMLEnvelope><edXML:edXMLHeader><edXML:MessageHeader>")
	x.messageHeader(d, o)
	x.raw("</edXML:MessageHeader>")
	x.traceHeaderList(d, o)
	x.signatureHere()
	x.raw("</edXML:edXMLHeader><edXML:edXMLBody>")
	x.manifest(files)
	x.raw("</edXML:edXMLBody></edXML:edXMLEnvelope>")
	if len(files) > 0 {
		x.raw("<AttachmentEncoded>")
		for i := range files {
			x.attachment(&files[i], i, o)
		}
		x.raw("</AttachmentEncoded>")
	}
	x.raw("</edXML>")
	return x.end()
}

// MarshalDocument is WriteDocument into memory.
func MarshalDocument(d *Document, files []File, o WriteOptions) ([]byte, Layout, error) {
	var b bytes.Buffer
	l, err := WriteDocument(&b, d, files, o)
	return b.Bytes(), l, err
}

// WriteStatus writes a status message in exactly the national SDK's form, unsigned.
func WriteStatus(w io.Writer, s *Status) (Layout, error) {
	x := newXMLWriter(w)
	x.raw(`<edXML xmlns="` + NamespaceEdXML + `" xmlns:edXML="` + NamespaceEdXML + `">`)
	x.raw("<edXML:edXMLEnvelope><edXML:edXMLHeader><edXML:MessageHeader>")
	x.organisation("edXML:From", &s.From)
	x.raw("<edXML:ResponseFor>")
	x.text("edXML:OrganId", s.ResponseFor.OrganID)
	x.text("edXML:Code", s.ResponseFor.Code)
	x.text("edXML:PromulgationDate", s.ResponseFor.PromulgationDate.String())
	x.text("edXML:DocumentId", s.ResponseFor.DocumentID)
	x.raw("</edXML:ResponseFor><edXML:StaffInfo>")
	x.text("edXML:Department", s.Staff.Department)
	x.text("edXML:Staff", s.Staff.Name)
	x.text("edXML:Mobile", s.Staff.Mobile)
	x.text("edXML:Email", s.Staff.Email)
	x.raw("</edXML:StaffInfo>")
	x.text("edXML:StatusCode", string(s.Code))
	x.text("edXML:Description", s.Description)
	timestamp := s.TimestampRaw
	if timestamp == "" && !s.Timestamp.IsZero() {
		timestamp = FormatTimestamp(s.Timestamp)
	}
	x.text("edXML:Timestamp", timestamp)
	x.raw("</edXML:MessageHeader>")
	x.signatureHere()
	x.raw("</edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>")
	return x.end()
}

// MarshalStatus is WriteStatus into memory.
func MarshalStatus(s *Status) ([]byte, Layout, error) {
	var b bytes.Buffer
	l, err := WriteStatus(&b, s)
	return b.Bytes(), l, err
}

func checkFiles(files []File) error {
	seen := map[string]bool{}
	for i := range files {
		f := &files[i]
		if why := fileNameFault(f.Name); why != "" {
			return fmt.Errorf("couldn't write attachment %q: it %s", f.Name, why)
		}
		id := f.cid(i)
		if seen[id] {
			return fmt.Errorf("couldn't write attachment %q: content id %q is used twice", f.Name, id)
		}
		seen[id] = true
	}
	return nil
}

func (f *File) cid(i int) string {
	if f.ContentID != "" {
		return contentID(f.ContentID)
	}
	return strconv.Itoa(i + 1)
}

func (f *File) mediaType() string {
	if !f.Raw {
		return "application/zip"
	}
	return first(f.ContentType, "application/octet-stream")
}

func (x *xmlWriter) organisation(name string, o *Organisation) {
	x.open(name)
	x.text("edXML:OrganId", o.ID)
	x.text("edXML:OrganizationInCharge", o.InCharge)
	x.text("edXML:OrganName", o.Name)
	x.text("edXML:OrganAdd", o.Address)
	x.text("edXML:Email", o.Email)
	x.text("edXML:Telephone", o.Telephone)
	x.text("edXML:Fax", o.Fax)
	x.text("edXML:Website", o.Website)
	x.close(name)
}

func (x *xmlWriter) messageHeader(d *Document, o WriteOptions) {
	x.organisation("edXML:From", &d.From)
	for i := range d.To {
		x.organisation("edXML:To", &d.To[i])
	}
	id := d.DocumentID
	if id == "" {
		id = d.From.ID + "," + d.Promulgation.Date.String() + "," + d.Code.String()
	}
	x.text("edXML:DocumentId", id)
	x.raw("<edXML:Code>")
	x.text("edXML:CodeNumber", d.Code.Number)
	x.text("edXML:CodeNotation", d.Code.Notation)
	x.raw("</edXML:Code><edXML:PromulgationInfo>")
	x.text("edXML:Place", d.Promulgation.Place)
	x.text("edXML:PromulgationDate", d.Promulgation.Date.String())
	x.raw("</edXML:PromulgationInfo><edXML:DocumentType>")
	t, detail := d.Type.Type, d.Type.Detail
	if e := FindDocumentType(d.Type.Name, GroupAdministrative); t == "" && e != nil {
		t, detail = strconv.Itoa(e.Group), strconv.Itoa(e.Number)
	}
	x.text("edXML:Type", first(t, strconv.Itoa(GroupAdministrative)))
	x.optional("edXML:TypeDetail", detail)
	x.text("edXML:TypeName", d.Type.Name)
	x.raw("</edXML:DocumentType>")
	x.text("edXML:Subject", d.Subject)
	x.text("edXML:Content", d.Content)
	x.raw("<edXML:SignerInfo>")
	x.text("edXML:Competence", d.Signer.Competence)
	x.text("edXML:Position", d.Signer.Position)
	x.text("edXML:FullName", d.Signer.FullName)
	x.raw("</edXML:SignerInfo>")
	x.optional("edXML:DueDate", d.DueDate.String())
	x.otherInfo(&d.Other)
	x.raw("<edXML:ToPlaces>")
	for _, p := range d.ToPlaces {
		x.text("edXML:Place", p)
	}
	x.raw("</edXML:ToPlaces>")
	for i := range d.ResponseFor {
		r := &d.ResponseFor[i]
		x.raw("<edXML:ResponseFor>")
		x.text("edXML:OrganId", r.OrganID)
		x.text("edXML:Code", r.Code)
		x.text("edXML:DocumentId", r.DocumentID)
		x.text("edXML:PromulgationDate", r.PromulgationDate.String())
		x.raw("</edXML:ResponseFor>")
	}
	x.text("edXML:SteeringType", first(d.Steering.Raw, o.Steering.code(d.Steering.Meaning)))
	if len(d.TaskCodes) > 0 {
		x.raw("<edXML:ResponseForTask>")
		for _, c := range d.TaskCodes {
			x.text("edXML:TaskCode", c)
		}
		x.raw("</edXML:ResponseForTask>")
	}
	x.optional("edXML:ApplicationType", d.ApplicationType)
}

func (x *xmlWriter) otherInfo(o *OtherInfo) {
	x.raw("<edXML:OtherInfo>")
	x.text("edXML:Priority", first(o.PriorityRaw, strconv.Itoa(int(o.Priority))))
	x.text("edXML:SphereOfPromulgation", o.SphereOfPromulgation)
	x.text("edXML:TyperNotation", o.TyperNotation)
	x.text("edXML:PromulgationAmount", first(o.PromulgationAmount, "0"))
	x.text("edXML:PageAmount", first(o.PageAmount, "0"))
	x.optional("edXML:ReplyFors", o.ReplyFors)
	x.text("edXML:Direction", first(o.Direction, "false"))
	x.optional("edXML:ReferenceCodes", o.ReferenceCodes)
	x.raw("<edXML:Appendixes>")
	for _, a := range o.Appendixes {
		x.text("edXML:Appendix", a)
	}
	x.raw("</edXML:Appendixes></edXML:OtherInfo>")
}

func (x *xmlWriter) traceHeaderList(d *Document, o WriteOptions) {
	x.raw("<edXML:TraceHeaderList>")
	headers := d.Trace.Headers
	if len(headers) == 0 {
		headers = []TraceHeader{{OrganID: d.From.ID, Timestamp: FormatTimestamp(o.Time)}}
	}
	for _, h := range headers {
		x.raw("<edXML:TraceHeader>")
		x.text("edXML:OrganId", h.OrganID)
		x.text("edXML:Timestamp", h.Timestamp)
		x.raw("</edXML:TraceHeader>")
	}
	x.business(&d.Business)
	x.raw("</edXML:TraceHeaderList>")
}

func (x *xmlWriter) business(b *Business) {
	x.raw("<edXML:Bussiness>")
	x.optional("edXML:DocumentId", b.DocumentID)
	x.text("edXML:BussinessDocType", strconv.Itoa(int(b.Type)))
	x.text("edXML:BussinessDocReason", b.Reason)
	x.text("edXML:Paper", first(b.Paper, "0"))
	for _, u := range b.Updates {
		x.raw("<edXML:BussinessDocumentInfo>")
		x.text("edXML:DocumentInfo", flagText(u.Content))
		x.text("edXML:DocumentReceiver", flagText(u.Recipients))
		if len(u.Receivers) > 0 {
			x.raw("<edXML:ReceiverList>")
			for _, r := range u.Receivers {
				x.raw("<edXML:Receiver>")
				x.text("edXML:OrganId", r.OrganID)
				x.text("edXML:ReceiverType", flagText(r.Added))
				x.raw("</edXML:Receiver>")
			}
			x.raw("</edXML:ReceiverList>")
		}
		x.raw("</edXML:BussinessDocumentInfo>")
	}
	if len(b.Replacements) > 0 {
		x.raw("<edXML:ReplacementInfoList>")
		for _, r := range b.Replacements {
			x.raw("<edXML:ReplacementInfo>")
			x.text("edXML:DocumentId", r.DocumentID)
			if len(r.OrganIDs) > 0 {
				x.raw("<edXML:OrganIdList>")
				for _, id := range r.OrganIDs {
					x.text("edXML:OrganId", id)
				}
				x.raw("</edXML:OrganIdList>")
			}
			x.raw("</edXML:ReplacementInfo>")
		}
		x.raw("</edXML:ReplacementInfoList>")
	}
	for _, s := range b.Staff {
		x.raw("<edXML:StaffInfo>")
		x.text("edXML:Department", s.Department)
		x.optional("edXML:DepartmentId", s.DepartmentID)
		x.text("edXML:Staff", s.Name)
		x.optional("edXML:StaffId", s.ID)
		x.text("edXML:Email", s.Email)
		x.text("edXML:Mobile", s.Mobile)
		x.raw("</edXML:StaffInfo>")
	}
	x.raw("</edXML:Bussiness>")
}

func flagText(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (x *xmlWriter) manifest(files []File) {
	x.raw(`<edXML:edXMLManifest version="1.0">`)
	for i := range files {
		f := &files[i]
		cid := "cid:" + f.cid(i)
		x.open("edXML:Reference", "xlink:href", cid)
		x.text("edXML:ContentId", cid)
		x.text("edXML:ContentType", f.mediaType())
		x.text("edXML:Description", f.Description)
		x.text("edXML:AttachmentName", f.Name)
		x.close("edXML:Reference")
	}
	x.raw("</edXML:edXMLManifest>")
}

func (x *xmlWriter) attachment(f *File, i int, o WriteOptions) {
	x.raw("<Attachment>")
	x.text("ContentId", "cid:"+f.cid(i))
	x.text("AttachmentName", f.Name)
	x.text("Description", f.Description)
	x.text("ContentType", f.mediaType())
	x.raw("<edXML:ContentTransferEncoded>")
	x.content(f, o.Time)
	x.raw("</edXML:ContentTransferEncoded></Attachment>")
}

// content streams a file into the open element, in base64 without line breaks.
func (x *xmlWriter) content(f *File, modified time.Time) {
	if x.err != nil {
		return
	}
	if err := writeContent(x, f, modified); err != nil && x.err == nil {
		x.err = fmt.Errorf("couldn't write attachment %q: %w", f.Name, err)
	}
}

func writeContent(w io.Writer, f *File, modified time.Time) error {
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	enc := base64.NewEncoder(base64.StdEncoding, w)
	if f.Raw {
		if _, err := io.Copy(enc, src); err != nil {
			return err
		}
		return enc.Close()
	}
	z := zip.NewWriter(enc)
	entry, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: modified.In(hanoi)})
	if err != nil {
		return err
	}
	if _, err := io.Copy(entry, src); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return enc.Close()
}
