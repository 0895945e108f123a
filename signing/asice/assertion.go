package asice

import (
	"bytes"
	"context"
	"crypto"
	"crypto/subtle"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/signing"
)

const (
	namespace   = "http://uri.etsi.org/02918/v1.2.1#"
	dsNamespace = "http://www.w3.org/2000/09/xmldsig#"
	odfManifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
	tokenType   = "application/vnd.etsi.timestamp-token"

	maxManifest = 64 << 20 // bytes
	maxToken    = 1 << 20  // bytes
)

// Signable is the document that AddSignatures expects signed: an empty XAdESSignatures element (EN 319 162-1, clause
// 4.4.3.2), to be signed with an external reference for each data object (see External).
func Signable() []byte {
	return []byte(`<asic:XAdESSignatures xmlns:asic="` + namespace + `"></asic:XAdESSignatures>`)
}

// External are references to all data objects, in order, for signing.SignOptions.
func (b *Builder) External() []signing.ExternalContent {
	out := make([]signing.ExternalContent, len(b.objects))
	for i, o := range b.objects {
		out[i] = signing.ExternalContent{URI: o.Name, Source: o.src, ID: fmt.Sprintf("object-%d", i)}
	}
	return out
}

// AddSignatures puts a signed Signable document into the container, with the list of files that tools expect beside it.
func (b *Builder) AddSignatures(signed []byte) error {
	if err := b.AddMeta(ManifestName, "text/xml", b.list()); err != nil {
		return err
	}
	return b.AddMeta(SignaturesName, "text/xml", signed)
}

// list is the manifest in the form of OpenDocument. It proves nothing.
func (b *Builder) list() []byte {
	var w bytes.Buffer
	w.WriteString(xml.Header + `<manifest:manifest xmlns:manifest="` + odfManifest + `" manifest:version="1.2">` + "\n")
	row := func(name, typ string) {
		fmt.Fprintf(&w, `<manifest:file-entry manifest:full-path="%s" manifest:media-type="%s"/>`+"\n", attribute(name), attribute(typ))
	}
	row("/", MediaType)
	for _, o := range b.objects {
		row(o.Name, o.MediaType)
	}
	w.WriteString("</manifest:manifest>\n")
	return w.Bytes()
}

// CheckList compares the manifest in the form of OpenDocument, if there is one, with the data objects: it must list each of
// them once and nothing else. No signature covers it, and some tools show what it says.
func (c *Container) CheckList() error {
	if _, ok := c.Entry(ManifestName); !ok {
		return nil
	}
	b, err := c.Read(ManifestName, maxManifest)
	if err != nil {
		return err
	}
	var list struct {
		XMLName xml.Name
		Rows    []struct {
			Path string `xml:"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0 full-path,attr"`
			Type string `xml:"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0 media-type,attr"`
		} `xml:"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0 file-entry"`
	}
	if err := xml.Unmarshal(b, &list); err != nil {
		return refuse(BadContent, ManifestName, "%v", err)
	}
	want := append([]string{"/"}, c.Objects()...)
	got := make([]string, 0, len(list.Rows))
	for _, r := range list.Rows {
		got = append(got, r.Path)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return refuse(BadContent, ManifestName, "it lists %d files that are not the %d there are", len(got), len(want))
	}
	return nil
}

func attribute(s string) string {
	var w strings.Builder
	_ = xml.EscapeText(&w, []byte(s)) // a strings.Builder takes everything
	return w.String()
}

// Assert adds a time assertion instead of, or beside, signatures: an ASiCManifest with the digest of every data object, and
// the time-stamp that stamp gives over the manifest's bytes (EN 319 162-1, clause 4.4.4).
func (b *Builder) Assert(stamp func(manifest []byte) (token []byte, err error)) error {
	var w bytes.Buffer
	w.WriteString(xml.Header + `<asic:ASiCManifest xmlns:asic="` + namespace + `" xmlns:ds="` + dsNamespace + `">` + "\n")
	fmt.Fprintf(&w, `<asic:SigReference URI="%s" MimeType="%s"/>`+"\n", TokenName, tokenType)
	for _, o := range b.objects {
		fmt.Fprintf(&w, `<asic:DataObjectReference URI="%s" MimeType="%s"><ds:DigestMethod Algorithm="%s"/><ds:DigestValue>%s</ds:DigestValue></asic:DataObjectReference>`+"\n",
			attribute(o.Name), attribute(o.MediaType), signing.DigestSHA256, base64.StdEncoding.EncodeToString(o.SHA256[:]))
	}
	w.WriteString("</asic:ASiCManifest>\n")
	token, err := stamp(w.Bytes())
	if err != nil {
		return fmt.Errorf("couldn't stamp container: %w", err)
	}
	if err := b.AddMeta(AssertionName, "text/xml", w.Bytes()); err != nil {
		return err
	}
	return b.AddMeta(TokenName, tokenType, token)
}

// Reference is one data object as a manifest lists it.
type Reference struct {
	Name   string
	Hash   crypto.Hash
	Digest []byte
}

// Assertion is a manifest whose digests fit the container, with the signature or time-stamp that stands for it. What that
// is worth is for others to judge: a token must be over the bytes of Manifest.
type Assertion struct {
	Name       string // of the manifest
	Manifest   []byte
	Reference  string // entry with the time-stamp or signature
	Token      []byte // its bytes
	References []Reference
}

// Covers lists the data objects that the assertion does not cover.
func (a *Assertion) Uncovered(c *Container) []string {
	has := make(map[string]bool, len(a.References))
	for _, r := range a.References {
		has[r.Name] = true
	}
	var out []string
	for _, name := range c.Objects() {
		if !has[name] {
			out = append(out, name)
		}
	}
	return out
}

// Assertions reads every ASiCManifest of the container and compares its digests with the objects.
func (c *Container) Assertions(ctx context.Context) ([]Assertion, error) {
	var out []Assertion
	for _, e := range c.entries {
		if path.Dir(e.Name) != "META-INF" || !strings.HasPrefix(path.Base(e.Name), "ASiCManifest") || path.Ext(e.Name) != ".xml" {
			continue
		}
		a, err := c.assertion(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, *a)
	}
	return out, nil
}

func (c *Container) assertion(ctx context.Context, name string) (*Assertion, error) {
	b, err := c.Read(name, maxManifest)
	if err != nil {
		return nil, err
	}
	a := &Assertion{Name: name, Manifest: b}
	if err := a.parse(); err != nil {
		return nil, refuse(BadContent, name, "%v", err)
	}
	if a.Token, err = c.Read(a.Reference, maxToken); err != nil {
		return nil, err
	}
	for _, r := range a.References {
		sum, err := c.digest(ctx, r.Name, r.Hash)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(sum, r.Digest) != 1 {
			return nil, refuse(Mismatch, r.Name, "%x, the manifest says %x", sum, r.Digest)
		}
	}
	return a, nil
}

func (c *Container) digest(ctx context.Context, name string, hash crypto.Hash) ([]byte, error) {
	h := hash.New()
	err := c.Copy(name, func(p []byte) error {
		h.Write(p)
		return ctx.Err()
	})
	return h.Sum(nil), err
}

type manifestXML struct {
	XMLName   xml.Name `xml:"http://uri.etsi.org/02918/v1.2.1# ASiCManifest"`
	Signature []struct {
		URI string `xml:",attr"`
	} `xml:"http://uri.etsi.org/02918/v1.2.1# SigReference"`
	Objects []struct {
		URI    string `xml:",attr"`
		Method []struct {
			Algorithm string `xml:",attr"`
		} `xml:"http://www.w3.org/2000/09/xmldsig# DigestMethod"`
		Value []string `xml:"http://www.w3.org/2000/09/xmldsig# DigestValue"`
	} `xml:"http://uri.etsi.org/02918/v1.2.1# DataObjectReference"`
}

// parse reads the manifest. Its bytes are what counts and they are stamped or not; of two ways to read it each must find
// every object listed, so nothing may be listed twice.
func (a *Assertion) parse() error {
	var m manifestXML
	d := xml.NewDecoder(bytes.NewReader(a.Manifest))
	if err := d.Decode(&m); err != nil {
		return err
	}
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if c, ok := t.(xml.CharData); !ok || len(bytes.TrimSpace(c)) > 0 {
			return errors.New("something follows its root")
		}
	}
	if len(m.Signature) != 1 || len(m.Objects) == 0 {
		return fmt.Errorf("%d signatures or time-stamps and %d objects", len(m.Signature), len(m.Objects))
	}
	var err error
	if a.Reference, err = entryName(m.Signature[0].URI); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, o := range m.Objects {
		if len(o.Method) != 1 || len(o.Value) != 1 {
			return fmt.Errorf("object %q has not one digest", o.URI)
		}
		r := Reference{}
		if r.Name, err = entryName(o.URI); err != nil {
			return err
		}
		if seen[r.Name] {
			return fmt.Errorf("object %q is listed twice", r.Name)
		}
		seen[r.Name] = true
		var ok bool
		if r.Hash, ok = signing.DigestByURI(o.Method[0].Algorithm); !ok || r.Hash == crypto.SHA1 {
			return fmt.Errorf("object %q has digest algorithm %q", r.Name, o.Method[0].Algorithm)
		}
		if r.Digest, err = base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(o.Value[0]), "")); err != nil || len(r.Digest) != r.Hash.Size() {
			return fmt.Errorf("digest of object %q cannot be read", r.Name)
		}
		a.References = append(a.References, r)
	}
	return nil
}

// entryName is the name that a reference means: a relative path, percent-encoded where need be, counted from the root of
// the container.
func entryName(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return "", fmt.Errorf("reference %q is not to a file of the container", uri)
	}
	name := strings.TrimPrefix(u.Path, "/")
	if why := checkName(name); why != "" {
		return "", fmt.Errorf("reference %q is not to a file of the container: %s", uri, why)
	}
	return name, nil
}

// Detached resolves references of XAdES signatures in the container to its files, for signing.VerifyOptions. META-INF and
// mimetype are not data objects: a reference to one of them is not resolved.
func (c *Container) Detached(uri string) (signing.Source, bool) {
	name, err := entryName(uri)
	if err != nil || isMeta(name) || name == mimetypeName {
		return nil, false
	}
	return c.Source(name)
}

// Signatures are the names of the files with XAdES signatures (EN 319 162-1, clause 4.4.3.2).
func (c *Container) Signatures() []string {
	var out []string
	for _, e := range c.entries {
		if path.Dir(e.Name) == "META-INF" && strings.Contains(path.Base(e.Name), "signatures") && path.Ext(e.Name) == ".xml" {
			out = append(out, e.Name)
		}
	}
	return out
}

// Unsigned lists the data objects that no reference of the report covers with a fitting digest in a signature whose value
// fits. It must be empty: what nobody signed may have been put in by anybody.
func (c *Container) Unsigned(reports ...*signing.Report) []string {
	has := map[string]bool{}
	for _, rep := range reports {
		for _, sig := range rep.Signatures {
			if !sig.ValueOK {
				continue
			}
			for _, r := range sig.References {
				if name, err := entryName(r.URI); err == nil && r.OK && r.External {
					has[name] = true
				}
			}
		}
	}
	var out []string
	for _, name := range c.Objects() {
		if !has[name] {
			out = append(out, name)
		}
	}
	return out
}
