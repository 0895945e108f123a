package destruction

import (
	"strings"

	"github.com/tram-exchange/tram/events"
)

// DocumentPrefix begins the streams whose content may be destroyed. Everything else is what the record rests on: the
// directory, the policy, answers of authorities, time-stamps, and destruction itself.
const DocumentPrefix = "document/"

// Mark says by which decision something goes, and whether it is gone.
type Mark struct {
	Decision *Decision
	Target   int
	Executed bool
}

// Index answers what is covered by decisions. It is made for one state and never changes. A nil Index covers nothing.
type Index struct {
	documents map[string][]Mark
	packages  map[events.Digest][]Mark
	events    map[uint64][]Mark
}

// Index of a state.
func (s State) Index() *Index {
	x := &Index{documents: map[string][]Mark{}, packages: map[events.Digest][]Mark{}, events: map[uint64][]Mark{}}
	for _, d := range s.Decisions {
		for i, t := range d.Targets {
			m := Mark{Decision: d, Target: i, Executed: d.Done[i]}
			switch {
			case t.Package != nil:
				x.packages[*t.Package] = append(x.packages[*t.Package], m)
			case t.Event != nil:
				x.events[*t.Event] = append(x.events[*t.Event], m)
			default:
				x.documents[t.Document] = append(x.documents[t.Document], m)
			}
		}
	}
	return x
}

// Empty says whether it covers nothing at all.
func (x *Index) Empty() bool {
	return x == nil || len(x.documents)+len(x.packages)+len(x.events) == 0
}

// covering gives the marks of whatever names the event, of decisions after it.
func (x *Index) covering(e *events.Event) (out []Mark) {
	if x == nil {
		return nil
	}
	lists := [][]Mark{x.events[e.Position]}
	if key, ok := strings.CutPrefix(e.Statement.Stream, DocumentPrefix); ok {
		lists = append(lists, x.documents[key])
	}
	if p := e.Statement.Package; p != nil {
		lists = append(lists, x.packages[p.SHA256])
	}
	for _, list := range lists {
		for _, m := range list {
			if m.Decision.Address.Position > e.Position {
				out = append(out, m)
			}
		}
	}
	return out
}

// Facts says by which decision the facts of an event go: by one that was carried out, if there is one; else the first.
func (x *Index) Facts(e *events.Event) (Mark, bool) {
	return first(x.covering(e), func(m Mark) bool { return m.Decision.Scope.Facts() })
}

// Package says by which decision the bytes of the package that an event names go.
func (x *Index) Package(e *events.Event) (Mark, bool) {
	if e.Statement.Package == nil {
		return Mark{}, false
	}
	return first(x.covering(e), func(m Mark) bool {
		return m.Decision.Scope.Packages() && m.Decision.Targets[m.Target].Event == nil
	})
}

// Document says by which decision a document goes as a whole; its identity stays occupied.
func (x *Index) Document(key string) (Mark, bool) {
	if x == nil {
		return Mark{}, false
	}
	return first(x.documents[key], func(Mark) bool { return true })
}

func first(list []Mark, wanted func(Mark) bool) (found Mark, ok bool) {
	for _, m := range list {
		if !wanted(m) {
			continue
		}
		if !ok || m.Executed && !found.Executed ||
			m.Executed == found.Executed && m.Decision.Address.Position < found.Decision.Address.Position {
			found, ok = m, true
		}
	}
	return found, ok
}
