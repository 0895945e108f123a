package schemas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
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
		AddItem{document(), maybe(t, text)},
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
	if put, ok := a.(AddItem); formOf(a).files && (!ok || put.Item == ActTarget{}) {
		for i := range rapid.IntRange(0, 3).Draw(t, "files") {
			content := append([]byte("."), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "content")...)
			f := FileBytes(fmt.Sprintf("tệp %d.pdf", i), maybe(t, func() string { return "application/pdf" }), content)
			f.Description = maybe(t, func() string { return line(t) })
			files = append(files, f)
		}
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
