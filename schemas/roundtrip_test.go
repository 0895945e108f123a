package schemas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// Generators of what the form can hold. There is no capital M, so that no secrecy mark comes up by chance.
var (
	genLetters = []rune("aăâbcdđeêghiklnoôơpqrstuưvxyáàảãạẤẦẨẪẬĐƯƠ0123456789 <>&\"'/-.,;()é\u0301\u0323")
	genText    = rapid.Map(rapid.StringOfN(rapid.RuneFrom(genLetters), 0, 60, -1), strings.TrimSpace)
	genSome    = genText.Filter(func(s string) bool { return s != "" })
	genCode    = rapid.StringMatching(`[A-K][0-9]{2}(\.[0-9]{2}){0,3}`)
	genNumber  = rapid.StringMatching(`[0-9]{1,6}[a-c]?`)
	genDigits  = rapid.StringMatching(`[0-9]{1,6}`)
	genNote    = rapid.StringMatching(`[A-LN-Z]{2,6}-[A-LN-Z]{2,6}`)
	genDate    = rapid.Custom(func(t *rapid.T) Date {
		return DateOf(time.Date(2000, 1, 1, 0, 0, 0, 0, hanoi).AddDate(0, 0, rapid.IntRange(0, 9000).Draw(t, "day")))
	})
	genStamp   = rapid.Custom(func(t *rapid.T) string { return FormatTimestamp(genInstant.Draw(t, "stamp")) })
	genInstant = rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(1_400_000_000, 1_760_000_000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
	genName   = rapid.StringMatching(`[a-z0-9][a-z0-9.:-]{0,20}`)
	genBool   = rapid.Bool()
	genDigest = rapid.Custom(func(t *rapid.T) [32]byte { return sha256.Sum256([]byte(genText.Draw(t, "digest"))) })
)

func genOrganisation(t *rapid.T, id string) Organisation {
	return Organisation{ID: id, InCharge: genText.Draw(t, "incharge"), Name: genSome.Draw(t, "name"), Address: genText.Draw(t, "add"),
		Email: genText.Draw(t, "email"), Telephone: genText.Draw(t, "tel"), Fax: genText.Draw(t, "fax"), Website: genText.Draw(t, "web")}
}

func genStaff(t *rapid.T) Staff {
	return Staff{genText.Draw(t, "dep"), genText.Draw(t, "depid"), genText.Draw(t, "staff"), genText.Draw(t, "id"), genText.Draw(t, "mail"), genText.Draw(t, "mobile")}
}

func list[T any](t *rapid.T, name string, least int, draw func() T) []T {
	var l []T
	for range rapid.IntRange(least, 3).Draw(t, name) {
		l = append(l, draw())
	}
	return l
}

func genDocument(t *rapid.T) *Document {
	text := func() string { return genSome.Draw(t, "text") }
	d := &Document{
		From: genOrganisation(t, genCode.Draw(t, "from")), DocumentID: genSome.Draw(t, "docid"),
		Code:         DocumentCode{genNumber.Draw(t, "n"), genNote.Draw(t, "note")},
		Promulgation: Promulgation{genText.Draw(t, "place"), genDate.Draw(t, "date")},
		Type:         DocumentType{Type: genDigits.Draw(t, "type"), Detail: genDigits.Draw(t, "detail"), Name: genSome.Draw(t, "typename")},
		Subject:      genSome.Draw(t, "subject"), Content: genText.Draw(t, "content"),
		Signer:  Signer{genText.Draw(t, "comp"), genText.Draw(t, "pos"), genText.Draw(t, "full")},
		DueDate: genDate.Draw(t, "due"), ToPlaces: list(t, "places", 0, text),
		Other: OtherInfo{PriorityRaw: rapid.StringMatching(`[0-4]`).Draw(t, "prio"), SphereOfPromulgation: genText.Draw(t, "sphere"), TyperNotation: genText.Draw(t, "typer"),
			PromulgationAmount: genDigits.Draw(t, "pa"), PageAmount: genDigits.Draw(t, "pages"), Direction: fmt.Sprint(genBool.Draw(t, "dir")),
			ReplyFors: genText.Draw(t, "rf"), ReferenceCodes: genText.Draw(t, "rc"), Appendixes: list(t, "app", 0, text)},
		Steering: Steering{Raw: rapid.StringMatching(`[0-3]`).Draw(t, "steer")}, TaskCodes: list(t, "tasks", 0, text), ApplicationType: genText.Draw(t, "at"),
		ManifestVersion: "1.0",
	}
	d.Other.Priority = Priority(d.Other.PriorityRaw[0] - '0')
	d.Steering.Meaning, _ = SteeringFromOne.meaning(d.Steering.Raw)
	for i := range rapid.IntRange(1, 4).Draw(t, "to") {
		d.To = append(d.To, genOrganisation(t, fmt.Sprintf("H%02d.%02d", i+10, i)))
	}
	d.ResponseFor = list(t, "resp", 0, func() ResponseFor {
		r := ResponseFor{OrganID: genCode.Draw(t, "o"), Code: genText.Draw(t, "c"), DocumentID: genSome.Draw(t, "d"), PromulgationDate: genDate.Draw(t, "pd")}
		r.DateRaw = r.PromulgationDate.String()
		return r
	})
	d.Trace.Headers = list(t, "trace", 1, func() TraceHeader { return TraceHeader{genCode.Draw(t, "o"), genStamp.Draw(t, "ts")} })
	d.Business = Business{Present: true, Type: BusinessType(rapid.IntRange(0, 3).Draw(t, "business")), DocumentID: genSome.Draw(t, "bd"), Reason: genText.Draw(t, "br"),
		Paper: genDigits.Draw(t, "paper"), Staff: list(t, "staff", 0, func() Staff { return genStaff(t) })}
	d.Business.Updates = list(t, "updates", 0, func() BusinessUpdateInfo {
		return BusinessUpdateInfo{genBool.Draw(t, "c"), genBool.Draw(t, "r"), list(t, "receivers", 0, func() Receiver {
			return Receiver{genCode.Draw(t, "o"), genBool.Draw(t, "a")}
		})}
	})
	d.Business.Replacements = list(t, "repl", 0, func() Replacement {
		return Replacement{genSome.Draw(t, "d"), list(t, "ids", 0, func() string { return genCode.Draw(t, "id") })}
	})
	return d
}

var sameModel = cmp.Options{cmpopts.IgnoreFields(DocumentType{}, "Entry"), cmpopts.EquateEmpty()}

// What is written is read as the same model, valid against both schemas, and written again it is the same bytes.
func TestDocumentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := genDocument(t)
		var files []File
		var contents [][]byte
		for i := range rapid.IntRange(0, 3).Draw(t, "files") {
			c := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "content")
			f := FileBytes(fmt.Sprintf("tệp %d.pdf", i), "application/pdf", c)
			f.Raw, f.Description = genBool.Draw(t, "raw"), genText.Draw(t, "desc")
			if f.Raw && bytes.HasPrefix(c, []byte("PK\x03\x04")) {
				continue
			}
			files, contents = append(files, f), append(contents, c)
		}
		o := WriteOptions{Time: vectorTime}
		b, layout, err := MarshalDocument(d, files, o)
		if err != nil {
			t.Fatal(err)
		}
		in := ReceivedBytes(b)
		for name, g := range map[string]*grammar{FileEmit: emitGrammar(), FileAccept: acceptGrammar()} {
			if err := validate(context.Background(), in, g); err != nil {
				t.Fatalf("not valid against %s: %v\n%s", name, err, b)
			}
		}
		p, err := Parse(context.Background(), in, Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if diff := cmp.Diff(d, p.Document, sameModel); diff != "" {
			t.Fatalf("read model differs from the written one:\n%s", diff)
		}
		if layout.SignatureSlot != p.SignatureSlot || layout.Size != int64(len(b)) {
			t.Fatalf("writer says %+v, reader slot %d, size %d", layout, p.SignatureSlot, len(b))
		}
		if len(p.Attachments) != len(files) {
			t.Fatalf("read %d attachments, wrote %d", len(p.Attachments), len(files))
		}
		for i := range files {
			a := &p.Attachments[i]
			r, err := a.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, contents[i]) || a.Name != files[i].Name || a.Description != files[i].Description {
				t.Fatalf("attachment %d is %+v with %d bytes (%v), wrote %d", i, a, len(got), err, len(contents[i]))
			}
		}
		again, _, err := MarshalDocument(p.Document, files, o)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("written again it differs (%v)", err)
		}
	})
}

func TestStatusRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Status{From: genOrganisation(t, genCode.Draw(t, "from")), Staff: genStaff(t), Code: rapid.SampledFrom(StatusCodes()).Draw(t, "code"),
			Description: genText.Draw(t, "desc"), TimestampRaw: genStamp.Draw(t, "ts"),
			ResponseFor: ResponseFor{OrganID: genCode.Draw(t, "o"), Code: genSome.Draw(t, "c"), DocumentID: genSome.Draw(t, "d"), PromulgationDate: genDate.Draw(t, "pd")}}
		s.Staff.DepartmentID, s.Staff.ID = "", "" // a status has no place for them
		s.ResponseFor.DateRaw = s.ResponseFor.PromulgationDate.String()
		s.Timestamp, _ = parseTimestamp(s.TimestampRaw)
		b, layout, err := MarshalStatus(s)
		if err != nil {
			t.Fatal(err)
		}
		for name, g := range map[string]*grammar{FileEmit: emitGrammar(), FileAccept: acceptGrammar()} {
			if err := validate(context.Background(), ReceivedBytes(b), g); err != nil {
				t.Fatalf("not valid against %s: %v\n%s", name, err, b)
			}
		}
		p, err := Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if diff := cmp.Diff(s, p.Status, sameModel); diff != "" || p.SignatureSlot != layout.SignatureSlot {
			t.Fatalf("read model differs (slots %d, %d):\n%s", p.SignatureSlot, layout.SignatureSlot, diff)
		}
	})
}

func genHeader(t *rapid.T, k Kind) Header {
	h := Header{ID: genName.Draw(t, "id"), Kind: k, From: genCode.Draw(t, "from"), To: list(t, "to", 0, func() string { return "node:" + genName.Draw(t, "to") }),
		IssuedAt: genInstant.Draw(t, "at")}
	if genBool.Draw(t, "person") {
		h.Person = Person{line(t), line(t), line(t)}
	}
	return h
}

// line is a line of the Trạm schema: not empty, single spaces.
func line(t *rapid.T) string { return strings.Join(strings.Fields(genSome.Draw(t, "line")), " ") }

func genOperation(t *rapid.T) Operation {
	code := func() string { return genCode.Draw(t, "code") }
	holder := Holder{rapid.SampledFrom([]HolderKind{HolderOrganisation, HolderChannel, HolderPeer, HolderNode, HolderAuditor, HolderOperator}).Draw(t, "kind"), genName.Draw(t, "holder")}
	digest := genDigest.Draw(t, "sha256")
	der := rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(t, "der")
	from := genInstant.Draw(t, "from")
	peer := Peer{Origin: genName.Draw(t, "origin"), Name: line(t), URLs: list(t, "urls", 0, func() string { return "https://" + genName.Draw(t, "host") }),
		CertificateSHA256s: list(t, "fps", 0, func() [32]byte { return genDigest.Draw(t, "fp") }), Authorities: list(t, "cas", 0, func() []byte { return der }),
		Verifiers: list(t, "keys", 0, func() string { return genName.Draw(t, "key") + "+AB==" }), Prefixes: list(t, "prefixes", 0, code)}
	dated := func() OrganisationCode { return OrganisationCode{Code: code(), From: genDate.Draw(t, "cf")} }
	client := RegisterClient{ID: genName.Draw(t, "client"), Holder: holder, TokenSHA256: &digest}
	if genBool.Draw(t, "tls") {
		client.TokenSHA256, client.CertificateSHA256 = nil, &digest
	}
	return rapid.SampledFrom(append(genOfficeOperations(t),
		AddOrganisation{Code: code(), Other: list(t, "other", 0, dated), Name: line(t), Level: rapid.IntRange(0, 9).Draw(t, "level"), Parent: code(), Node: genName.Draw(t, "node"), From: genDate.Draw(t, "day")},
		ChangeOrganisation{Code: code(), Name: line(t), Parent: code(), Node: genName.Draw(t, "node"), Level: rapid.IntRange(0, 9).Draw(t, "level"), From: genDate.Draw(t, "day")},
		CloseOrganisation{Code: code(), Successor: code(), From: genDate.Draw(t, "day")},
		AddCode{Organisation: code(), Code: dated()},
		RemoveCode{Organisation: code(), Code: code(), From: genDate.Draw(t, "day")},
		EnrolCertificate{Holder: holder, Purposes: list(t, "purposes", 1, func() Purpose {
			return rapid.SampledFrom([]Purpose{PurposeSign, PurposeTLS, PurposeVoucher, PurposeChannel, PurposePeer, PurposeCheckpoint}).Draw(t, "purpose")
		}), DER: der},
		RevokeCertificate{Holder: holder, SHA256: digest, From: from, Suspend: genBool.Draw(t, "suspend"), Reason: line(t)},
		client,
		RemoveClient{ID: genName.Draw(t, "gone")},
		AddPeer{peer}, ChangePeer{peer},
		GrantReading{ID: genName.Draw(t, "grant"), Reader: holder, Organisation: code(), DocumentID: line(t), From: from, To: from.Add(time.Hour), Reason: line(t)},
		RevokeReading{ID: genName.Draw(t, "grant"), From: from},
		TrustAuthority{DER: der, Kind: "state", Purposes: []string{"organisation", "time-stamp"}, From: from, Until: from.Add(time.Hour), Name: line(t)},
		TrustAuthority{DER: der, Kind: "other"},
		DistrustAuthority{SHA256: digest, From: from, Reason: line(t)},
		SetPolicy{Assurance: []RequiredAssurance{{Sender: code(), Kind: KindDocument, Level: "agency"}, {Level: "own"}},
			SecrecyElements: []SecrecyElement{{Sender: code(), Namespace: "urn:x", Local: "DoMat"}}, Limits: []PolicyLimit{{Name: "delivery-days", Value: 7}}},
	)).Draw(t, "operation")
}

func TestChangeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHeader(t, KindDirectoryChange)
		c := DirectoryChange{Reason: line(t), Operations: list(t, "ops", 1, func() Operation { return genOperation(t) })}
		b, layout, err := MarshalDirectoryChange(h, c)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if diff := cmp.Diff(h, *p.Header, sameModel); diff != "" {
			t.Fatalf("read header differs:\n%s", diff)
		}
		if diff := cmp.Diff(c, *p.Change, sameModel); diff != "" || layout.SignatureSlot != p.SignatureSlot {
			t.Fatalf("read change differs:\n%s", diff)
		}
	})
}

func TestSubmissionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHeader(t, KindSubmission)
		file := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "file")
		s := Submission{Voucher: VouchedByChannel, Sender: genCode.Draw(t, "sender"), Channel: genName.Draw(t, "channel"), ReceivedAt: genInstant.Draw(t, "at"),
			Reason: line(t), FileName: "goi.xml", MediaType: "application/xml", FileSHA256: sha256.Sum256(file)}
		b, layout, err := MarshalSubmission(h, s, file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		got := make([]byte, p.Submission.File.Raw().Size())
		if n, err := p.Submission.File.Raw().ReadAt(got, 0); n != len(file) || err != nil && len(file) > 0 || !bytes.Equal(got, file) {
			t.Fatalf("read %d bytes of the file (%v), want %d", n, err, len(file))
		}
		if diff := cmp.Diff(s, *p.Submission, sameModel, cmpopts.IgnoreFields(Submission{}, "File")); diff != "" || layout.SignatureSlot != p.SignatureSlot {
			t.Fatalf("read submission differs:\n%s", diff)
		}
	})
}

func TestDestructionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHeader(t, KindDestruction)
		d := Destruction{Scope: rapid.SampledFrom([]string{"all", "facts"}).Draw(t, "scope"), Reason: line(t)}
		if rapid.Bool().Draw(t, "later") {
			d.NotBefore = genInstant.Draw(t, "not before")
		}
		for range rapid.IntRange(1, 3).Draw(t, "decisions") {
			d.Decisions = append(d.Decisions, Decision{Organisation: genCode.Draw(t, "code"), Number: line(t), Date: Date{2025, 11, 20}, DecidedBy: line(t), Ground: line(t), Appraisal: line(t)})
		}
		for range rapid.IntRange(1, 5).Draw(t, "targets") {
			n := uint64(rapid.Uint32().Draw(t, "n"))
			sum := sha256.Sum256([]byte{byte(n)})
			d.Targets = append(d.Targets, rapid.SampledFrom([]Target{{Document: &sum}, {Package: &sum}, {Event: &n}}).Draw(t, "target"))
		}
		b, layout, err := MarshalDestruction(h, d)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if diff := cmp.Diff(d, *p.Destruction, sameModel); diff != "" || layout.SignatureSlot != p.SignatureSlot {
			t.Fatalf("read destruction differs:\n%s", diff)
		}
	})
}

func TestWriterRefuses(t *testing.T) {
	d := sampleDocument()
	if _, _, err := MarshalDocument(d, nil, WriteOptions{}); err == nil {
		t.Error("writes without a time")
	}
	for _, name := range []string{"", "../x.pdf", "a/b", "con.txt"} {
		if _, _, err := MarshalDocument(d, []File{FileBytes(name, "", nil)}, WriteOptions{Time: vectorTime}); err == nil {
			t.Errorf("writes an attachment named %q", name)
		}
	}
	twice := []File{FileBytes("a.pdf", "", nil), FileBytes("b.pdf", "", nil)}
	twice[0].ContentID, twice[1].ContentID = "cid:7", "7"
	if _, _, err := MarshalDocument(d, twice, WriteOptions{Time: vectorTime}); err == nil {
		t.Error("writes two attachments of one content id")
	}
	d.Subject = "hai\x00ba"
	if b, _, err := MarshalDocument(d, nil, WriteOptions{Time: vectorTime}); err == nil {
		t.Errorf("writes a character that XML does not have: %.60q", b)
	}
	if _, _, err := MarshalDestruction(Header{}, Destruction{Decisions: make([]Decision, 1), Targets: make([]Target, 1)}); err == nil {
		t.Error("writes a destruction of nothing")
	}
	if _, _, err := MarshalDirectoryChange(Header{}, DirectoryChange{}); err == nil {
		t.Error("writes a change without operations")
	}
	if _, _, err := MarshalDirectoryChange(Header{}, DirectoryChange{Operations: []Operation{&AddCode{}}}); err == nil {
		t.Error("writes an operation that is a pointer")
	}
}
