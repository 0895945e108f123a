package gateway

import (
	"context"

	"github.com/tram-exchange/tram/internal/view"
)

// Views is what the gateway asks of the read side. view.Views satisfies it.
type Views interface {
	Register(ctx context.Context, q view.RegisterQuery) (view.Page[view.RegisterRow], error)
	Document(ctx context.Context, r view.Reader, key string) (view.Document, error)
	Mailbox(ctx context.Context, q view.MailboxQuery) (view.Page[view.MailboxEntry], error)
	MailboxEntry(ctx context.Context, id string) (view.MailboxEntry, error)
	MayRead(ctx context.Context, r view.Reader, packageSHA256 string) (document string, err error)
	Health(ctx context.Context) (view.Health, error)
	WaitFor(ctx context.Context, size uint64) error
}
