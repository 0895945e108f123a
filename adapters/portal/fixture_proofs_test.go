package portal

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/internal/bilingual"
	"github.com/tram-exchange/tram/internal/view"
)

// fakeProofs is the log as a whole, in memory.
type fakeProofs struct {
	clock *clockwork

	mu        sync.Mutex
	published *Published
	runs      []Verification // newest first
}

func newFakeProofs(clock *clockwork) *fakeProofs {
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	return &fakeProofs{clock: clock,
		published: &Published{Head: Head{Origin: "tram.bacgiang.example/log", Size: 4300, Root: root, Time: testNow.Add(-time.Minute)},
			Text: []byte("tram.bacgiang.example/log\n4300\n" + root + "\n\n— tram.bacgiang.example/log AAAA\n"),
			Key:  "tram.bacgiang.example/log+33d7b496+AeHZzYtGvBx0L9xVnfzrKd8yGQWkdNVFPb6S3LaJUCpv", Path: "https://tram.bacgiang.example:8443/log/", Need: 1, Of: 2, Have: 1},
		runs: []Verification{
			{ID: "20261121-070000", By: "vanhanh", Started: testNow.Add(-26 * time.Hour), Ended: testNow.Add(-26*time.Hour + 42*time.Second), Outcome: OutcomeProved,
				Size: 4100, Events: 4100, Packages: 790, Judged: 790, Report: true, Open: []bilingual.Text{bilingual.Say("rằng không có sự kiện nào bị cắt ở cuối: không có mốc cũ để so", "that no events were cut off at the end: no older checkpoint was given")}},
			{ID: "20261101-070000", By: "vanhanh", Started: testNow.Add(-500 * time.Hour), Ended: testNow.Add(-499 * time.Hour), Outcome: OutcomeEnded},
		}}
}

func (f *fakeProofs) Published(context.Context) (Published, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.published == nil {
		return Published{}, view.ErrNotFound
	}
	return *f.published, nil
}

func (f *fakeProofs) LastStamp(context.Context) (Stamp, error) {
	return Stamp{Time: testNow.Add(-5 * time.Hour), By: "TSA thử nghiệm", Valid: true, Size: 4200}, nil
}

func (f *fakeProofs) Verifications(context.Context) ([]Verification, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.runs), nil
}

func (f *fakeProofs) Verify(_ context.Context, account string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.runs[0].Running() {
		return ErrVerifying
	}
	f.runs = slices.Insert(f.runs, 0, Verification{ID: strconv.Itoa(len(f.runs)), By: account, Started: f.clock.now(), Stage: "judge", Done: 37, Total: 100})
	return nil
}

// end lets the running verification come to its end.
func (f *fakeProofs) end(change func(*Verification)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs[0].Ended = f.runs[0].Started.Add(3 * time.Second)
	change(&f.runs[0])
}

func (f *fakeProofs) Report(_ context.Context, id string) (io.ReadCloser, error) {
	if id != "20261121-070000" {
		return nil, view.ErrNotFound
	}
	return io.NopCloser(strings.NewReader("<!doctype html><title>Biên bản kiểm chứng</title><style>body{color:#000}</style><p>Đúng</p>")), nil
}

func (f *fixture) Search(_ context.Context, q view.SearchQuery) (view.Page[view.RegisterRow], error) {
	page := view.Page[view.RegisterRow]{AsOf: uint64(len(f.docs) * 10)}
	if f.broken != nil {
		return page, f.broken
	}
	start := 0
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil {
			return page, fmt.Errorf("couldn't read cursor %q: %w", q.Cursor, view.ErrQuery)
		}
		start = n
	}
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	var all []view.RegisterRow
	for _, d := range slices.Backward(f.docs) {
		row := d.doc.Row
		words := true
		for _, w := range strings.Fields(q.Words) {
			words = words && strings.Contains(plain(row.Subject), plain(w))
		}
		_, to := d.to[q.Recipient]
		if !f.sees(q.Reader, d) || !words || q.Sender != "" && d.sender != q.Sender || q.Recipient != "" && !to || q.Number != "" && !strings.Contains(plain(row.Number), plain(q.Number)) ||
			q.From != "" && row.Date < q.From || q.To != "" && row.Date > q.To || q.TypeName != "" && row.TypeName != q.TypeName {
			continue
		}
		all = append(all, row)
	}
	end := min(start+q.Limit, len(all))
	page.Rows, page.Total = all[min(start, len(all)):end], len(all)
	if end < len(all) {
		page.Next, page.Total = strconv.Itoa(end), -1
	}
	return page, nil
}
