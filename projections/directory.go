package projections

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// directoryView is the directory as of one position of the log: its state, and what the state does not keep, names as they
// were at earlier times. It is never changed after its transaction: clone, fold, publish.
type directoryView struct {
	state directory.State
	names map[string][]nameSince // by identity, ascending in time
	certs []events.Digest        // every certificate ever enrolled, in order
	known map[events.Digest]bool
}

type nameSince struct {
	from time.Time // node time of the event that said so
	name string
}

func newDirectoryView() *directoryView {
	return &directoryView{names: make(map[string][]nameSince), known: make(map[events.Digest]bool)}
}

func (d *directoryView) clone() *directoryView {
	return &directoryView{
		state: d.state, names: maps.Clone(d.names), certs: slices.Clip(d.certs), known: maps.Clone(d.known),
	}
}

func (d *directoryView) fold(e events.Event) error {
	s, err := directory.Fold(d.state, e)
	if err != nil {
		return err
	}
	d.state = s
	switch e.Statement.Name {
	case directory.NameOrganisationAdded, directory.NameOrganisationChanged:
		var org struct {
			Org string `json:"org"`
		}
		if err := json.Unmarshal(e.Statement.Data, &org); err != nil {
			return fmt.Errorf("couldn't read organisation: %w", err)
		}
		var f directory.OrganisationFacts
		if e.Facts != nil {
			if err := json.Unmarshal(e.Facts, &f); err != nil {
				return fmt.Errorf("couldn't read facts of organisation %s: %w", org.Org, err)
			}
		}
		if f.Name != "" {
			list := d.names[org.Org]
			d.names[org.Org] = append(list[:len(list):len(list)], nameSince{from: e.Statement.Time, name: f.Name})
		}
	case directory.NameCertificateEnrolled:
		var c directory.CertificateEnrolled
		if err := json.Unmarshal(e.Statement.Data, &c); err != nil {
			return fmt.Errorf("couldn't read certificate: %w", err)
		}
		if !d.known[c.Certificate] {
			d.known[c.Certificate] = true
			d.certs = append(d.certs, c.Certificate)
		}
	}
	return nil
}

// name of an organisation at a time, as the directory had been told by then; before the first telling, the first one. "" if
// it has none or its words were destroyed.
func (d *directoryView) name(org string, at time.Time) string {
	list := d.names[org]
	if len(list) == 0 {
		return ""
	}
	i := sort.Search(len(list), func(i int) bool { return list[i].from.After(at) })
	return list[max(i-1, 0)].name
}

// identities are the organisation and all it succeeds at the time.
func (d *directoryView) identities(org string, at time.Time) []string {
	ids := d.state.Identities(org, at)
	if len(ids) == 0 {
		return []string{org}
	}
	return ids
}
