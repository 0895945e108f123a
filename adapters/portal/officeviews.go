package portal

import (
	"context"

	"github.com/tram-exchange/tram/internal/view"
)

// OfficeViews is what the pages of an agency's daily work ask of the read side; view.OfficeViews satisfies it.
// Every question carries view.Staff; view.ErrNotFound means "does not exist" and "not yours" alike.
type OfficeViews interface {
	Office(ctx context.Context, org string) (view.Office, error)
	Settings(ctx context.Context, org string) (view.Settings, error)
	Work(ctx context.Context, q view.WorkQuery) (view.Page[view.WorkItem], error)
	WorkCounts(ctx context.Context, s view.Staff) (map[string]int, error)
	Incoming(ctx context.Context, q view.IncomingQuery) (view.Page[view.IncomingRow], error)
	IncomingDocument(ctx context.Context, s view.Staff, id string) (view.IncomingDocument, error)
	Outgoing(ctx context.Context, q view.OutgoingQuery) (view.Page[view.OutgoingRow], error)
	OutgoingDocument(ctx context.Context, s view.Staff, id string) (view.OutgoingDocument, error)
	Dossiers(ctx context.Context, q view.DossierQuery) (view.Page[view.DossierRow], error)
	Dossier(ctx context.Context, s view.Staff, id string) (view.Dossier, error)
	Statistics(ctx context.Context, q view.StatisticsQuery) (view.Statistics, error)
	Readings(ctx context.Context, s view.Staff, t view.Target, limit int) ([]view.Reading, error)
	Notes(ctx context.Context, s view.Staff, after uint64, limit int) ([]view.Note, error)
}
