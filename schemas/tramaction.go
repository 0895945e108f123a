package schemas

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

const actionPath = "/Package/Body/DossierAction"

// ownID is the form of ids that an agency chooses, as the schema has it for all but the account in the header.
func ownID(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

func (f fields) action() {
	p := actionPath
	f[p+"/Target"] = binding{set: func(r *reader, v string) { r.tram.action.Target = ActTarget{TargetKind(r.attr("kind")), v} }}
	f[p+"/Seen"] = binding{set: func(r *reader, v string) {
		n, _ := strconv.ParseUint(v, 10, 64) // at most 15 digits by the schema
		r.tram.action.Seen = &n
	}}
	f.text(p+"/For", func(t *tramDraft) *string { return &t.action.For })
	for _, a := range actForms() {
		a.bind(f)
	}
	p += "/File"
	file := func(t *tramDraft) *ActFile { return &t.action.Files[len(t.action.Files)-1] }
	f[p] = binding{many: true, open: func(r *reader, _ *xmlstream.Token) {
		if t := &r.tram; r.room(len(t.action.Files), MaxActionFiles) {
			t.action.Files, t.contents = append(t.action.Files, ActFile{}), append(t.contents, nil)
		}
	}}
	f.text(p+"/Name", func(t *tramDraft) *string { return &file(t).Name })
	f.text(p+"/ContentType", func(t *tramDraft) *string { return &file(t).ContentType })
	f.text(p+"/Description", func(t *tramDraft) *string { return &file(t).Description })
	f.digest(p+"/SHA256", func(t *tramDraft, d [32]byte) { file(t).SHA256 = d })
	f[p+"/Content"] = binding{content: func(r *reader, e *encoded) { r.tram.contents[len(r.tram.contents)-1] = e }}
}

// actOpener begins an act.
func actOpener[T Act](r *reader, _ *xmlstream.Token) { r.tram.act = new(T) }

// finishAction judges what the schema cannot say of an act.
func (r *reader) finishAction() {
	a := r.tram.action
	h := &r.tram.header
	r.identifier(packagePath+"/From", h.From, true)
	account := packagePath + "/Person/Account"
	if r.required(account, h.Person.Account) && !ownID(h.Person.Account) {
		r.problem(BadIdentifier, account, h.Person.Account, "account is not the id of a person: 1 to 64 of a-z, 0-9 and -")
	}
	for _, f := range actForms() {
		if f.name != a.Act.Name() {
			continue
		}
		if !slices.Contains(f.on, a.Target.Kind) {
			r.problem(BadCode, actionPath+"/Target/@kind", string(a.Target.Kind), "%s is no act on this kind of target", f.name)
		}
		if len(a.Files) > 0 && !f.files {
			r.problem(AttachmentUnlisted, actionPath+"/File[1]", "", "%s carries no file", f.name)
		}
		f.judge(r, actionPath+"/"+f.name, a.Act)
	}
	for i := range a.Files {
		f := &a.Files[i]
		path := indexed(actionPath+"/File", i)
		if why := fileNameFault(f.Name); why != "" {
			r.problem(AttachmentName, path+"/Name", f.Name, "file %s", why)
		}
		r.secret(max(SecrecyOfText(f.Description), SecrecyOfText(fileWords(f.Name)), SecrecyOfText(f.ContentType)), path)
	}
	r.pkg.Action = &a
}

// actionFiles makes the files readable and compares them with their digests. They are carried as they are, and never unwrapped;
// archives are judged all the same, since a recipient will open them.
func (r *reader) actionFiles() error {
	a := r.pkg.Action
	if a == nil {
		return nil
	}
	for i := range a.Files {
		f := &a.Files[i]
		path := indexed(actionPath+"/File", i)
		content := r.tram.contents[i]
		at := Attachment{Name: f.Name, ContentID: strconv.Itoa(i + 1), ContentType: f.ContentType, Description: f.Description}
		if !r.fill(&at, content, func() string { return path + "/Content" }) {
			continue
		}
		f.Size = at.Size
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(at.raw, 0, at.RawSize)); err != nil {
			return fmt.Errorf("couldn't hash file of an act: %w", err)
		}
		if [32]byte(h.Sum(nil)) != f.SHA256 {
			r.problem(AttachmentDigest, path+"/SHA256", "", "the file has another SHA-256: %x", h.Sum(nil))
			continue
		}
		if content.looksZipped() {
			_, bad, err := readZip(at.raw, r.opts.Limits)
			if err != nil {
				return err
			}
			if bad != nil {
				r.problem(bad.code, path+"/Content", bad.value, "%s", bad.detail)
				continue
			}
		}
		r.pkg.Attachments = append(r.pkg.Attachments, at)
	}
	return nil
}

// ActFiles describes files as an act names them. Each is opened once, to hash it.
func ActFiles(files []File) ([]ActFile, error) {
	var all []ActFile
	for i := range files {
		f := &files[i]
		h := sha256.New()
		src, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("couldn't open file %q: %w", f.Name, err)
		}
		n, err := io.Copy(h, src)
		src.Close()
		if err != nil {
			return nil, fmt.Errorf("couldn't hash file %q: %w", f.Name, err)
		}
		all = append(all, ActFile{Name: f.Name, ContentType: f.ContentType, Description: f.Description, SHA256: [32]byte(h.Sum(nil)), Size: n})
	}
	return all, nil
}

// WriteDossierAction writes an act, unsigned: see Layout. The header's Kind is set by it. files[i] is the content of a.Files[i];
// it is streamed, always as it is, and must have the digest said. With a.Files empty, they are described by ActFiles first, for
// which each is opened twice. Memory does not grow with the files.
func WriteDossierAction(w io.Writer, h Header, a DossierAction, files []File) (Layout, error) {
	if len(a.Files) == 0 && len(files) > 0 {
		var err error
		if a.Files, err = ActFiles(files); err != nil {
			return Layout{}, fmt.Errorf("couldn't write dossier action: %w", err)
		}
	}
	if len(a.Files) != len(files) || len(files) > MaxActionFiles {
		return Layout{}, fmt.Errorf("couldn't write dossier action: it names %d files and carries %d, of at most %d", len(a.Files), len(files), MaxActionFiles)
	}
	if a.Act == nil {
		return Layout{}, errors.New("couldn't write dossier action: it has no act")
	}
	x := newXMLWriter(w)
	x.tramHeader(h, "DossierAction")
	x.raw(`<Body Id="body"><DossierAction>`)
	x.text("Target", a.Target.ID, "kind", string(a.Target.Kind))
	if a.Seen != nil {
		x.text("Seen", strconv.FormatUint(*a.Seen, 10))
	}
	x.optional("For", a.For)
	if !slices.ContainsFunc(actForms(), func(f actForm) bool { return f.write(x, a.Act) }) {
		return Layout{}, fmt.Errorf("couldn't write dossier action: unknown act %T", a.Act)
	}
	for i := range files {
		if err := x.actFile(&a.Files[i], files[i]); err != nil {
			return Layout{}, fmt.Errorf("couldn't write dossier action: file %q: %w", a.Files[i].Name, err)
		}
	}
	x.raw("</DossierAction></Body></Package>")
	return x.end()
}

func (x *xmlWriter) actFile(f *ActFile, content File) error {
	if why := fileNameFault(f.Name); why != "" {
		return fmt.Errorf("it %s", why)
	}
	x.raw("<File>")
	x.text("Name", f.Name)
	x.optional("ContentType", f.ContentType)
	x.optional("Description", f.Description)
	x.digest("SHA256", f.SHA256)
	x.raw("<Content>")
	src, err := content.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	sum := sha256.New()
	read := io.NopCloser(io.TeeReader(src, sum))
	if err := writeContent(x, &File{Name: f.Name, Raw: true, Open: func() (io.ReadCloser, error) { return read, nil }}, time.Time{}); err != nil {
		return err
	}
	if [32]byte(sum.Sum(nil)) != f.SHA256 {
		return errors.New("content has another SHA-256 than was said")
	}
	x.raw("</Content></File>")
	return nil
}

// MarshalDossierAction is WriteDossierAction into memory.
func MarshalDossierAction(h Header, a DossierAction, files []File) ([]byte, Layout, error) {
	var b bytes.Buffer
	l, err := WriteDossierAction(&b, h, a, files)
	return b.Bytes(), l, err
}
