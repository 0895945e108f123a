package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// openPast gives views as of a time. The caller has made sure that whoever asks may ask: nobody else's question has anything built.
func (n *Node) openPast(ctx context.Context, c Caller, at time.Time) (view.PastViews, view.Moment, error) {
	if n.c.Past == nil {
		return nil, view.Moment{}, Refuse(CodeParameter).At("as_of").Because(errors.New("this node keeps no past views"))
	}
	m, err := n.c.Past.Resolve(ctx, at)
	if err == nil {
		var v view.PastViews
		if v, err = n.c.Past.Open(ctx, m, "client:"+c.Client); err == nil {
			return v, m, nil
		}
	}
	building := (*view.BuildingError)(nil)
	switch {
	case errors.As(err, &building):
		return nil, m, Refuse(CodePastBuilding).With(fmt.Sprintf("%d/%d", building.Read, building.Size)).Because(err)
	case errors.Is(err, view.ErrPastBusy):
		return nil, m, Refuse(CodeBusy).Because(err)
	case errors.Is(err, view.ErrPastRoom):
		return nil, m, Refuse(CodePastRoom).Because(err)
	case errors.Is(err, view.ErrQuery):
		return nil, m, Refuse(CodeParameter).At("as_of").Because(err)
	}
	return nil, m, fmt.Errorf("couldn't open views as of %s: %w", at.Format(time.RFC3339), err)
}

// DocumentAsOf is a document as it stood at a time. CodeNotFound unless the caller may read it today, and the document was
// there and the caller's to see then (by its part in it, or by a right in force today).
func (n *Node) DocumentAsOf(ctx context.Context, c Caller, key string, at time.Time) (view.Document, view.Moment, error) {
	if _, err := n.Document(ctx, c, key); err != nil {
		return view.Document{}, view.Moment{}, err
	}
	v, m, err := n.openPast(ctx, c, at)
	if err != nil {
		return view.Document{}, m, err
	}
	var d view.Document
	err = n.asReader(c, func(r view.Reader) (err error) {
		d, err = v.Document(ctx, r, key)
		return err
	})
	return d, m, errors.Join(err, v.Close())
}

// RegisterAsOf is one page of a register as it stood at a time, for those who may see the register today. Rows of documents
// that the caller may not read today are left out.
func (n *Node) RegisterAsOf(ctx context.Context, c Caller, q view.RegisterQuery, at time.Time) (view.Page[view.RegisterRow], view.Moment, error) {
	today := q
	today.Cursor, today.Limit = "", 1
	if _, err := n.Register(ctx, c, today); err != nil {
		return view.Page[view.RegisterRow]{}, view.Moment{}, err
	}
	v, m, err := n.openPast(ctx, c, at)
	if err != nil {
		return view.Page[view.RegisterRow]{}, m, err
	}
	page, err := n.register(ctx, v, c, q)
	return page, m, errors.Join(err, v.Close())
}
