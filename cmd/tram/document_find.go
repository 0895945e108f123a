package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/signing"
)

// namedDocument is a document that a person's words may mean.
type namedDocument struct {
	key, number, id, date, subject string
}

func (d namedDocument) String() string {
	return strings.Join([]string{d.key, d.number, d.id, d.date, d.subject}, "  ")
}

// mostNamed is how many documents a message about several lists.
const mostNamed = 20

// oneDocument is the only one that a name means.
func oneDocument(name string, found []namedDocument) (string, error) {
	switch len(found) {
	case 0:
		return "", fmt.Errorf("couldn't find document %q: %w", name, events.ErrNotFound)
	case 1:
		return found[0].key, nil
	}
	lines := make([]string, 0, mostNamed)
	for i, d := range found {
		if i == mostNamed {
			lines = append(lines, fmt.Sprintf("… %d more", len(found)-i))
			break
		}
		lines = append(lines, printable(d.String()))
	}
	return "", fmt.Errorf("couldn't tell which document %q is, say its key; there are %d:\n  %s", name, len(found), strings.Join(lines, "\n  "))
}

// foldName is a number or DocumentId as it is compared: without white space and case.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// numberOf is số và ký hiệu.
func numberOf(f *document.Facts) string {
	if f.CodeNotation == "" {
		return f.CodeNumber
	}
	return f.CodeNumber + "/" + f.CodeNotation
}

// findDocument takes a document's key, the digest of one of its packages, the package itself, or the document's number or DocumentId if only one
// document of the record has it. For the latter two it reads the whole record. named is the package if it is one that was given.
func findDocument(ctx context.Context, record savedRecord, doc string) (key string, named *events.Digest, err error) {
	if documentKey.MatchString(doc) {
		found := false
		err := record.Stream(ctx, document.StreamPrefix+doc, 0, func(events.Event) error { found = true; return nil })
		if err != nil || found {
			return doc, nil, err
		}
		sum, err := events.ParseDigest(doc)
		if err != nil {
			return "", nil, err
		}
		key, err = documentOfPackage(ctx, record, doc, sum)
		return key, &sum, err
	}
	if _, err := os.Stat(doc); errors.Is(err, fs.ErrNotExist) {
		found, err := documentsNamed(ctx, record, doc)
		if err != nil {
			return "", nil, err
		}
		key, err = oneDocument(doc, found)
		return key, nil, err
	}
	src, err := signing.OpenFile(doc)
	if err != nil {
		return "", nil, fmt.Errorf("couldn't use %q as a document: %w", doc, err)
	}
	defer src.Close()
	digest, err := digestOf(src)
	if err != nil {
		return "", nil, err
	}
	sum := events.Digest(digest)
	key, err = documentOfPackage(ctx, record, doc, sum)
	return key, &sum, err
}

// documentOfPackage is the document whose stream names a package.
func documentOfPackage(ctx context.Context, record savedRecord, doc string, sum events.Digest) (string, error) {
	positions, err := record.FindPackage(ctx, sum)
	if err != nil {
		return "", err
	}
	for _, p := range positions {
		e, err := record.Event(ctx, p)
		if err != nil {
			return "", err
		}
		if key, ok := strings.CutPrefix(e.Statement.Stream, document.StreamPrefix); ok {
			return key, nil
		}
	}
	return "", fmt.Errorf("couldn't find document %s: %w", doc, events.ErrNotFound)
}

// documentsNamed are the documents of a record with a number or DocumentId.
func documentsNamed(ctx context.Context, record savedRecord, name string) (found []namedDocument, err error) {
	want := foldName(name)
	for p := range record.Head().Size {
		e, err := record.Event(ctx, p)
		if err != nil {
			return nil, err
		}
		key, ok := strings.CutPrefix(e.Statement.Stream, document.StreamPrefix)
		if !ok || e.Statement.Name != document.NameReceived || e.Facts == nil {
			continue
		}
		var f document.Facts
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return nil, fmt.Errorf("couldn't read the facts of event %d: %w", p, err)
		}
		if number := numberOf(&f); want == foldName(number) || want == foldName(f.DocumentID) {
			found = append(found, namedDocument{key, number, f.DocumentID, f.PromulgationDate, f.Subject})
		}
	}
	return found, nil
}

// askDocument has a node find the document with a number or DocumentId, among those that the caller may read.
func askDocument(ctx context.Context, c *client, name string) (string, error) {
	if documentKey.MatchString(name) {
		return name, nil
	}
	want, number := foldName(name), name
	if parts := strings.SplitN(name, ",", 3); len(parts) == 3 { // a DocumentId ends with the number
		number = parts[2]
	}
	var found []namedDocument
	seen := map[string]bool{}
	for _, direction := range []string{"outgoing", "incoming"} {
		query := url.Values{"direction": {direction}, "number": {number}, "limit": {"500"}}
		for {
			var page httpapi.DocumentPage
			err := c.call(ctx, http.MethodGet, "/v1/documents", query, nil, &page)
			if refused := (*refusedError)(nil); errors.As(err, &refused) && refused.Code == gateway.CodeNotFound {
				break // nothing has passed yet
			}
			if err != nil {
				return "", fmt.Errorf("couldn't look for document %q: %w", name, err)
			}
			for _, d := range page.Documents {
				if seen[d.Document] || foldName(d.Number) != foldName(number) {
					continue
				}
				seen[d.Document] = true
				n := namedDocument{key: d.Document, number: d.Number, date: d.Date, subject: d.Subject}
				if want != foldName(number) {
					var whole httpapi.DocumentAnswer
					if err := c.call(ctx, http.MethodGet, "/v1/documents/"+url.PathEscape(d.Document), nil, nil, &whole); err != nil {
						return "", fmt.Errorf("couldn't look for document %q: %w", name, err)
					}
					if n.id = whole.DocumentID; foldName(n.id) != want {
						continue
					}
				}
				found = append(found, n)
			}
			if page.Next == "" {
				break
			}
			query.Set("cursor", page.Next)
		}
	}
	return oneDocument(name, found)
}

// trustOfRecord is whom the node of a record believes now: its trust list, or the trust folder while it has none.
func trustOfRecord(ctx context.Context, record savedRecord, folder *signing.Trust, trial bool) (*signing.Trust, error) {
	var d directory.State
	err := record.Stream(ctx, directory.Stream, 0, func(e events.Event) (err error) {
		d, err = directory.Fold(d, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the trust list of the record: %w", err)
	}
	return gateway.TrustOf(d, folder, trial, nil)
}
