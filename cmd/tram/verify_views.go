package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/internal/bilingual"
	"github.com/tram-exchange/tram/projections"
)

// viewsAnswer is what was found of the views.
type viewsAnswer struct {
	Position uint64 `json:"position"` // events that they were made of, when compared
	Rows     uint64 `json:"rows"`
}

// verifyViews builds the views again from the record and compares. nil: there is no views.db.
// An error that is not ctx's says that they could not be compared.
func verifyViews(ctx context.Context, data string, open func(context.Context) (savedRecord, error), progress verifyProgress) (*viewsAnswer, *verifyProblem, error) {
	name := filepath.Join(data, viewsFile)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	c, err := projections.Compare(ctx, name, projections.CompareOptions{
		Open: func(ctx context.Context) (projections.Record, error) { return open(ctx) },
		Progress: func(p projections.CompareProgress) {
			stage := stageViews
			if p.Rows {
				stage = stageRows
			}
			progress(stage, int64(p.Done), int64(p.Total))
		},
	})
	switch {
	case errors.Is(err, sqlitestore.ErrNoHead):
		return nil, nil, nil
	case err != nil:
		return nil, nil, errors.Join(ctx.Err(), err)
	}
	a := &viewsAnswer{Position: c.Position, Rows: c.Rows}
	if d := c.Difference; d != nil {
		return a, &verifyProblem{Kind: "views", File: viewsFile, Position: d.Position,
			Reason: fmt.Sprintf("the register does not show what the record says: %s", d)}, nil
	}
	return a, nil, nil
}

// compareViews puts into the answer what was found of the views.
func (a *verifyAnswer) compareViews(ctx context.Context, leaveOut bool, data string, open func(context.Context) (savedRecord, error), progress verifyProgress) error {
	if leaveOut {
		a.unproved(bilingual.Say("sổ đăng ký hiển thị gì: không yêu cầu so sánh", "what registers show: views were not compared"))
		return nil
	}
	views, bad, err := verifyViews(ctx, data, open, progress)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		a.unproved(bilingual.Say("sổ đăng ký hiển thị gì: %s", "what registers show: %s", err.Error()))
	case views == nil && bad == nil:
		a.unproved(bilingual.Say("sổ đăng ký hiển thị gì: không có tệp %s", "what registers show: there is no %s", viewsFile))
	}
	a.Views = views
	a.bad(bad)
	return nil
}
