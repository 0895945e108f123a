package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/gateway"
	work "github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/keystore"
)

// portalOffice does what people ask for in the portal: it builds the package, signs it in custody and brings it to the door.
type portalOffice struct{ a *app }

var _ portal.Office = portalOffice{}

// viewsWithin is how long a click waits for the views to show what it did.
const viewsWithin = 3 * time.Second

func (p portalOffice) Act(ctx context.Context, who portal.Actor, packageID string, action schemas.DossierAction, files []schemas.File) (portal.Acted, error) {
	if action.For == "" {
		action.For = who.For
	}
	done, err := p.a.work.Do(ctx, work.Act{Org: who.Org, Person: who.Person, PackageID: packageID, Action: action, Files: files})
	if err != nil {
		return portal.Acted{}, refusedAct(err)
	}
	out := portal.Acted{
		Target:   view.Target{Kind: string(action.Target.Kind), ID: action.Target.ID},
		Position: done.Position, Package: done.Package.String(), Again: done.Again,
	}
	if kind, rest, ok := strings.Cut(done.Stream, "/"); ok && done.Again { // the id says what was done, whatever is asked for now
		_, id, _ := strings.Cut(rest, "/")
		out.Target = view.Target{Kind: kind, ID: id}
	}
	if done.Pending != nil {
		p.a.log.Warn("an act is not carried on yet", "stream", done.Stream, "error", done.Pending)
		pending := refusalOf(gateway.AsRefusal(done.Pending), done.Pending)
		out.Pending = pending
	}
	return out, p.waitForViews(ctx)
}

// waitForViews lets the page that follows show what was done, if it takes little time.
func (p portalOffice) waitForViews(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, viewsWithin)
	defer cancel()
	if err := p.a.views.WaitFor(waiting, p.a.store.Head().Size); err != nil && waiting.Err() == nil {
		return fmt.Errorf("couldn't wait for the views: %w", err)
	}
	return nil
}

func (p portalOffice) Change(ctx context.Context, who portal.Actor, packageID string, c portal.OfficeChange) (portal.Acted, error) {
	change := work.Change{Org: who.Org, Person: who.Person, PackageID: packageID, Reason: c.Reason, Operations: c.Operations}
	if c.Seen != nil {
		change.Seen = &work.Seen{Kind: c.Seen.Kind, ID: c.Seen.ID, At: c.Seen.Version}
	}
	done, err := p.a.work.Change(ctx, change)
	if err != nil {
		return portal.Acted{}, refusedAct(err)
	}
	return portal.Acted{Position: done.Position, Package: done.Package.String(), Again: done.Again}, p.waitForViews(ctx)
}

func (p portalOffice) History(ctx context.Context, org string, before uint64, limit int) ([]view.OfficeChange, uint64, error) {
	return p.a.work.History(ctx, org, before, limit)
}

func (p portalOffice) Opened(ctx context.Context, who portal.Actor, o portal.Opening) error {
	return p.a.work.Opened(ctx, who.Org, o.Target.Kind, o.Target.ID,
		reading.Opened{Org: who.Org, Person: who.Person, For: who.For, What: o.What, Right: o.Right})
}

// refusedAct tells people what they can act on; other errors stay what they are.
func refusedAct(err error) error {
	var r *gateway.Refusal
	if !errors.As(err, &r) {
		return err
	}
	return refusalOf(r, err)
}

func refusalOf(r *gateway.Refusal, cause error) *portal.Refused {
	out := portal.Refused{Code: r.Code, Field: r.Field, Vi: r.Vi, En: r.En, Details: r.Details, Retryable: r.Retryable}
	var rule *directory.Refusal
	if errors.As(cause, &rule) {
		for _, b := range rule.Bad {
			out.Broken = append(out.Broken, portal.BrokenRule{Operation: b.Index, Reason: string(b.Reason), Detail: b.Detail})
		}
		if len(rule.Bad) == 0 {
			out.Broken = []portal.BrokenRule{{Operation: -1, Reason: string(rule.Reason), Detail: rule.Detail}}
		}
	}
	return portal.NewRefused(out, cause)
}

// custody gives the keys that agencies left with the node: those of purpose organisation in its configuration.
type custody struct{ ring *keystore.Keyring }

func (c custody) Key(codes []string, at time.Time) (work.Key, error) {
	missing := work.ErrNoKey
	for _, code := range codes {
		lease, err := c.ring.For(keystore.Organisation, code, at)
		if errors.Is(err, keystore.ErrNoKey) {
			missing = errors.Join(missing, err)
			continue
		}
		if err != nil {
			return work.Key{}, err
		}
		return work.Key{Signer: lease.Signer, Chain: lease.Chain, Release: lease.Release}, nil
	}
	return work.Key{}, missing
}

// carryOn does what follows from the acts of agencies, on the one node of the log that is in office.
func (a *app) carryOn(ctx context.Context) error {
	if _, shared := a.store.(sharedLog); shared {
		a.work.Forget()
	}
	return a.work.Run(ctx)
}

// workCheck says what the node could not do for agencies yet.
func (a *app) workCheck(now time.Time) portal.Check {
	s := a.work.Status()
	c := portal.Check{Name: portal.CheckOffice, State: portal.StateOK, Number: float64(s.Waiting), Unit: portal.UnitCount}
	switch {
	case s.Waiting > 0 && now.Sub(s.Oldest) > time.Hour:
		c.State = portal.StateBad
	case s.Waiting > 0 || s.Stopped != "":
		c.State = portal.StateWarn
	}
	if s.Waiting > 0 {
		w := s.Worst[0]
		c.Since, c.Detail = s.Oldest, w.Stream
		if w.Code != 0 {
			c.Detail = fmt.Sprintf("%d %s", w.Code, w.Stream)
		}
	} else if s.Stopped != "" {
		c.Detail = s.Stopped
	}
	return c
}
