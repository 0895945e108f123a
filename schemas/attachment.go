package schemas

import "io"

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
	Text        Range // of the base64 text in the package
	RawSize     int64 // decoded, still packed if Encoding is zip
	Size        int64 // of the file as Open gives it, by the zip's own word where packed
	Entries     []Entry

	raw    Source
	limits Limits
}

// Entry is one file of a zip archive.
type Entry struct {
	Name string
	Size int64 // unpacked, by the archive's own word; Open enforces it
}

// Raw is the decoded base64 content, still packed if Encoding is zip. Reads decode from the package as they go.
func (a *Attachment) Raw() Source { return a.raw }

var _ io.ReaderAt = Source(nil)
