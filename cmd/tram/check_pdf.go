package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/verdict"
)

// signedFile is a PDF inside a package that is signed itself. What its signatures are worth is shown and decides nothing about the package.
type signedFile struct {
	Name string `json:"name"`
	*verdict.Verdict
}

// Bounds of the PDFs inside one package that are looked at.
const (
	maxSignedFiles = 100
	maxSignedFile  = 512 << 20 // bytes of one
)

// signedFiles judges the signatures inside the attached PDFs.
func signedFiles(ctx context.Context, p *schemas.Package, o verdict.Options) ([]signedFile, error) {
	var out []signedFile
	look := func(name string, open func() (io.ReadCloser, error)) error {
		if len(out) >= maxSignedFiles {
			return nil
		}
		v, err := judgeAttached(ctx, open, o)
		if err != nil {
			return fmt.Errorf("couldn't look into attachment %q: %w", name, err)
		}
		if v != nil && len(v.Signatures) > 0 {
			out = append(out, signedFile{name, v})
		}
		return nil
	}
	for i := range p.Attachments {
		a := &p.Attachments[i]
		if len(a.Entries) < 2 {
			if err := look(a.Name, a.Open); err != nil {
				return nil, err
			}
			continue
		}
		for k := range a.Entries {
			if err := look(a.Name+"/"+a.Entries[k].Name, func() (io.ReadCloser, error) { return a.OpenEntry(k) }); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// judgeAttached judges one attachment if it is a PDF, from a copy: its content stands in base64, and a PDF is read here and there.
func judgeAttached(ctx context.Context, open func() (io.ReadCloser, error), o verdict.Options) (*verdict.Verdict, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, 1024)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	if head = head[:n]; !verdict.IsPDF(signing.BytesSource(head)) {
		return nil, nil
	}
	f, err := os.CreateTemp("", "tram-check-*.pdf")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Without a name from the start: the words of a document must not stay behind when the process is killed.
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	size, err := io.Copy(f, io.LimitReader(io.MultiReader(bytes.NewReader(head), r), maxSignedFile))
	if err != nil {
		return nil, err
	}
	if size == maxSignedFile {
		return nil, nil // too large to be looked into
	}
	o.Kind, o.Detached = "", nil
	return verdict.JudgePDF(ctx, detachedFile{f, size}, o)
}
