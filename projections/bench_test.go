package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/view"
)

var subjectWords = strings.Fields("về việc phê duyệt kế hoạch đầu tư công trung hạn giai đoạn triển khai nhiệm vụ phát triển kinh tế xã hội " +
	"báo cáo kết quả thực hiện nghị quyết hội đồng nhân dân tỉnh tăng cường quản lý đất đai xây dựng giao thông y tế giáo dục thủy lợi phòng chống dịch " +
	"bão lụt cải cách hành chính chuyển đổi số an toàn thông tin mời họp góp ý dự thảo quyết định công bố danh mục thủ tục")

// workingDays is a log of documents: each received, offered to two of 38 units, taken, acknowledged, answered with a status
// that its sender takes in turn: 11 events a document. A thousand documents are under way at any time, as at 5,000/s.
func workingDays(t testing.TB, documents int) *testLog {
	l := newTestLog("bench/log")
	r := rand.New(rand.NewPCG(1, 2))
	units := make([]string, 38)
	for i := range units {
		units[i] = fmt.Sprintf("H02.%02d", i+1)
	}
	types := []string{"Công văn", "Quyết định", "Báo cáo", "Tờ trình", "Giấy mời", "Kế hoạch"}
	subject := func() string {
		w := make([]string, 18)
		for i := range w {
			w[i] = subjectWords[r.IntN(len(subjectWords))]
		}
		w[9] = fmt.Sprintf("%d%c", r.IntN(5000), 'a'+rune(r.IntN(20)))
		return strings.Join(w, " ")
	}
	type step struct {
		p     paperSpec
		pos   uint64
		stage int
	}
	const underWay = 1000
	var ring []step
	advance := func(s *step) bool {
		switch a, b := s.p.to[0], s.p.to[1]; s.stage {
		case 0:
			s.pos = l.receive(t, s.p)
		case 1:
			l.offer(t, s.p, s.pos, a, b)
		case 2:
			l.take(t, s.p, a)
			l.acknowledge(t, s.p, a)
		case 3:
			l.take(t, s.p, b)
			l.acknowledge(t, s.p, b)
		case 4:
			l.status(t, s.p, a, "03")
			return false
		}
		s.stage++
		return true
	}
	next := 0
	start := time.Date(2021, 1, 4, 0, 0, 0, 0, time.UTC)
	for next < documents || len(ring) > 0 {
		if next < documents && len(ring) < underWay {
			from := r.IntN(38)
			p := paperSpec{from: units[from], number: fmt.Sprint(next%9000 + 1), notation: "SXD-VP" + fmt.Sprint(from), subject: subject(), typ: types[r.IntN(len(types))],
				date: start.AddDate(0, 0, next*700/documents).Format(time.DateOnly), to: []string{units[(from+1+r.IntN(18))%38], units[(from+20+r.IntN(17))%38]}}
			ring = append(ring, step{p: p})
			next++
		}
		i := r.IntN(len(ring))
		if !advance(&ring[i]) {
			ring[i] = ring[len(ring)-1]
			ring = ring[:len(ring)-1]
		}
	}
	return l
}

var benchLogs sync.Map

func benchLog(b testing.TB, documents int) *testLog {
	if l, ok := benchLogs.Load(documents); ok {
		return l.(*testLog)
	}
	l := workingDays(b, documents)
	benchLogs.Store(documents, l)
	return l
}

// BenchmarkReplay reads a log from memory into new views; one operation is one event.
func BenchmarkReplay(b *testing.B) {
	for _, documents := range []int{20_000} {
		b.Run(fmt.Sprintf("documents=%d", documents), func(b *testing.B) {
			l := benchLog(b, documents)
			n := 0
			cpu := time.Duration(0)
			b.ResetTimer()
			for n < b.N {
				start := cpuTime()
				v, err := Open(b.Context(), filepath.Join(b.TempDir(), "views.db"), l, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := v.CatchUp(b.Context()); err != nil {
					b.Fatal(err)
				}
				cpu += cpuTime() - start
				n += len(l.stmts)
				b.StopTimer()
				if err := v.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/event")
		})
	}
}

// BenchmarkQuestions measures answers at two sizes.
func BenchmarkQuestions(b *testing.B) {
	for _, documents := range []int{10_000, 100_000} {
		l := benchLog(b, documents)
		v := openViews(b, filepath.Join(b.TempDir(), "views.db"), l, Options{})
		reader := view.Reader{Orgs: []string{"H02.07"}}
		for _, c := range []struct {
			name string
			q    view.RegisterQuery
		}{
			{"first-page", view.RegisterQuery{}},
			{"one-common-word", view.RegisterQuery{Words: "kế hoạch"}},
			{"three-words", view.RegisterQuery{Words: "phat trien du"}},
			{"rare-word", view.RegisterQuery{Words: "4711c"}},
			{"number", view.RegisterQuery{Number: "781/SXD"}},
			{"number-2-characters", view.RegisterQuery{Number: "78"}},
			{"month", view.RegisterQuery{From: "2021-03-01", To: "2021-03-31"}},
			{"since", view.RegisterQuery{From: "2022-11-01"}},
			{"combined", view.RegisterQuery{Words: "đầu tư", Correspondent: "H02.01", TypeName: "quyết định", From: "2021-01-01", To: "2022-06-30"}},
			{"state", view.RegisterQuery{State: view.StateWaiting}},
		} {
			for _, dir := range []view.Direction{view.Outgoing, view.Incoming} {
				b.Run(fmt.Sprintf("documents=%d/%s/%s", documents, c.name, dir), func(b *testing.B) {
					c.q.Reader, c.q.Org, c.q.Direction = reader, "H02.07", dir
					for b.Loop() {
						if _, err := v.Register(b.Context(), c.q); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
		b.Run(fmt.Sprintf("documents=%d/mailbox", documents), func(b *testing.B) {
			for b.Loop() {
				if _, err := v.Mailbox(b.Context(), view.MailboxQuery{Org: "H02.07"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// paced reveals a finished log bit by bit.
type paced struct {
	*testLog
	mu    sync.Mutex
	size  uint64
	grown chan struct{}
}

func (p *paced) reveal(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size += n
	close(p.grown)
	p.grown = make(chan struct{})
}

func (p *paced) Head() events.Head {
	p.mu.Lock()
	defer p.mu.Unlock()
	return events.Head{Origin: p.origin, Size: p.size}
}

func (p *paced) Wait(ctx context.Context, size uint64) (events.Head, error) {
	for {
		p.mu.Lock()
		n, grown := p.size, p.grown
		p.mu.Unlock()
		if n > size {
			return p.Head(), nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return events.Head{}, ctx.Err()
		}
	}
}

func (p *paced) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	size := p.Head().Size
	if from >= size {
		return nil
	}
	err := p.testLog.All(ctx, from, func(e events.Event) error {
		if err := f(e); err != nil || e.Position+1 < size {
			return err
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// BenchmarkLag lets 10,000 events a second come in, in commits of 100, and measures how long after each commit the views
// answer with it. One operation is one commit.
func BenchmarkLag(b *testing.B) {
	const perCommit, perSecond = 100, 10_000
	l := benchLog(b, 20_000)
	src := &paced{testLog: l, grown: make(chan struct{})}
	v, err := Open(b.Context(), filepath.Join(b.TempDir(), "views.db"), src, Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ran := make(chan error, 1)
	go func() { ran <- v.Run(ctx) }()
	lags := make([]time.Duration, min(b.N, len(l.stmts)/perCommit))
	var waiters sync.WaitGroup
	tick := time.NewTicker(time.Second * perCommit / perSecond)
	defer tick.Stop()
	cpu := cpuTime()
	b.ResetTimer()
	for i := range lags {
		<-tick.C
		src.reveal(perCommit)
		size, at := src.Head().Size, time.Now()
		waiters.Go(func() {
			if err := v.WaitFor(ctx, size); err != nil {
				b.Error(err)
			}
			lags[i] = time.Since(at)
		})
	}
	waiters.Wait()
	b.StopTimer()
	cpu = cpuTime() - cpu
	cancel()
	<-ran
	if err := v.Close(); err != nil {
		b.Fatal(err)
	}
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(lags)*perCommit)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(len(lags)*perCommit), "cpu-µs/event")
}
