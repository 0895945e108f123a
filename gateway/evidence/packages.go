package evidence

import (
	"context"
	"sync"

	"github.com/tram-exchange/tram/events"
)

// packages reads stored packages one after the other: of the hundreds that a document may have, one is open at a time.
type packages struct {
	ctx    context.Context
	record Record

	mu   sync.Mutex
	sum  events.Digest
	open events.PackageReader // that of sum; nil: none
}

// at opens a package, and closes the one before.
func (p *packages) at(sum events.Digest) (events.PackageReader, error) {
	if p.open != nil && p.sum == sum {
		return p.open, nil
	}
	if err := p.close(); err != nil {
		return nil, err
	}
	r, err := p.record.OpenPackage(p.ctx, sum)
	if err != nil {
		return nil, err
	}
	p.sum, p.open = sum, r
	return r, nil
}

func (p *packages) close() error {
	if p.open == nil {
		return nil
	}
	r := p.open
	p.open = nil
	return r.Close()
}

// Close ends reading.
func (p *packages) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.close()
}

// stored gives a package as a document.
func (p *packages) stored(sum events.Digest) (*stored, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.at(sum)
	if err != nil {
		return nil, err
	}
	return &stored{p: p, sum: sum, size: r.Size()}, nil
}

type stored struct {
	p    *packages
	sum  events.Digest
	size int64
}

// Size implements signing.Source.
func (s *stored) Size() int64 { return s.size }

// ReadAt implements signing.Source.
func (s *stored) ReadAt(b []byte, off int64) (int, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	r, err := s.p.at(s.sum)
	if err != nil {
		return 0, err
	}
	return r.ReadAt(b, off)
}
