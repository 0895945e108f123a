package asice

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// Object is a file of a container that is being made.
type Object struct {
	Name      string
	MediaType string // for the manifests
	Size      int64
	SHA256    [32]byte

	crc uint32
	src signing.Source
}

// Builder makes a container: Add every data object, then AddSignature and the like over what was added, then WriteTo. It is
// for one goroutine. The sources must not change until the container is written; if one does, WriteTo says so.
type Builder struct {
	at      time.Time
	objects []Object // data objects
	meta    []Object // META-INF
	names   map[string]bool
}

// NewBuilder makes an empty container. All entries bear the time at (UTC, whole minutes): the same content at the same time
// gives the same bytes.
func NewBuilder(at time.Time) *Builder {
	return &Builder{at: at.UTC().Truncate(time.Minute), names: map[string]bool{}}
}

// Add reads a data object once and takes note of it. Its name must be plain ASCII outside META-INF.
func (b *Builder) Add(ctx context.Context, name, mediaType string, src signing.Source) error {
	if isMeta(name) || folded(name) == mimetypeName {
		return fmt.Errorf("couldn't add %q to container: the form keeps this name for itself", name)
	}
	o, err := b.object(ctx, name, mediaType, src)
	if err != nil {
		return err
	}
	b.objects = append(b.objects, o)
	return nil
}

// AddMeta adds a file to META-INF: signatures, manifests, time-stamps.
func (b *Builder) AddMeta(name, mediaType string, content []byte) error {
	if !strings.HasPrefix(name, metaDir) {
		return fmt.Errorf("couldn't add %q to container: expected a name in %s", name, metaDir)
	}
	o, err := b.object(context.Background(), name, mediaType, signing.BytesSource(content))
	if err != nil {
		return err
	}
	b.meta = append(b.meta, o)
	return nil
}

func (b *Builder) object(ctx context.Context, name, mediaType string, src signing.Source) (Object, error) {
	why := checkName(name)
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || c == '%' || c == '&' || c == '\'' {
			why = "it has a character that would have to be escaped in a reference"
		}
	}
	if why == "" && b.names[folded(name)] {
		why = "it stands already"
	}
	if why != "" {
		return Object{}, fmt.Errorf("couldn't add %q to container: %s", name, why)
	}
	o := Object{Name: name, MediaType: mediaType, Size: src.Size(), src: src}
	sum := sha256.New()
	n, err := o.copy(ctx, sum)
	if err == nil && n != o.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Object{}, fmt.Errorf("couldn't read %q for container: %w", name, err)
	}
	copy(o.SHA256[:], sum.Sum(nil))
	b.names[folded(name)] = true
	return o, nil
}

// copy writes the object to w and notes the checksum of what it wrote.
func (o *Object) copy(ctx context.Context, w io.Writer) (int64, error) {
	sum := crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(w, sum), &patient{ctx: ctx, r: io.NewSectionReader(o.src, 0, o.Size)})
	o.crc = sum.Sum32()
	return n, err
}

// patient reads until ctx ends.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// Objects are the data objects added so far, in order.
func (b *Builder) Objects() []Object { return append([]Object(nil), b.objects...) }

// Detached resolves references to the data objects by name, for signing and verifying over them.
func (b *Builder) Detached(uri string) (signing.Source, bool) {
	for i := range b.objects {
		if b.objects[i].Name == uri {
			return b.objects[i].src, true
		}
	}
	return nil, false
}

// all are the entries as they will stand, mimetype first and META-INF last.
func (b *Builder) all() []Object {
	typ := signing.BytesSource(MediaType)
	out := make([]Object, 0, 1+len(b.objects)+len(b.meta))
	out = append(out, Object{Name: mimetypeName, Size: typ.Size(), SHA256: sha256.Sum256(typ), crc: crc32.ChecksumIEEE(typ), src: typ})
	return append(append(out, b.objects...), b.meta...)
}

// Size is the number of bytes that WriteTo will write.
func (b *Builder) Size() int64 {
	n := int64(endSize)
	for _, o := range b.all() {
		n += localSize + centralSize + 2*int64(len(o.Name)) + o.Size
	}
	return n
}

// errChanged: a source gave other bytes than when it was added.
var errChanged = errors.New("its bytes have changed since it was added")

// WriteTo writes the container. It reads each source once more, in pieces.
func (b *Builder) WriteTo(ctx context.Context, w io.Writer) error {
	if size := b.Size(); size > maxSize {
		return fmt.Errorf("couldn't write container: %d bytes, limit %d", size, int64(maxSize))
	}
	z := zip.NewWriter(w)
	for _, o := range b.all() {
		if err := b.write(ctx, z, o); err != nil {
			return fmt.Errorf("couldn't write %q into container: %w", o.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("couldn't write container: %w", err)
	}
	return nil
}

func (b *Builder) write(ctx context.Context, z *zip.Writer, o Object) error {
	h := &zip.FileHeader{
		Name: o.Name, Method: zip.Store, CRC32: o.crc, CompressedSize64: uint64(o.Size), UncompressedSize64: uint64(o.Size),
		ReaderVersion: 20, CreatorVersion: 20,
	}
	//lint:ignore SA1019 CreateRaw writes these two and does not look at Modified.
	h.ModifiedDate, h.ModifiedTime = dosTime(b.at)
	w, err := z.CreateRaw(h)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := o.copy(ctx, io.MultiWriter(w, sum))
	if err != nil {
		return err
	}
	if n != o.Size || !bytes.Equal(sum.Sum(nil), o.SHA256[:]) {
		return errChanged
	}
	return nil
}

// dosTime is a time in the form of ZIP headers, which begins in 1980 and knows even seconds.
func dosTime(t time.Time) (date, clock uint16) {
	if t.Year() < 1980 || t.Year() > 2107 {
		return 1<<5 | 1, 0
	}
	return uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}
