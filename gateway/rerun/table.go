package rerun

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/events/witnessing"
	"github.com/tram-exchange/tram/gateway/router"
)

// row is how the appends to one kind of stream are judged.
type row struct {
	stream string // its name, or with a slash at the end the beginning of its name
	// prepare does what may run in parallel; what it gives is p.work. nil: nothing.
	prepare func(ctx context.Context, r *Rerun, p *Prepared, src Source) error
	// decide says what the rules give for the append that begins with p.e, c being the record before it.
	decide func(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error)
	// fold gives the state after one more event, nil being the state of an empty stream. nil: no state is needed.
	fold func(state any, e events.Event) (any, error)
	// once: such a stream has one event, and its state is not kept.
	once bool
	// applied is told of every event once it is judged and folded. nil: nobody is.
	applied func(ctx context.Context, r *Rerun, p *Prepared) error
}

// given is what the rules give for one append.
type given struct {
	stream   string          // "": as recorded
	actor    string          // "": the node
	client   string          // "": the node
	cause    *events.Address // the event it must follow from; nil: none
	packaged bool            // the events refer to a package
	evidence *events.Digest  // of the first event
	events   []events.New    // none: nothing should have been recorded
	// asRecorded: the command could not be rebuilt, because what it was made from was lawfully destroyed. Nothing but the form is judged.
	asRecorded bool
}

// table is every kind of stream that a record may have. A stream that is not here ends a rerun: whoever adds a kind of stream adds its row.
func table() []row {
	return []row{
		{stream: delivery.StreamPrefix, prepare: prepareReceipt, decide: decideDelivery, fold: folding(delivery.Fold), applied: appliedDelivery},
		{stream: document.StreamPrefix, prepare: prepareHandIn, decide: decideDocument, fold: folding(router.History.Fold), applied: appliedDocument},
		{stream: directory.Stream, prepare: prepareHandIn, decide: decideHandIn},
		{stream: policy.Stream, decide: decidePolicy},
		{stream: submission.StreamPrefix, decide: decideSubmission, fold: folding(submission.Fold)},
		{stream: validation.StreamPrefix, prepare: prepareEvidence, decide: decideValidation, fold: folding(validation.Fold), once: true},
		{stream: refusal.StreamPrefix, decide: decideRefusal, fold: folding(refusal.Fold), once: true},
		{stream: logbook.Stream, decide: decideLog, fold: folding(logbook.Fold)},
		{stream: destruction.Stream, prepare: prepareHandIn, decide: decideDestruction, fold: folding(destruction.Fold)},
		{stream: timestamp.Stream, prepare: prepareEvidence, decide: decideTimestamp, fold: folding(timestamp.Fold)},
		{stream: incoming.StreamPrefix, prepare: prepareHandIn, decide: decideIncoming, fold: folding(incoming.Fold)},
		{stream: outgoing.StreamPrefix, prepare: prepareHandIn, decide: decideOutgoing, fold: folding(outgoing.Fold)},
		{stream: dossier.StreamPrefix, prepare: prepareHandIn, decide: decideDossier, fold: folding(dossier.Fold)},
		{stream: numbering.StreamPrefix, decide: decideNumber, fold: folding(numbering.Fold)},
		{stream: reading.StreamPrefix, decide: decideReading, fold: folding(reading.Fold)},
		{stream: witnessing.StreamPrefix, decide: decideWitnessing, fold: folding(witnessing.Fold)},
	}
}

// folding gives a fold the form of the table.
func folding[S any](fold func(S, events.Event) (S, error)) func(any, events.Event) (any, error) {
	return func(v any, e events.Event) (any, error) {
		s, _ := v.(S)
		next, err := fold(s, e)
		if err != nil {
			return v, mismatch(e, "form", "", err.Error())
		}
		return next, nil
	}
}
