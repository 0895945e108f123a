package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway/rerun"
)

// remoteCopy is what a node showed, in a temporary file that has no name, so that the rules can ask for any stream. Only its index is
// in memory. It is filled by one goroutine, and after done read by any number.
type remoteCopy struct {
	r    *remoteRecord // that evidence and packages are fetched through
	f    *os.File
	w    *bufio.Writer
	end  int64
	at   []int64           // where events lie, by position
	prev []uint64          // position of the event before in the same stream, plus one
	last map[string]uint64 // position of the last event of a stream, plus one
}

var _ rerun.Record = (*remoteCopy)(nil)

func newRemoteCopy(r *remoteRecord) (*remoteCopy, error) {
	f, err := unnamed()
	if err != nil {
		return nil, fmt.Errorf("couldn't keep statements: %w", err)
	}
	return &remoteCopy{r: r, f: f, w: bufio.NewWriterSize(f, 1<<18), last: map[string]uint64{}}, nil
}

// unnamed makes a temporary file that goes with the process.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "tram-verify-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (c *remoteCopy) close() { _ = c.f.Close() }

// copyHeader is the lengths of statement and facts; facts of length zero are none.
const copyHeader = 8

// add takes the next event; one that is withheld has no bytes.
func (c *remoteCopy) add(e events.Event) error {
	c.at = append(c.at, c.end)
	if e.Bytes == nil {
		c.prev = append(c.prev, 0)
	} else {
		c.prev = append(c.prev, c.last[e.Statement.Stream])
		c.last[e.Statement.Stream] = e.Position + 1
	}
	var header [copyHeader]byte
	binary.BigEndian.PutUint32(header[:], uint32(len(e.Bytes)))
	binary.BigEndian.PutUint32(header[4:], uint32(len(e.Facts)))
	for _, b := range [][]byte{header[:], e.Bytes, e.Facts} {
		n, err := c.w.Write(b)
		if c.end += int64(n); err != nil {
			return fmt.Errorf("couldn't keep statements: %w", err)
		}
	}
	return nil
}

func (c *remoteCopy) done() error {
	if err := c.w.Flush(); err != nil {
		return fmt.Errorf("couldn't keep statements: %w", err)
	}
	return nil
}

// events reads a stretch.
func (c *remoteCopy) events(from, to uint64) ([]events.Event, error) {
	end := c.end
	if to < uint64(len(c.at)) {
		end = c.at[to]
	}
	b := make([]byte, end-c.at[from])
	if _, err := c.f.ReadAt(b, c.at[from]); err != nil {
		return nil, fmt.Errorf("couldn't read statements back: %w", err)
	}
	list := make([]events.Event, 0, to-from)
	for p := from; p < to; p++ {
		s, f := int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))
		e := events.Event{Position: p}
		if s > 0 {
			e.Bytes = b[copyHeader : copyHeader+s : copyHeader+s]
			var err error
			if e.Statement, err = events.DecodeStatement(e.Bytes); err != nil {
				return nil, err
			}
			if f > 0 {
				e.Facts = b[copyHeader+s : copyHeader+s+f : copyHeader+s+f]
			}
			e.Destroyed = e.Statement.Facts != nil && f == 0
		}
		list, b = append(list, e), b[copyHeader+s+f:]
	}
	return list, nil
}

// Event implements rerun.Record.
func (c *remoteCopy) Event(_ context.Context, position uint64) (events.Event, error) {
	if position >= uint64(len(c.at)) {
		return events.Event{}, events.ErrNotFound
	}
	list, err := c.events(position, position+1)
	if err != nil {
		return events.Event{}, err
	}
	if list[0].Bytes == nil {
		return events.Event{}, events.ErrNotFound
	}
	return list[0], nil
}

// Stream implements rerun.Record.
func (c *remoteCopy) Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error {
	var positions []uint64
	for next := c.last[stream]; next > 0; next = c.prev[next-1] {
		positions = append(positions, next-1)
	}
	for _, p := range slices.Backward(positions) {
		e, err := c.Event(ctx, p)
		if err == nil && e.Statement.Version >= from {
			err = f(e)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// FindPackage implements rerun.Record. It reads everything: only decisions to destroy ask.
func (c *remoteCopy) FindPackage(ctx context.Context, sha256 events.Digest) (positions []uint64, err error) {
	const stretch = 256
	for from := uint64(0); from < uint64(len(c.at)); from += stretch {
		list, err := c.events(from, min(from+stretch, uint64(len(c.at))))
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if p := e.Statement.Package; p != nil && p.SHA256 == sha256 {
				positions = append(positions, e.Position)
			}
		}
	}
	return positions, nil
}

// Evidence implements rerun.Record: what is asked for by digest alone are answers of authorities.
func (c *remoteCopy) Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error) {
	return (&remoteBeside{r: c.r, ctx: ctx}).OtherEvidence(sha256)
}

// OpenPackage implements rerun.Record.
func (c *remoteCopy) OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error) {
	positions, err := c.FindPackage(ctx, sha256)
	if err != nil || len(positions) == 0 {
		return nil, errors.Join(err, events.ErrNotFound)
	}
	e, err := c.Event(ctx, positions[0])
	if err != nil {
		return nil, err
	}
	return (&remoteBeside{r: c.r, ctx: ctx, e: e}).OpenPackage()
}

// fetched is a package in a temporary file.
type fetched struct {
	*os.File
	size int64
}

var _ io.ReaderAt = (*fetched)(nil)

func (f *fetched) Size() int64 { return f.size }
