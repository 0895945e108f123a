package schemas

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestSchemasCompile(t *testing.T) {
	for name, g := range map[string]func() *grammar{FileAccept: acceptGrammar, FileEmit: emitGrammar, FileTram: tramGrammar} {
		if n := len(g().nodes); n < 80 {
			t.Errorf("%s compiles to %d elements, want more than 80", name, n)
		}
	}
}

func TestCommentInField(t *testing.T) {
	const doc = `<edXML xmlns="` + NamespaceEdXML + `"><edXMLEnvelope><edXMLHeader><MessageHeader><From><OrganId>H0<!-- x -->5</OrganId></From></MessageHeader></edXMLHeader></edXMLEnvelope></edXML>`
	_, err := Parse(context.Background(), ReceivedBytes([]byte(doc)), Options{})
	var r *Refusal
	if !errors.As(err, &r) || r.Sender != "H05" || r.Problems[0].Code != MissingField {
		t.Errorf("got %v of sender %q, want a missing field of H05", err, r.Sender)
	}
}

// Every constant of type Code is in Codes, has a vector or a generated case, and stands in the documentation.
func TestEveryReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[Code]bool{}
	for _, c := range Codes() {
		listed[c] = true
	}
	declared := 0
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
				continue
			}
			declared++
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil || !listed[Code(text)] {
				t.Errorf("%s is not in Codes (%v)", text, err)
			}
		}
	}
	if declared != len(Codes()) {
		t.Errorf("%d reasons are declared, %d listed", declared, len(Codes()))
	}
	shown := map[Code]bool{XMLTooDeep: true, XMLTokenTooBig: true, TooBig: true, TooMany: true} // TestTooMuch
	for _, v := range readVectors(t) {
		shown[Code(v.expect)] = true
	}
	doc, err := os.ReadFile("../docs/packages.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Codes() {
		if !shown[c] {
			t.Errorf("%s has no vector", c)
		}
		if !strings.Contains(string(doc), "`"+string(c)+"`") {
			t.Errorf("%s is not in docs/packages.md", c)
		}
	}
}

// The published files are what the reader runs on, and their documentation is in both languages.
func TestFiles(t *testing.T) {
	for _, name := range []string{FileAccept, FileEmit, FileTram, FileXLink} {
		b, err := fs.ReadFile(Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		vi, en := strings.Count(string(b), `xml:lang="vi"`), strings.Count(string(b), `xml:lang="en"`)
		if vi == 0 || vi != en {
			t.Errorf("%s has %d notes in Vietnamese and %d in English", name, vi, en)
		}
	}
}

// What our files do not use, the compiler refuses rather than pass over.
func TestCompilerRefuses(t *testing.T) {
	const head = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">`
	for name, body := range map[string]string{
		"no root":             ``,
		"group":               `<xs:group name="g"/>`,
		"no type":             `<xs:element name="r"/>`,
		"unknown type":        `<xs:element name="r" type="xs:dateTime"/>`,
		"recursive":           `<xs:element name="r" type="T"/><xs:complexType name="T"><xs:sequence><xs:element name="r" type="T"/></xs:sequence></xs:complexType>`,
		"bounded occurrence":  `<xs:element name="r" type="T"/><xs:complexType name="T"><xs:sequence><xs:element name="a" type="xs:string" maxOccurs="3"/></xs:sequence></xs:complexType>`,
		"ambiguous":           `<xs:element name="r" type="T"/><xs:complexType name="T"><xs:sequence><xs:element name="a" type="xs:string" minOccurs="0"/><xs:element name="a" type="xs:string"/></xs:sequence></xs:complexType>`,
		"lax wildcard":        `<xs:element name="r" type="T"/><xs:complexType name="T"><xs:sequence><xs:any processContents="lax"/></xs:sequence></xs:complexType>`,
		"unknown facet":       `<xs:element name="r" type="S"/><xs:simpleType name="S"><xs:restriction base="xs:string"><xs:totalDigits value="3"/></xs:restriction></xs:simpleType>`,
		"strict anyAttribute": `<xs:element name="r" type="T"/><xs:complexType name="T"><xs:anyAttribute/></xs:complexType>`,
		"all":                 `<xs:element name="r" type="T"/><xs:complexType name="T"><xs:all/></xs:complexType>`,
	} {
		if _, err := compileSchema([]byte(head+body+`</xs:schema>`), "r", nil); err == nil {
			t.Errorf("%s: compiles", name)
		}
	}
	const ok = head + `<xs:element name="r" type="xs:string"/></xs:schema>`
	if _, err := compileSchema([]byte(ok), "r", map[string]binding{"/nowhere": {}}); err == nil {
		t.Error("a binding of nothing compiles")
	}
	if _, err := compileSchema([]byte(ok), "r", map[string]binding{"/r": {}}); err == nil {
		t.Error("a leaf without a use compiles")
	}
}
