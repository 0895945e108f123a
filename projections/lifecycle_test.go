package projections

import (
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/internal/view"
)

func TestLifecycle(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	ctx := t.Context()
	audit := view.Reader{Audit: true}
	doc := func(p paperSpec) view.Document {
		t.Helper()
		d, err := v.Document(ctx, audit, p.key())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}

	t.Run("acknowledged, forwarded, waiting", func(t *testing.T) {
		d := doc(s.letter)
		var states []string
		for _, r := range d.Recipients {
			states = append(states, r.State)
		}
		if !slices.Equal(states, []string{view.StateAcknowledged, view.StateForwarded, view.StateWaiting}) {
			t.Errorf("states %v", states)
		}
		if r := d.Recipients[0]; r.LastStatus != "03" || r.StatusAt.IsZero() || r.Since.IsZero() || r.Name != "Nơi nhận "+sxd {
			t.Errorf("recipient %+v", r)
		}
		if d.Recipients[1].Peer != peer {
			t.Errorf("peer %q, expected %q", d.Recipients[1].Peer, peer)
		}
		for i := 1; i < len(d.History); i++ {
			if d.History[i].Position <= d.History[i-1].Position {
				t.Errorf("history out of order at %d", d.History[i].Position)
			}
		}
		if d.Package.SHA256 != s.letter.pkg().SHA256.String() || d.Package.Size != s.letter.pkg().Length || d.Package.Position == 0 {
			t.Errorf("package %+v", d.Package)
		}
	})
	t.Run("recalled", func(t *testing.T) {
		d := doc(s.recalled)
		if d.Row.State != view.StateRecalled || d.Row.Note != "đã thu hồi" {
			t.Errorf("row %+v", d.Row)
		}
		if d.Recipients[0].State != view.StateWithdrawn || d.Recipients[1].State != view.StateRecalled {
			t.Errorf("recipients %+v", d.Recipients)
		}
		if len(d.Related) != 1 || d.Related[0] != (view.Relation{Kind: "recalled-by", Document: s.recall.key(), Number: "16/SXD-QLĐT", Org: sxd}) {
			t.Errorf("related %+v", d.Related)
		}
		if r := doc(s.recall); len(r.Related) != 1 || r.Related[0].Kind != "recalls" || r.Related[0].Number != "15/SXD-QLĐT" || r.Row.Business != 1 {
			t.Errorf("recalling document %+v", r.Related)
		}
		box, err := v.Mailbox(ctx, view.MailboxQuery{Org: syt})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range box.Rows {
			if e.ID == deliveryID(s.recalled, syt) {
				t.Error("a recalled document stays in the mailbox of who had not taken it")
			}
		}
		e, err := v.MailboxEntry(ctx, deliveryID(s.recalled, stp))
		if err != nil || e.State != view.StateTaken || !slices.Equal(e.Marks, []string{"recalled"}) {
			t.Errorf("entry %+v %v, expected taken and marked", e, err)
		}
		if got := numbers(t, v, view.RegisterQuery{Org: stp, Direction: view.Incoming, State: view.StateRecalled}); got != "15" {
			t.Errorf("recalled in the register: %q", got)
		}
	})
	t.Run("replaced", func(t *testing.T) {
		page, err := v.Register(ctx, view.RegisterQuery{Reader: view.Reader{Orgs: []string{sxd}}, Org: sxd, Direction: view.Incoming, Number: "90/QĐ"})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].Note != "thay thế bởi 91/QĐ-UBND" || page.Rows[0].Signed != "token:"+sxd {
			t.Errorf("register %+v %v", page.Rows, err)
		}
	})
	t.Run("effect before the document", func(t *testing.T) {
		d := doc(s.early)
		if d.Row.Note != "đã được cập nhật" || len(d.Related) != 1 || d.Row.State != view.StateWaiting {
			t.Errorf("%+v %+v", d.Row, d.Related)
		}
		if got := numbers(t, v, view.RegisterQuery{Words: "đến sau khi bị"}); got != "100" {
			t.Errorf("found by words: %q", got)
		}
		if got := numbers(t, v, view.RegisterQuery{Org: stp, Direction: view.Incoming, Words: "đến sau khi bị"}); got != "100" {
			t.Errorf("found by the recipient: %q", got)
		}
	})
	t.Run("resent and found by later recipients", func(t *testing.T) {
		for _, org := range []string{sxd, syt, bn} {
			if got := numbers(t, v, view.RegisterQuery{Org: org, Direction: view.Incoming, Words: "gop y", Correspondent: stp}); got != "7" {
				t.Errorf("%s finds %q", org, got)
			}
			if got := numbers(t, v, view.RegisterQuery{Org: stp, Words: "gop y", Correspondent: org}); got != "7" {
				t.Errorf("sender finds %q by recipient %s", got, org)
			}
		}
		if got := numbers(t, v, view.RegisterQuery{Org: stp, Words: "góp ý"}); got != "7" {
			t.Errorf("sender finds %q, expected it once", got)
		}
		if d := doc(s.resent); len(d.Recipients) != 3 {
			t.Errorf("recipients %+v", d.Recipients)
		}
	})
	t.Run("words destroyed", func(t *testing.T) {
		d := doc(s.destroyed)
		if d.Row.Destroyed != view.DestroyedByUnrecorded || d.Row.Subject != "" || d.Row.Number != "" || d.Row.Signer != "" {
			t.Errorf("row %+v", d.Row)
		}
		if d.Row.From.Name != "Sở Y tế" || d.Row.To[0].Name != "UBND tỉnh Bắc Giang" || d.Recipients[0].State != view.StateWaiting || len(d.History) != 2 {
			t.Errorf("what is not words is gone: %+v %+v", d.Row, d.History)
		}
		if got := numbers(t, v, view.RegisterQuery{Org: ubnd, Direction: view.Incoming, Words: "ca nhan"}); got != "" {
			t.Errorf("destroyed words found: %q", got)
		}
		page, err := v.Register(ctx, view.RegisterQuery{Reader: audit, Org: ubnd, Direction: view.Incoming, Correspondent: syt})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].Document != s.destroyed.key() {
			t.Errorf("found by correspondent: %+v %v", page.Rows, err)
		}
	})
	t.Run("not delivered", func(t *testing.T) {
		d := doc(s.stuck)
		if r := d.Recipients[0]; r.State != view.StateFailed || r.Reason != "unreachable" || d.Row.State != view.StateFailed {
			t.Errorf("%+v", r)
		}
		list, err := v.NotTaken(ctx, view.Reader{Orgs: []string{ubnd}}, ubnd, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range list {
			got = append(got, p.Number+" "+p.To.Org+" "+p.State)
		}
		want := []string{"7816/UBND-TTĐT " + syt + " waiting", "91/QĐ-UBND " + sxd + " waiting", "100/UBND " + stp + " waiting", "55/UBND " + vpcp + " failed"}
		if !slices.Equal(got, want) {
			t.Errorf("not taken %q, expected %q", got, want)
		}
	})
	t.Run("outstanding", func(t *testing.T) {
		list, err := v.Outstanding(ctx, peer, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, o := range list {
			ids = append(ids, o.ID)
		}
		want := []string{deliveryID(s.waiting, vpcp), delivery.Key(s.letter.stream(), delivery.ItemStatus(s.askedBack), vpcp)}
		if !slices.Equal(ids, want) {
			t.Fatalf("outstanding %q, expected %q", ids, want)
		}
		if o := list[0]; o.Attempts != 1 || o.Reason != "busy" || o.Peer != peer || o.Cause == 0 || o.Document != s.waiting.key() {
			t.Errorf("%+v", o)
		}
		if after, err := v.Outstanding(ctx, peer, list[0].Seq, 0); err != nil || len(after) != 1 || after[0].Kind != "status" {
			t.Errorf("after the first: %+v %v", after, err)
		}
		if other, err := v.Outstanding(ctx, "other/log", 0, 0); err != nil || len(other) != 0 {
			t.Errorf("of another peer: %+v %v", other, err)
		}
	})
	t.Run("mailbox", func(t *testing.T) {
		box, err := v.Mailbox(ctx, view.MailboxQuery{Org: ubnd, Limit: 2})
		if err != nil || len(box.Rows) != 2 || box.Next == "" || box.Total != 4 {
			t.Fatalf("%+v %v", box, err)
		}
		if e := box.Rows[0]; e.Kind != "status" || e.From.Org != sxd || e.Package != s.status.String() || e.Size == 0 || e.Document != s.letter.key() {
			t.Errorf("status entry %+v", e)
		}
		rest, err := v.Mailbox(ctx, view.MailboxQuery{Org: ubnd, After: box.Rows[1].Seq})
		if err != nil || len(rest.Rows) != 2 || rest.Rows[0].Seq <= box.Rows[1].Seq {
			t.Errorf("%+v %v", rest, err)
		}
		if docs, err := v.Mailbox(ctx, view.MailboxQuery{Org: ubnd, Kind: "document"}); err != nil || docs.Total != 3 {
			t.Errorf("documents: %+v %v", docs, err)
		}
		if done, err := v.Mailbox(ctx, view.MailboxQuery{Org: sxd, State: view.StateAcknowledged}); err != nil || len(done.Rows) != 2 {
			t.Errorf("acknowledged: %+v %v", done, err)
		}
		if none, err := v.Mailbox(ctx, view.MailboxQuery{Org: vpcp}); err != nil || len(none.Rows) != 0 {
			t.Errorf("mailbox of another node's agency: %+v %v", none, err)
		}
	})
	t.Run("names over time", func(t *testing.T) {
		for at, want := range map[time.Time]string{s.clock: "Sở Xây dựng và Giao thông", s.clock.Add(-30 * time.Second): "Sở Xây dựng", {}: "Sở Xây dựng"} {
			if got, err := v.OrganisationName(ctx, sxd, at); got != want || err != nil {
				t.Errorf("name at %v: %q %v, expected %q", at, got, err, want)
			}
		}
		if got, err := v.OrganisationName(ctx, "X99", s.clock); got != "" || err != nil {
			t.Errorf("name of an unknown one: %q %v", got, err)
		}
	})
	t.Run("certificates", func(t *testing.T) {
		soon, err := v.Certificates(ctx, time.Date(2022, 12, 25, 0, 0, 0, 0, time.UTC))
		if err != nil || len(soon) != 1 || soon[0].Holder != sxd || soon[0].Name != "Sở Xây dựng và Giao thông" {
			t.Errorf("%+v %v", soon, err)
		}
		if later, err := v.Certificates(ctx, time.Date(2022, 12, 24, 0, 0, 0, 0, time.UTC)); err != nil || len(later) != 0 {
			t.Errorf("%+v %v", later, err)
		}
	})
	t.Run("counters", func(t *testing.T) {
		h, err := v.Health(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int64{
			"events": int64(s.Head().Size), "documents": 12, "resent": 1, "statuses": 2, "deliveries": 2, "forwarded": 1, "failed": 1, "withdrawn": 1, "refused": 2, "refused:2004": 2,
		} {
			if h.Counts[name] != want {
				t.Errorf("%s: %d, expected %d", name, h.Counts[name], want)
			}
		}
		if r, err := v.Refusals(ctx); err != nil || len(r) != 1 || r["2004"] != 2 {
			t.Errorf("refusals %v %v", r, err)
		}
	})
	t.Run("totals of whole registers", func(t *testing.T) {
		for _, org := range everybody {
			for _, dir := range []view.Direction{view.Outgoing, view.Incoming} {
				page, err := v.Register(ctx, view.RegisterQuery{Reader: audit, Org: org, Direction: dir})
				if err != nil || page.Total != len(page.Rows) || page.AsOf != s.Head().Size {
					t.Errorf("%s %s: total %d, rows %d, as of %d, %v", org, dir, page.Total, len(page.Rows), page.AsOf, err)
				}
			}
		}
	})
	t.Run("cursor of a subscriber", func(t *testing.T) {
		if p, err := v.Cursor(ctx, "router"); p != 0 || err != nil {
			t.Fatalf("%d %v", p, err)
		}
		for _, want := range []uint64{7, 9} {
			if err := v.SaveCursor(ctx, "router", want); err != nil {
				t.Fatal(err)
			}
			if p, err := v.Cursor(ctx, "router"); p != want || err != nil {
				t.Fatalf("%d %v, expected %d", p, err, want)
			}
		}
	})
}

// TestReasonGoesWithItsState: why something could not be handed over is of no interest once it was.
func TestReasonGoesWithItsState(t *testing.T) {
	l := newTestLog("bg/log")
	l.organisations(t)
	p := paperSpec{from: ubnd, number: "1", notation: "UBND", subject: "Chờ rồi đi", typ: "Công văn", date: "2022-11-23", to: []string{vpcp}}
	l.offer(t, p, l.receive(t, p), vpcp)
	l.add(t, record{stream: deliveryStream(p, vpcp), name: delivery.NameRetrying, data: delivery.Retrying{Reason: "unreachable", Attempts: 3}})
	l.add(t, record{stream: deliveryStream(p, vpcp), name: delivery.NameForwarded, data: delivery.Forwarded{Node: peer, Position: 5}})
	v := openViews(t, viewsPath(t), l, Options{})
	d, err := v.Document(t.Context(), view.Reader{Orgs: []string{ubnd}}, p.key())
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Recipients[0]; r.State != view.StateForwarded || r.Reason != "" {
		t.Errorf("state %s, reason %q, expected forwarded and none", r.State, r.Reason)
	}
}
