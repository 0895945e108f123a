package portal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/schemas"
)

// Files that come with a form are streamed to a spool while they arrive. They stay there, for the person and the form, until the act
// is done: a refused form need not be given its files again. A file of the spool has no name and is encrypted under a key that lives
// in memory only.

const (
	uploadMost  = 100 << 20 // bytes of all files of one form
	uploadForm  = 1 << 20   // bytes of its other fields, and of what holds it together
	uploadField = 256 << 10 // bytes of one other field
	uploadFiles = 20        // files of one form
	uploadTime  = 15 * time.Minute
	uploadsLive = 4 // forms with files that arrive at once
	holdLife    = time.Hour
	holdsMost   = 64      // forms whose files are kept
	holdBytes   = 1 << 30 // bytes of all of them
)

// heldFile is a file that came with a form.
type heldFile struct {
	Name        string // cleaned: no path, no control or direction signs
	ContentType string // one of the safe list, or plain bytes
	Size        int64
	sum         [32]byte
	at          *spooled
}

// Sum tells files apart on the page.
func (f heldFile) Sum() string { return fmt.Sprintf("%x", f.sum[:4]) }

// spooled is an unlinked file, encrypted with AES-CTR under its own random key; its SHA-256 is compared whenever it is read.
type spooled struct {
	f    *os.File
	key  [32]byte
	size int64
	sum  [32]byte
}

func (s *spooled) stream() (cipher.Stream, error) {
	block, err := aes.NewCipher(s.key[:])
	if err != nil {
		return nil, fmt.Errorf("couldn't make spool cipher: %w", err)
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize)), nil // the key is used for one stream
}

func (s *spooled) Close() error { return s.f.Close() }

// spoolFile takes one file in. errTooLarge when it is longer than most.
func spoolFile(dir string, r io.Reader, most int64) (s *spooled, err error) {
	f, err := os.CreateTemp(dir, "tram-portal-*.spool")
	if err != nil {
		return nil, fmt.Errorf("couldn't make spool file: %w", err)
	}
	s = &spooled{f: f}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("couldn't unlink spool file: %w", err)
	}
	rand.Read(s.key[:]) // never fails
	stream, err := s.stream()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, cipher.StreamWriter{S: stream, W: f}), io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, err
	case n > most:
		return nil, errTooLarge
	}
	s.size, s.sum = n, [32]byte(h.Sum(nil))
	return s, nil
}

var errTooLarge = errors.New("couldn't take file: it is too large")

// open reads the file from its beginning. Bytes that were changed on disk end in an error.
func (s *spooled) open() (io.ReadCloser, error) {
	stream, err := s.stream()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	r := io.TeeReader(cipher.StreamReader{S: stream, R: io.NewSectionReader(s.f, 0, s.size)}, h)
	return io.NopCloser(&checkedReader{r, func() error {
		if [32]byte(h.Sum(nil)) != s.sum {
			return errors.New("couldn't read spool: the file was changed on disk")
		}
		return nil
	}}), nil
}

type checkedReader struct {
	r     io.Reader
	check func() error
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == io.EOF {
		if bad := c.check(); bad != nil {
			return n, bad
		}
	}
	return n, err
}

// holds keeps the files of forms that were not done yet, by account and one-time id.
type holds struct {
	mu    sync.Mutex
	now   func() time.Time
	kept  map[string]*hold
	order []string
	bytes int64
	slots chan struct{}
}

type hold struct {
	files []heldFile
	since time.Time
	bytes int64
}

func newHolds(now func() time.Time) *holds {
	return &holds{now: now, kept: map[string]*hold{}, slots: make(chan struct{}, uploadsLive)}
}

// get gives the files of a form; they stay.
func (h *holds) get(key string) []heldFile {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tidy()
	if k := h.kept[key]; k != nil {
		return k.files
	}
	return nil
}

// put keeps files for a form, and lets the oldest go when there are too many.
func (h *holds) put(key string, files []heldFile) {
	if len(files) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(key, files)
	k := &hold{files: files, since: h.now()}
	for _, f := range files {
		k.bytes += f.Size
	}
	h.kept[key], h.order, h.bytes = k, append(h.order, key), h.bytes+k.bytes
	h.tidy()
}

// move gives the files of one form to another.
func (h *holds) move(from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := h.kept[from]; k != nil {
		h.order[slices.Index(h.order, from)] = to
		delete(h.kept, from)
		h.kept[to] = k
	}
}

// end lets the files of a form go.
func (h *holds) end(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(key, nil)
}

func (h *holds) tidy() {
	for len(h.order) > 0 {
		k := h.kept[h.order[0]]
		if len(h.order) <= holdsMost && h.bytes <= holdBytes && h.now().Sub(k.since) < holdLife {
			return
		}
		h.drop(h.order[0], nil)
	}
}

// drop closes what a form held, except what it is given again.
func (h *holds) drop(key string, except []heldFile) {
	k := h.kept[key]
	if k == nil {
		return
	}
	delete(h.kept, key)
	h.order = slices.DeleteFunc(h.order, func(o string) bool { return o == key })
	h.bytes -= k.bytes
	for _, f := range k.files {
		if !slices.ContainsFunc(except, func(e heldFile) bool { return e.at == f.at }) {
			f.at.Close()
		}
	}
}

// close lets everything go.
func (h *holds) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.order) > 0 {
		h.drop(h.order[0], nil)
	}
}

func (p *Portal) holdKey(v *visit) string { return v.account.ID + "/" + v.r.PostForm.Get("id") }

func (p *Portal) dropHeld(v *visit) {
	if len(v.held) > 0 {
		p.holds.end(p.holdKey(v))
	}
}

// filesOf are the files of the form, to be written into a package.
func (p *Portal) filesOf(v *visit) []schemas.File {
	var out []schemas.File
	for _, f := range v.held {
		out = append(out, schemas.File{Name: f.Name, ContentType: f.ContentType, Open: f.at.open})
	}
	return out
}

// readUpload reads a form with files: first its fields, of which the token is judged before a byte of a file is read, then the files.
func (p *Portal) readUpload(v *visit, judge func() error) error {
	select {
	case p.holds.slots <- struct{}{}:
		defer func() { <-p.holds.slots }()
	default:
		return fail(http.StatusServiceUnavailable)
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, uploadMost+uploadForm)
	control := http.NewResponseController(v.w)
	deadline := time.Now().Add(uploadTime)
	v.r.Body = &pacedBody{v.r.Body, func() {
		next := time.Now().Add(p.bodyTime)
		if next.After(deadline) {
			next = deadline
		}
		control.SetReadDeadline(next) // not supported by a test's recorder: then nothing is slow either
	}}
	v.r.PostForm = url.Values{}
	parts, err := v.r.MultipartReader()
	if err != nil {
		return fail(http.StatusBadRequest)
	}
	var arrived []heldFile
	discard := func() {
		for _, f := range arrived {
			f.at.Close()
		}
	}
	judged, fields, total := false, 0, int64(0)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			discard()
			return uploadProblem(err)
		}
		if part.FileName() == "" {
			body, err := io.ReadAll(io.LimitReader(part, uploadField+1))
			if err != nil {
				discard()
				return uploadProblem(err)
			}
			if fields += len(body); len(body) > uploadField || fields > uploadForm {
				discard()
				return fail(http.StatusRequestEntityTooLarge)
			}
			if part.FormName() != "files" { // a file field in which nothing was chosen
				v.r.PostForm.Add(part.FormName(), string(body))
			}
			continue
		}
		if !judged {
			if err := judge(); err != nil {
				return err
			}
			judged = true
		}
		if len(arrived) >= uploadFiles {
			discard()
			return &problem{status: http.StatusRequestEntityTooLarge, key: "error.files"}
		}
		at, err := spoolFile(p.cfg.Spool, part, uploadMost-total)
		if err != nil {
			discard()
			return uploadProblem(err)
		}
		name := uploadName(part.FileName())
		arrived = append(arrived, heldFile{Name: name, ContentType: uploadType(name, part.Header.Get("Content-Type")), Size: at.size, sum: at.sum, at: at})
		total += at.size
	}
	control.SetReadDeadline(time.Time{})
	if !judged {
		if err := judge(); err != nil {
			return err
		}
	}
	if !actID.MatchString(v.r.PostForm.Get("id")) {
		discard()
		return fail(http.StatusBadRequest)
	}
	// What came with this form before and was not taken away on the page comes first.
	var files []heldFile
	for _, f := range p.holds.get(p.holdKey(v)) {
		if slices.Contains(v.r.PostForm["held"], f.Sum()) {
			files = append(files, f)
		}
	}
	v.held, v.arrived = append(files, arrived...), arrived
	p.holds.put(p.holdKey(v), v.held)
	return nil
}

func uploadProblem(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, errTooLarge) {
		return &problem{status: http.StatusRequestEntityTooLarge, key: "error.files"}
	}
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return err // our disk, not the person's form
	}
	return fail(http.StatusBadRequest)
}

// pacedBody moves the time by which more must have arrived.
type pacedBody struct {
	io.ReadCloser
	pace func()
}

func (b *pacedBody) Read(p []byte) (int, error) {
	b.pace()
	return b.ReadCloser.Read(p)
}

// uploadName is the name of a file as it is signed: what stands after the last slash of either kind, cleaned like a download's.
func uploadName(claimed string) string {
	claimed = strings.ReplaceAll(claimed, `\`, "/")
	return downloadName(path.Base(claimed), "tep")
}

// uploadTypes by the ending of the name: the browser's word counts only where it agrees with the list.
var uploadTypes = map[string]string{".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".tif": "image/tiff", ".tiff": "image/tiff",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".doc": "application/msword", ".xls": "application/vnd.ms-excel",
	".odt": "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet", ".zip": "application/zip", ".txt": "text/plain", ".csv": "text/csv"}

func uploadType(name, claimed string) string {
	if t, ok := uploadTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return safeType(claimed)
}
