package schemas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var genOwn = rapid.StringMatching(`[a-z0-9-]{1,64}`)

// genLines is text of several lines, as the reader hands it out: without white space at its ends.
var genLines = rapid.Map(rapid.StringOfN(rapid.RuneFrom(append([]rune("\n\t\r"), genLetters...)), 1, 200, -1), strings.TrimSpace).
	Filter(func(s string) bool { return s != "" && !strings.ContainsAny(s[:1]+s[len(s)-1:], " \t\r\n") })

// maybe is what draw gives, or nothing.
func maybe[T any](t *rapid.T, draw func() T) (none T) {
	if genBool.Draw(t, "there") {
		return draw()
	}
	return none
}

func genAssignee(t *rapid.T) Assignee {
	own := func() string { return genOwn.Draw(t, "own") }
	if genBool.Draw(t, "unit") {
		return Assignee{Unit: own(), Person: maybe(t, own)}
	}
	return Assignee{Person: own()}
}

// genAssignees are a list without doubles, none of them not.
func genAssignees(t *rapid.T, least int, not Assignee) (all []Assignee) {
	for _, a := range list(t, "assignees", least, func() Assignee { return genAssignee(t) }) {
		if a != not && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

func genRecipients(t *rapid.T) (all []string) {
	seen := map[string]bool{}
	for _, c := range list(t, "recipients", 0, func() string { return genCode.Draw(t, "recipient") }) {
		if !seen[canonical(c)] {
			all, seen[canonical(c)] = append(all, c), true
		}
	}
	return all
}

func genDraft(t *rapid.T) Draft {
	own := func() string { return maybe(t, func() string { return genOwn.Draw(t, "own") }) }
	words := func() string { return maybe(t, func() string { return line(t) }) }
	d := Draft{Type: rapid.SampledFrom([]string{"Công văn", "tờ trình", "Quyết định", "phiếu báo"}).Draw(t, "type"), Subject: line(t),
		Content: maybe(t, func() string { return genLines.Draw(t, "content") }), Recipients: genRecipients(t), ToPlaces: list(t, "places", 0, func() string { return line(t) }),
		Priority: Priority(rapid.IntRange(0, 4).Draw(t, "priority")), DueDate: maybe(t, func() Date { return genDate.Draw(t, "due") }), Signer: own(),
		Competence: words(), Series: own(), Place: words(), Pages: rapid.IntRange(0, 999_999).Draw(t, "pages"), Copies: rapid.IntRange(0, 99).Draw(t, "copies"),
		KeptBy: own(), ReplyTo: list(t, "replies", 0, func() string { return genOwn.Draw(t, "reply") }), Dossier: own()}
	for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
		d.Fields = append(d.Fields, DraftField{fmt.Sprintf("mục %d", i), maybe(t, func() string { return genLines.Draw(t, "value") })})
	}
	if genBool.Draw(t, "related") {
		d.Relation, d.RelatedTo = rapid.SampledFrom([]string{"update", "replace", "correction"}).Draw(t, "relation"), genOwn.Draw(t, "to")
	}
	return d
}

// genActs gives an act of every kind.
func genActs(t *rapid.T) []Act {
	own := func() string { return genOwn.Draw(t, "own") }
	text := func() string { return genLines.Draw(t, "text") }
	day := func() Date { return genDate.Draw(t, "day") }
	some := func() string { return line(t) }
	in := genAssignee(t)
	document := func() ActTarget {
		return ActTarget{rapid.SampledFrom([]TargetKind{TargetIncoming, TargetOutgoing}).Draw(t, "kind"), own()}
	}
	reply := LinkReply{Outgoing: own()}
	if genBool.Draw(t, "issued") {
		reply = LinkReply{Document: fmt.Sprintf("%x", genDigest.Draw(t, "key"))}
	}
	cp := MakeCopy{Form: rapid.SampledFrom([]string{CopyTrue, CopyOfCopy, CopyExtract}).Draw(t, "form"), Of: own(), Recipients: genRecipients(t),
		ToPlaces: list(t, "places", 0, some), Signer: maybe(t, own), Competence: maybe(t, some)}
	if cp.Form == CopyExtract {
		cp.Extract = text()
	}
	return []Act{
		RegisterIncoming{maybe(t, own)},
		RegisterPaper{Register: maybe(t, own), Channel: rapid.SampledFrom([]string{"paper", "mail", "fax", "by-hand", "other"}).Draw(t, "channel"), FromName: some(),
			FromCode: maybe(t, func() string { return genCode.Draw(t, "code") }), Number: maybe(t, func() string { return genNumber.Draw(t, "n") }), Notation: maybe(t, some), Date: maybe(t, day),
			TypeName: maybe(t, some), Subject: some(), Signer: maybe(t, some), Priority: Priority(rapid.IntRange(0, 4).Draw(t, "priority")), Pages: rapid.IntRange(0, 500).Draw(t, "pages"),
			DueDate: maybe(t, day), ReceivedOn: maybe(t, day)},
		RefuseIncoming{text()},
		Present{own(), maybe(t, text)},
		Assign{in, genAssignees(t, 0, in), maybe(t, day), maybe(t, text)},
		TransferBack{text()},
		StartHandling{maybe(t, text)},
		ChangeDeadline{day(), text()},
		reply,
		FinishHandling{maybe(t, text)},
		AgreeRecall{maybe(t, text)},
		DeclineRecall{text()},
		Reopen{text()},
		GiveOpinion{text()},
		SaveDraft{genDraft(t), maybe(t, text)},
		AskOpinion{genAssignees(t, 1, Assignee{}), maybe(t, text), maybe(t, day)},
		Submit{maybe(t, own), maybe(t, text)},
		Approve{maybe(t, text)},
		SendBack{text()},
		Issue{maybe(t, own), maybe(t, day)},
		Cancel{text()},
		RecallIssued{genRecipients(t), text()},
		cp,
		OpenDossier{some(), some(), maybe(t, own), maybe(t, own), maybe(t, day)},
		ClassifyDossier{maybe(t, some), maybe(t, some), maybe(t, own), maybe(t, text)},
		AddItem{maybe(t, document), maybe(t, text)},
		RemoveItem{rapid.Uint64Range(1, 1_000_000_000_000).Draw(t, "item"), text()},
		GiveTask{own(), genAssignee(t), text(), maybe(t, day)},
		FinishTask{own(), maybe(t, text)},
		RecordDecision{text(), maybe(t, document)},
		HandOver{own(), maybe(t, text)},
		CloseDossier{maybe(t, text)},
	}
}

func formOf(a Act) actForm {
	i := slices.IndexFunc(actForms(), func(f actForm) bool { return f.name == a.Name() })
	return actForms()[i]
}

func genAction(t *rapid.T, a Act) (Header, DossierAction, []File) {
	h := genHeader(t, KindDossierAction)
	h.Person = Person{Name: line(t), Account: genOwn.Draw(t, "account")}
	d := DossierAction{Target: ActTarget{rapid.SampledFrom(formOf(a).on).Draw(t, "kind"), genOwn.Draw(t, "target")}, For: maybe(t, func() string { return genOwn.Draw(t, "for") }), Act: a}
	if genBool.Draw(t, "seen") {
		n := rapid.Uint64Range(0, 999_999_999_999_999).Draw(t, "n")
		d.Seen = &n
	}
	var files []File
	least, most := 0, 3
	if put, ok := a.(AddItem); ok && put.Item != (ActTarget{}) || !formOf(a).files {
		most = 0
	} else if ok {
		least = 1
	}
	for i := range rapid.IntRange(least, most).Draw(t, "files") {
		content := append([]byte("."), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "content")...)
		f := FileBytes(fmt.Sprintf("tệp %d.pdf", i), maybe(t, func() string { return "application/pdf" }), content)
		f.Description = maybe(t, func() string { return line(t) })
		files = append(files, f)
	}
	var err error
	if d.Files, err = ActFiles(files); err != nil {
		t.Fatal(err)
	}
	return h, d, files
}

// Every act is read as it was written, with its files, and written again it is the same bytes.
func TestActionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := genActs(t)
		if len(acts) != len(actForms()) {
			t.Fatalf("there are %d kinds of acts, and forms of %d", len(acts), len(actForms()))
		}
		for _, act := range acts {
			h, a, files := genAction(t, act)
			b, layout, err := MarshalDossierAction(h, a, files)
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
			if diff := cmp.Diff(a, *p.Action, sameModel); diff != "" || layout.SignatureSlot != p.SignatureSlot || layout.Size != int64(len(b)) {
				t.Fatalf("read action differs (%+v, slot %d):\n%s", layout, p.SignatureSlot, diff)
			}
			for i := range files {
				at := &p.Attachments[i]
				r, err := at.Open()
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err != nil || sha256.Sum256(got) != a.Files[i].SHA256 || at.Name != files[i].Name || at.Description != files[i].Description || at.ContentType != files[i].ContentType {
					t.Fatalf("file %d is %+v with %d bytes (%v)", i, at, len(got), err)
				}
			}
			if again, _, err := MarshalDossierAction(*p.Header, *p.Action, files); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("written again it differs (%v)", err)
			}
		}
	})
}

// actionOf is a package of an act by a clerk of H05.07.
func actionOf(t testing.TB, target ActTarget, act Act, files ...File) []byte {
	t.Helper()
	h := Header{ID: "click-1", From: "H05.07", IssuedAt: vectorTime.UTC(), Person: Person{Name: "Trần Thị Thư", Account: "p-0142"}}
	b, _, err := MarshalDossierAction(h, DossierAction{Target: target, Act: act}, files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	paperTarget = ActTarget{TargetIncoming, "vb-giay-1"}
	draftTarget = ActTarget{TargetOutgoing, "dt-1"}
)

// What a clerk may do by mistake, or somebody on purpose, with the bounds of an act: each refused with a reason and a place.
func TestActionLimits(t *testing.T) {
	paper := func(subject string) Act { return RegisterPaper{Channel: "paper", FromName: "A", Subject: subject} }
	opinion := GiveOpinion{Text: "nhất trí"}
	draft := func(change func(d *Draft)) Act {
		d := Draft{Type: "Công văn", Subject: "a"}
		change(&d)
		return SaveDraft{Draft: d}
	}
	many := func(n int, form string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf(form, i))
		}
		return all
	}
	units := func(n int) (all []Assignee) {
		for _, u := range many(n, "phong-%d") {
			all = append(all, Assignee{Unit: u})
		}
		return all
	}
	answers := func(n int) (all []DraftField) {
		for _, name := range many(n, "mục %d") {
			all = append(all, DraftField{Name: name, Value: "x"})
		}
		return all
	}
	scans := func(n int) (all []File) {
		for _, name := range many(n, "trang %d.pdf") {
			all = append(all, FileBytes(name, "", []byte(name)))
		}
		return all
	}
	in := Assignee{Unit: "van-thu"}
	for _, c := range []struct {
		name string
		b    []byte
		want Code // "" accepted
		path string
	}{
		{"subject of 500", actionOf(t, paperTarget, paper(strings.Repeat("ố", 500))), "", ""},
		{"subject of 501", actionOf(t, paperTarget, paper(strings.Repeat("ố", 501))), FieldTooLong, "RegisterPaper/Subject"},
		{"subject of a page", actionOf(t, paperTarget, paper(strings.Repeat("kiến nghị ", 500))), FieldTooLong, "RegisterPaper/Subject"},
		{"subject of 10 MB", actionOf(t, paperTarget, paper(strings.Repeat("dài ", 2_000_000))), FieldTooLong, "RegisterPaper/Subject"},
		{"opinion of 20000", actionOf(t, paperTarget, GiveOpinion{strings.Repeat("ấ", 20_000)}), "", ""},
		{"opinion of 20001", actionOf(t, paperTarget, GiveOpinion{strings.Repeat("ấ", 20_001)}), FieldTooLong, "GiveOpinion/Text"},
		{"opinion of references", []byte(strings.Replace(string(actionOf(t, paperTarget, GiveOpinion{"here"})), "here", strings.Repeat("&#x1EA5;", 20_000), 1)), "", ""},
		{"100 cooperate", actionOf(t, paperTarget, Assign{InCharge: in, Cooperating: units(100)}), "", ""},
		{"101 cooperate", actionOf(t, paperTarget, Assign{InCharge: in, Cooperating: units(101)}), TooMany, "Assign/Cooperating[101]"},
		{"5000 recipients", actionOf(t, draftTarget, draft(func(d *Draft) { d.Recipients = many(5000, "H05.%d") })), "", ""},
		{"5001 recipients", actionOf(t, draftTarget, draft(func(d *Draft) { d.Recipients = many(5001, "H05.%d") })), TooMany, "SaveDraft/Draft/Recipient[5001]"},
		{"50 fields", actionOf(t, draftTarget, draft(func(d *Draft) { d.Fields = answers(50) })), "", ""},
		{"51 fields", actionOf(t, draftTarget, draft(func(d *Draft) { d.Fields = answers(51) })), TooMany, "SaveDraft/Draft/Field[51]"},
		{"101 places", actionOf(t, draftTarget, draft(func(d *Draft) { d.ToPlaces = many(101, "nơi %d") })), TooMany, "SaveDraft/Draft/ToPlace[101]"},
		{"101 answered", actionOf(t, draftTarget, draft(func(d *Draft) { d.ReplyTo = many(101, "vb-%d") })), TooMany, "SaveDraft/Draft/ReplyTo[101]"},
		{"million pages", actionOf(t, draftTarget, draft(func(d *Draft) { d.Pages = 1_000_000 })), SchemaValue, "SaveDraft/Draft/Pages"},
		{"pages below none", actionOf(t, draftTarget, draft(func(d *Draft) { d.Pages = -1 })), SchemaValue, "SaveDraft/Draft/Pages"},
		{"priority of its own", actionOf(t, draftTarget, draft(func(d *Draft) { d.Priority = 5 })), SchemaValue, "SaveDraft/Draft/Priority"},
		{"100 files", actionOf(t, paperTarget, opinion, scans(100)...), "", ""},
		{"101 files", []byte(strings.Replace(string(actionOf(t, paperTarget, opinion, scans(100)...)), "</DossierAction></Body>",
			"<File><Name>a</Name><SHA256>"+strings.Repeat("0", 64)+"</SHA256><Content/></File></DossierAction></Body>", 1)), TooMany, "File[101]"},
	} {
		_, err := Parse(context.Background(), ReceivedBytes(c.b), Options{Now: vectorTime})
		var r *Refusal
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.want == "":
		case !errors.As(err, &r) || r.Problems[0].Code != c.want || r.Problems[0].Path != actionPath+"/"+c.path:
			t.Errorf("%s: got %v, want %s at %s", c.name, err, c.want, c.path)
		}
	}
}

// A script in a subject is text, for the reader as for the writer: nothing is cut, nothing is understood.
func TestActionScript(t *testing.T) {
	for _, subject := range []string{`<script>alert("x")</script>`, `"><img src=x onerror=alert(1)>`, `]]><!-- &lt;b&gt; -->`, `'; DROP TABLE incoming; --`, `{{.Secret}} ${7*7} =1+1`} {
		p, err := Parse(context.Background(), ReceivedBytes(actionOf(t, paperTarget, RegisterPaper{Channel: "mail", FromName: subject, Subject: subject})), Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		if got := p.Action.Act.(RegisterPaper); got.Subject != subject || got.FromName != subject {
			t.Errorf("%q is read as %+v", subject, got)
		}
	}
}

// eachText calls see for every text in v, in turn.
func eachText(v reflect.Value, see func(text reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		see(v)
	case reflect.Struct:
		for i := range v.NumField() {
			eachText(v.Field(i), see)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), see)
		}
	}
}

// No text of an act or of its files carries the mark of a secret through the door, whichever member it stands in.
func TestActionSecrets(t *testing.T) {
	packages := rapid.Custom(func(t *rapid.T) []DossierAction {
		var all []DossierAction
		for _, act := range genActs(t) {
			_, a, _ := genAction(t, act)
			if a.Files = nil; formOf(act).files && act.Name() != "AddItem" {
				a.Files = []ActFile{{Name: "a.pdf", ContentType: "b", Description: "c", SHA256: sha256.Sum256(nil)}}
			}
			all = append(all, a)
		}
		return all
	})
	secrets := 0
	for seed := range 3 {
		for _, a := range packages.Example(seed) {
			act := reflect.New(reflect.TypeOf(a.Act)).Elem()
			act.Set(reflect.ValueOf(a.Act))
			try := func(text reflect.Value) {
				before := text.String()
				text.SetString("TUYỆT MẬT")
				defer text.SetString(before)
				a.Act = act.Interface().(Act)
				files := slices.Repeat([]File{FileBytes("a.pdf", "", nil)}, len(a.Files))
				h := Header{ID: "click-1", From: "H05.07", IssuedAt: vectorTime.UTC(), Person: Person{Name: "Trần Thị Thư", Account: "p-0142"}}
				b, _, err := MarshalDossierAction(h, a, files)
				if err != nil {
					t.Fatal(err)
				}
				_, err = Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
				var r *Refusal
				if !errors.As(err, &r) || !r.Has(Secret) && r.Stage != StageSchema {
					t.Errorf("%s with a mark in place of %q: %v\n%s", a.Act.Name(), before, err, b)
				} else if r.Has(Secret) {
					secrets++
				}
			}
			eachText(act, try)
			if len(a.Files) > 0 {
				eachText(reflect.ValueOf(&a.Files[0]).Elem(), try)
			}
		}
	}
	if secrets < 150 {
		t.Errorf("%d marks were found, want more: the others failed for their form", secrets)
	}
}

func TestActionWriterRefuses(t *testing.T) {
	write := func(a DossierAction, files ...File) error {
		_, _, err := MarshalDossierAction(Header{}, a, files)
		return err
	}
	scan := FileBytes("a.pdf", "", []byte("x"))
	broken := File{Name: "a.pdf", Open: func() (io.ReadCloser, error) { return nil, errBroken }}
	for name, err := range map[string]error{
		"no act":                        write(DossierAction{}),
		"a pointer":                     write(DossierAction{Act: &Reopen{}}),
		"a file without its content":    write(DossierAction{Act: GiveOpinion{"a"}, Files: make([]ActFile, 1)}),
		"another content than was said": write(DossierAction{Act: GiveOpinion{"a"}, Files: []ActFile{{Name: "a.pdf"}}}, scan),
		"half a file":                   write(DossierAction{Act: GiveOpinion{"a"}, Files: []ActFile{{Name: "a.pdf"}}}, File{Name: "a.pdf", Open: func() (io.ReadCloser, error) { return io.NopCloser(brokenReader{}), nil }}),
		"a file that does not open":     write(DossierAction{Act: GiveOpinion{"a"}}, broken),
		"a name that leaves its folder": write(DossierAction{Act: GiveOpinion{"a"}}, FileBytes("../a.pdf", "", nil)),
		"too many files":                write(DossierAction{Act: GiveOpinion{"a"}}, make101(scan)...),
		"no XML":                        write(DossierAction{Act: GiveOpinion{"a\x00b"}}),
	} {
		if err == nil {
			t.Errorf("writes %s", name)
		}
	}
}

func make101(f File) []File { return slices.Repeat([]File{f}, MaxActionFiles+1) }

// edges keeps the first and last bytes of what is written, and counts the rest.
type edges struct {
	head, tail []byte
	size       int64
}

func (e *edges) Write(p []byte) (int, error) {
	e.size += int64(len(p))
	if len(e.head) < 64<<10 {
		e.head = append(e.head, p...)
	}
	e.tail = append(e.tail, p...)
	if n := len(e.tail) - 64<<10; n > 0 {
		e.tail = append(e.tail[:0], e.tail[n:]...)
	}
	return len(p), nil
}

// A scan of 100 MB is written, read, checked and handed out in little memory.
func TestMemoryOfLargeScan(t *testing.T) {
	const size = 102_000_000 // whole groups of three bytes
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f := File{Name: "bản quét.pdf", Open: func() (io.ReadCloser, error) { return io.NopCloser(&zeros{size}), nil }}
	h := Header{ID: "click-1", From: "H05.07", IssuedAt: vectorTime.UTC(), Person: Person{Name: "Trần Thị Thư", Account: "p-0142"}}
	var w edges
	layout, err := WriteDossierAction(&w, h, DossierAction{Target: paperTarget, Act: RegisterPaper{Channel: "paper", FromName: "A", Subject: "b"}}, []File{f})
	if err != nil || layout.Size != w.size {
		t.Fatalf("wrote %d bytes of %d (%v)", w.size, layout.Size, err)
	}
	head, _, ok1 := strings.Cut(string(w.head), "<Content>")
	_, tail, ok2 := strings.Cut(string(w.tail), "</Content>")
	if !ok1 || !ok2 {
		t.Fatal("the content is not where it should be")
	}
	src := endless{head: head + "<Content>", tail: "</Content>" + tail, middle: size / 3 * 4}
	if src.Size() != layout.Size {
		t.Fatalf("the same package has %d bytes, want %d", src.Size(), layout.Size)
	}
	p, err := Parse(context.Background(), Received{Source: src}, Options{Now: vectorTime})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Attachments[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n != size || p.Action.Files[0].Size != n {
		t.Errorf("read %d bytes (%v), want %d", n, err, size)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("allocated %d bytes in all, want at most 4 MiB", got)
	}
}

// The disk that fails while a file is checked is no fault of the package.
func TestActionSourceFails(t *testing.T) {
	b := string(actionOf(t, paperTarget, GiveOpinion{"a"}, FileBytes("a.pdf", "", []byte{0, 0, 0})))
	head, tail, ok := strings.Cut(b, ">AAAA<")
	if !ok {
		t.Fatal("the content is not where it was")
	}
	src := endless{head: head + ">", tail: "<" + tail, middle: 1 << 20, broken: true}
	_, err := Parse(context.Background(), Received{Source: src}, Options{Now: vectorTime})
	var r *Refusal
	if !errors.Is(err, errBroken) || errors.As(err, &r) {
		t.Errorf("got %v, want the source's error and no refusal", err)
	}
}
