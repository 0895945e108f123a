package portal

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// volume is how much an agency sent and received on each of the last days, and how far what it sent has got.
type volume struct {
	Days                     []dayVolume // oldest first
	Done, Open, Failed, Back int         // outgoing documents of those days
	Capped                   int         // counts only the latest so many of a register, 0: all
}

type dayVolume struct {
	Day     time.Time // midnight, +07:00
	In, Out int
}

// Sent in those days.
func (v volume) Sent() int { return v.Done + v.Open + v.Failed + v.Back }

// Total of both directions.
func (v volume) Total() int {
	n := 0
	for _, d := range v.Days {
		n += d.In + d.Out
	}
	return n
}

const (
	volumeDays = 14
	volumeMost = 5000 // rows read of each register at most
	volumeLife = 30 * time.Second
)

// volumeCache spares the views the same count for every click. Counts of an agency are the same for all its people.
type volumeCache struct {
	mu   sync.Mutex
	kept map[string]keptVolume
}

type keptVolume struct {
	volume
	until time.Time
}

func newVolumeCache() *volumeCache { return &volumeCache{kept: map[string]keptVolume{}} }

// volumeOf counts by reading the register from the latest entry back to the first day.
func (p *Portal) volumeOf(ctx context.Context, r view.Reader, org string) (volume, error) {
	c := p.volumes
	c.mu.Lock()
	kept, ok := c.kept[org]
	c.mu.Unlock()
	if ok && r.Now.Before(kept.until) {
		return kept.volume, nil
	}
	vol, err := p.countVolume(ctx, r, org)
	if err != nil {
		return volume{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= nameRoom {
		clear(c.kept)
	}
	c.kept[org] = keptVolume{vol, r.Now.Add(volumeLife)}
	return vol, nil
}

func (p *Portal) countVolume(ctx context.Context, r view.Reader, org string) (volume, error) {
	var vol volume
	y, m, d := r.Now.In(vietnamTime).Date()
	first := time.Date(y, m, d-volumeDays+1, 0, 0, 0, 0, vietnamTime)
	for i := range volumeDays {
		vol.Days = append(vol.Days, dayVolume{Day: first.AddDate(0, 0, i)})
	}
	for _, direction := range []view.Direction{view.Outgoing, view.Incoming} {
		q := view.RegisterQuery{Reader: r, Org: org, Direction: direction, Limit: printBatch}
		for read := 0; ; {
			page, err := p.cfg.Views.Register(ctx, q)
			if err != nil {
				return volume{}, err
			}
			older := false
			for _, row := range page.Rows {
				older = !vol.add(direction, row, first) || older
			}
			read += len(page.Rows)
			if page.Next == "" || older {
				break
			}
			if read >= volumeMost {
				vol.Capped = volumeMost
				break
			}
			q.Cursor = page.Next
		}
	}
	return vol, nil
}

// add counts one row; false when it is older than the first day.
func (v *volume) add(direction view.Direction, row view.RegisterRow, first time.Time) bool {
	at := row.SentAt
	if direction == view.Incoming {
		at = row.ArrivedAt
	}
	i := int(math.Floor(at.Sub(first).Hours() / 24))
	if i < 0 {
		return false
	}
	if i >= len(v.Days) {
		return true
	}
	if direction == view.Incoming {
		v.Days[i].In++
		return true
	}
	v.Days[i].Out++
	switch row.State {
	case view.StateAcknowledged, view.StateForwarded:
		v.Done++
	case view.StateFailed:
		v.Failed++
	case view.StateRecalled, view.StateWithdrawn:
		v.Back++
	default:
		v.Open++
	}
	return true
}

// barChart is the volume as rectangles in the units of its viewBox; the page draws them without any script.
type barChart struct {
	Width, Height int
	Lines         []chartLine
	Days          []chartDay
}

type chartLine struct {
	Y     int
	Label int
}

type chartDay struct {
	dayVolume
	X, Middle        int
	InX, InY, InH    int
	OutX, OutY, OutH int
	Width            int
	Label            string // "22/11", "" between
	Today            bool
}

// Chart lays out the bars: 14 groups of two, three grid lines at round numbers.
func (v volume) Chart() barChart {
	const left, top, base, group, bar = 30, 12, 152, 26, 9
	c := barChart{Width: left + group*len(v.Days) + 6, Height: base + 24}
	most := 1
	for _, d := range v.Days {
		most = max(most, d.In, d.Out)
	}
	step := niceStep(most)
	limit := step * ((most + step - 1) / step)
	y := func(n int) int { return base - (base-top)*n/limit }
	for n := 0; n <= limit; n += step {
		c.Lines = append(c.Lines, chartLine{y(n), n})
	}
	for i, d := range v.Days {
		x := left + i*group
		day := chartDay{dayVolume: d, X: x, Middle: x + group/2, Width: bar, InX: x + group/2 - bar - 1, OutX: x + group/2 + 1, Today: i == len(v.Days)-1}
		day.InY, day.OutY = y(d.In), y(d.Out)
		day.InH, day.OutH = base-day.InY, base-day.OutY
		if (len(v.Days)-1-i)%2 == 0 {
			day.Label = d.Day.Format("02/01")
		}
		c.Days = append(c.Days, day)
	}
	return c
}

// niceStep gives 1, 2 or 5 times a power of ten so that at most four steps reach n.
func niceStep(n int) int {
	for p := 1; ; p *= 10 {
		for _, m := range []int{1, 2, 5} {
			if p*m*4 >= n {
				return p * m
			}
		}
	}
}

// ringPart is one arc of the ring chart, as lengths on a circle of circumference 100.
type ringPart struct {
	Class, Key     string
	Count          int
	Length, Offset string
	Gap            string
}

// Ring shares what was sent among received, open, failed and taken back.
func (v volume) Ring() []ringPart {
	var parts []ringPart
	at := 0.0
	for _, s := range []struct {
		class, key string
		n          int
	}{{"done", "home.share.done", v.Done}, {"open", "home.share.open", v.Open}, {"failed", "home.share.failed", v.Failed}, {"back", "home.share.back", v.Back}} {
		share := 0.0
		if sent := v.Sent(); sent > 0 {
			share = 100 * float64(s.n) / float64(sent)
		}
		parts = append(parts, ringPart{s.class, s.key, s.n, fixed(share), fixed(25 - at), fixed(100 - share)})
		at += share
	}
	return parts
}

// DonePercent of what was sent, rounded down so that 100 means all.
func (v volume) DonePercent() int {
	if v.Sent() == 0 {
		return 0
	}
	return 100 * v.Done / v.Sent()
}
