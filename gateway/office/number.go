package office

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway"
)

// numberTries is how often the next number is tried when others take it first. Within a node they wait for each other (books), so the
// others are other nodes of the log.
const numberTries = 100

// number gives a thing the number that it waits for: chosen on its own stream, taken on the number's, said on its own. It goes on
// wherever an earlier try has ended.
func (o *Office) number(ctx context.Context, stream string) error {
	for range numberTries {
		own, err := o.own(ctx, stream)
		if err != nil {
			return err
		}
		x, ok := gateway.NumberedOf(stream, own)
		if !ok || !x.Wanted {
			return nil
		}
		done, err := o.numberOnce(ctx, x)
		if done || err != nil && !errors.Is(err, gateway.ErrNumberGone) {
			return err
		}
	}
	return gateway.Refuse(gateway.CodeNumberContended)
}

// numberOnce brings it as far as it comes with one choice. done says that it has its number.
func (o *Office) numberOnce(ctx context.Context, x gateway.Numbered) (done bool, err error) {
	book := fmt.Sprintf("%s/%s/%d", x.Book.Org, x.Book.Name, x.Book.Year)
	defer o.books.Lock(book)()
	if x.Chosen > 0 {
		s, err := o.streams.Number(ctx, x.Book.Stream(x.Chosen))
		if err != nil {
			return false, err
		}
		if s.Taken() && s.Holder != x.Stream {
			o.hints.note(book, x.Chosen+1)
			return false, o.choose(ctx, x, book)
		}
	} else {
		return false, o.choose(ctx, x, book)
	}
	if err := o.take(ctx, x); err != nil {
		return false, err
	}
	o.hints.note(book, x.Chosen+1)
	return true, o.has(ctx, x)
}

// again is what the stream says now of the thing.
func again(x gateway.Numbered, history []events.Event) (gateway.Numbered, error) {
	own, err := gateway.OwnOf(x.Stream, history)
	if err != nil {
		return x, err
	}
	next, _ := gateway.NumberedOf(x.Stream, own)
	return next, nil
}

func (o *Office) choose(ctx context.Context, x gateway.Numbered, book string) error {
	n, err := numbering.NextFree(ctx, func(ctx context.Context, n int) (bool, error) {
		return o.streams.Exists(ctx, x.Book.Stream(n))
	}, o.hints.of(book))
	if err != nil {
		return err
	}
	_, _, err = o.record(ctx, x.Stream, &x.Last, func(history []events.Event) ([]events.New, error) {
		now, err := again(x, history)
		if err != nil {
			return nil, err
		}
		if now.Last != x.Last {
			return nil, gateway.ErrNumberGone // something came between: look again
		}
		return now.Choose(ctx, o.streams, n)
	})
	return err
}

// take appends to the number's stream that it is the thing's.
func (o *Office) take(ctx context.Context, x gateway.Numbered) error {
	cause, err := o.choiceOf(ctx, x)
	if err != nil {
		return err
	}
	_, _, err = o.record(ctx, x.Book.Stream(x.Chosen), &cause, func(history []events.Event) ([]events.New, error) {
		var s numbering.State
		for _, e := range history {
			var err error
			if s, err = numbering.Fold(s, e); err != nil {
				return nil, err
			}
		}
		return x.Take(ctx, o.streams, s)
	})
	return err
}

// choiceOf finds the event by which the number was chosen.
func (o *Office) choiceOf(ctx context.Context, x gateway.Numbered) (at events.Address, err error) {
	found := false
	err = o.o.Log.Stream(ctx, x.Stream, 0, func(e events.Event) error {
		if _, number, ok := gateway.ChoiceOf(e); ok && number == x.Book.Stream(x.Chosen) {
			at, found = address(e), true
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("couldn't find the choice of number %d on %s", x.Chosen, x.Stream)
	}
	return at, err
}

func (o *Office) has(ctx context.Context, x gateway.Numbered) error {
	s, err := o.streams.Number(ctx, x.Book.Stream(x.Chosen))
	if err != nil {
		return err
	}
	_, _, err = o.record(ctx, x.Stream, &s.Address, func(history []events.Event) ([]events.New, error) {
		now, err := again(x, history)
		if err != nil {
			return nil, err
		}
		return now.Has(s)
	})
	return err
}

// maxHints bounds what is remembered of books.
const maxHints = 4096

// hints remembers where books stand. A wrong one costs a few questions.
type hints struct {
	mu sync.Mutex
	m  map[string]int
}

func (h *hints) of(book string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(1, h.m[book])
}

func (h *hints) note(book string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil || len(h.m) >= maxHints {
		h.m = make(map[string]int)
	}
	h.m[book] = n
}
