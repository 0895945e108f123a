package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// checkedVector is what a program reads of the command's answer.
type checkedVector struct {
	Indication    string `json:"indication"`
	SubIndication string `json:"sub_indication"`
	Signatures    []struct {
		Indication    *string          `json:"indication"`
		SubIndication *string          `json:"sub_indication"`
		Signer        *string          `json:"signer"`
		SigningTime   *json.RawMessage `json:"signing_time"`
		References    []map[string]any `json:"references"`
		Checks        []map[string]any `json:"checks"`
	} `json:"signatures"`
	SHA256 string `json:"sha256"`
	File   string `json:"file"`
}

// TestCheckVectors runs the command on every vector that needs nothing but a trust folder.
func TestCheckVectors(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/verdict/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors (%v)", err)
	}
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		head := vectorHead(string(a.Comment))
		if head["kind"] != "" || head["proof"] != "" {
			continue // parts of packages, and proofs from outside
		}
		t.Run(strings.TrimSuffix(filepath.Base(p), ".txtar"), func(t *testing.T) {
			dir := t.TempDir()
			if err := txtar.Write(a, dir); err != nil {
				t.Fatal(err)
			}
			args := []string{"check", filepath.Join(dir, "document.xml"), "--trust", filepath.Join(dir, "trust"), "--at", head["at"]}
			if policy := filepath.Join(dir, "policy.yaml"); slices.ContainsFunc(a.Files, func(f txtar.File) bool { return f.Name == "policy.yaml" }) {
				args = append(args, "--policy", policy)
			}
			var out, text, errs bytes.Buffer
			code := run(append(args, "--json"), nil, &out, &errs)
			var got checkedVector
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s %s", err, out.String(), errs.String())
			}
			if is := strings.TrimSpace(got.Indication + " " + got.SubIndication); is != head["expect"] {
				t.Errorf("got %s, want %s", is, head["expect"])
			}
			if want := map[bool]int{true: 0, false: 1}[head["expect"] == "TOTAL-PASSED"]; code != want {
				t.Errorf("ended with %d, want %d", code, want)
			}
			if got.Signatures == nil || got.File != args[1] || len(got.SHA256) != 64 {
				t.Errorf("%s", out.String())
			}
			for _, s := range got.Signatures {
				if s.Indication == nil || s.SubIndication == nil || s.Signer == nil || s.SigningTime != nil && len(*s.SigningTime) == 0 || s.References == nil || len(s.Checks) == 0 {
					t.Errorf("a signature lacks a field: %s", out.String())
				}
			}
			if run(args, nil, &text, &errs) != code {
				t.Error("the text ends otherwise than the JSON")
			}
			if want := got.Indication; !strings.Contains(text.String(), want) || strings.Contains(text.String(), "\x1b") || errs.Len() > 0 {
				t.Errorf("%s%s", text.String(), errs.String())
			}
		})
	}
}

func vectorHead(comment string) map[string]string {
	head := map[string]string{}
	for line := range strings.Lines(comment) {
		if key, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			head[key] = strings.TrimSpace(value)
		}
	}
	return head
}

// TestPrintable keeps what a stranger wrote from writing to the terminal.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"Nguyễn Thị Hạnh": "Nguyễn Thị Hạnh",
		"a\x1b[31mb":      "a\uFFFD[31mb",
		"tên\u202Egpj":    "tên\uFFFDgpj",
		"hai\ndòng":       "hai\uFFFDdòng",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestDetachedStaysInside: names that lead out of the folder resolve to nothing.
func TestDetachedStaysInside(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "inner")
	if err := os.MkdirAll(filepath.Join(inner, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"outside.txt", "inner/a b.txt", "inner/sub/c.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside.txt", filepath.Join(inner, "link")); err != nil {
		t.Fatal(err)
	}
	d, err := openDetached(inner)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for uri, want := range map[string]bool{"a b.txt": true, "a%20b.txt": true, "./sub/c.txt": true, "cid:a%20b.txt": true,
		"../outside.txt": false, "sub/../../outside.txt": false, "%2e%2e/outside.txt": false, "link": false, "/etc/passwd": false,
		"file:///etc/passwd": false, "sub": false, "": false, "missing": false} {
		if src, ok := d.find(uri); ok != want {
			t.Errorf("%q: %v, want %v", uri, ok, want)
		} else if ok && src.Size() == 0 {
			t.Errorf("%q is empty", uri)
		}
	}
}

// TestCheckAttachedPDF: the signatures inside an attached PDF are shown beside the package's own, and decide nothing about it.
func TestCheckAttachedPDF(t *testing.T) {
	letter, err := os.ReadFile("../../testdata/demo/letter.xml")
	if err != nil {
		t.Fatal(err)
	}
	in, err := schemas.NewReceived(signing.BytesSource(letter))
	if err != nil {
		t.Fatal(err)
	}
	p, err := schemas.Parse(context.Background(), in, schemas.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pdf, err := os.ReadFile("../../testdata/pades/good-table.pdf")
	if err != nil {
		t.Fatal(err)
	}
	raw := schemas.FileBytes("quyet-dinh.pdf", "application/pdf", pdf)
	raw.Raw = true
	doc, _, err := schemas.MarshalDocument(p.Document, []schemas.File{raw, schemas.FileBytes("ban-sao.pdf", "application/pdf", pdf), schemas.FileBytes("ghi-chu.txt", "text/plain", []byte("chữ"))},
		schemas.WriteOptions{Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := trialca.New("CA", rand.Reader, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: "Sở Nội vụ"})
	if err != nil {
		t.Fatal(err)
	}
	if doc, err = signing.Sign(doc, key, []*x509.Certificate{cert}, signing.SignOptions{}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "letter.xml")
	for name, b := range map[string][]byte{file: doc, filepath.Join(dir, "ca.pem"): signing.MarshalCertificates([]*x509.Certificate{ca.Certificate})} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code := run([]string{"check", file, "--trust", dir, "--json"}, nil, &out, &errs)
	var got struct {
		Indication string `json:"indication"`
		Package    struct {
			SignedFiles []struct {
				Name          string            `json:"name"`
				SubIndication string            `json:"sub_indication"`
				Signatures    []json.RawMessage `json:"signatures"`
			} `json:"signed_files"`
		} `json:"package"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s %s", err, out.String(), errs.String())
	}
	files := got.Package.SignedFiles
	if code != 0 || got.Indication != "TOTAL-PASSED" || len(files) != 2 {
		t.Fatalf("%d %s %s", code, out.String(), errs.String())
	}
	for i, name := range []string{"quyet-dinh.pdf", "ban-sao.pdf"} {
		if files[i].Name != name || files[i].SubIndication != "NO_CERTIFICATE_CHAIN_FOUND" || len(files[i].Signatures) != 2 {
			t.Errorf("%+v", files[i])
		}
	}
	out.Reset()
	run([]string{"check", file, "--trust", dir}, nil, &out, &errs)
	if !strings.Contains(out.String(), "tệp đã ký / signed file quyet-dinh.pdf: CHƯA KẾT LUẬN ĐƯỢC") || !strings.HasPrefix(out.String(), "HỢP LỆ / VALID") {
		t.Error(out.String())
	}
}
