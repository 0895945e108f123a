package incoming

import (
	"slices"

	"github.com/tram-exchange/tram/events/document"
)

// OfDocument is what the document's own stream says of it for an agency with these identities: nil if it has not come in, or was not
// for the agency.
func OfDocument(d document.State, identities []string) *Exchange {
	if !d.Received {
		return nil
	}
	for _, org := range identities {
		r, ok := d.Recipient(org)
		if !ok || r.Elsewhere {
			continue
		}
		x := &Exchange{Document: d.Document, Priority: d.Priority}
		// A later package, or an update, may have made the agency a recipient: then the state does not know when.
		if len(d.Packages) == 1 && !slices.ContainsFunc(d.Effects, func(e document.Effect) bool { return len(e.Added) > 0 }) {
			x.Arrived = d.At
		}
		if by, recalled := d.Recalled(org); recalled {
			switch p := d.Progress(org); {
			case p.Asked != "":
				x.Back, x.By = BackAsked, by
			case p.Answered != statusNo:
				x.Back, x.By = BackGiven, by
			}
		}
		return x
	}
	return nil
}

// statusNo is the status by which a recipient does not give a document back.
const statusNo = "16"
