package portal

import (
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// What codes of the record are called. Each falls back to words that show the code itself, so that a new code of a
// later node still reads.

func (w words) named(prefix, code, fallback string, pairs ...any) string {
	if w.has(prefix + code) {
		return w.say(prefix+code, pairs...)
	}
	return w.say(fallback, pairs...)
}

func (w words) priority(p int) string {
	return w.named("priority.", w.number(int64(p)), "app.empty")
}

// status says an edXML status code in words.
func (w words) status(code string) string {
	return w.named("status.", code, "status.other", "code", code)
}

// sentence tells one event of a document's history.
func (w words) sentence(h told) string {
	key := "event." + h.Name
	if h.Name == "delivery.offered.v1" && h.Detail["node"] != "" {
		key = "event.delivery.offered.peer"
	}
	if !w.has(key) {
		return w.say("event.other", "name", h.Name)
	}
	someone := func(name string) string {
		if name == "" {
			return w.say("event.someone")
		}
		return name
	}
	mark := h.Detail["mark"]
	if w.has("ribbon." + mark) {
		mark = strings.ToLower(w.say("ribbon." + mark))
	}
	return w.say(key, "actor", someone(h.ActorName), "org", someone(h.OrgName), "status", lowerFirst(w.status(h.Code)), "mark", mark, "decision", h.Detail["decision"])
}

func lowerFirst(s string) string {
	for i, r := range s {
		return strings.ToLower(string(r)) + s[i+len(string(r)):]
	}
	return s
}

// reason says why a delivery waits or failed.
func (w words) reason(code string) string {
	if code == "" {
		return ""
	}
	if number, ok := strings.CutPrefix(code, "refused:"); ok {
		return w.say("reason.refused", "code", number)
	}
	if w.has("reason." + code) {
		return w.say("reason." + code)
	}
	return code
}

// client says which system did something, without the secret half of anything.
func (w words) client(client string) string {
	kind, id, _ := strings.Cut(client, ":")
	if len(id) > 16 && kind != "peer" {
		id = id[:16] + "…"
	}
	switch {
	case client == "":
		return ""
	case w.has("client." + kind):
		return w.say("client."+kind, "id", id)
	}
	return client
}

// told is a line of the history with names in the place of identities.
type told struct {
	view.HistoryEntry
	ActorName, OrgName string
	Tone               string // for the mark on the line: good, bad, or nothing
	ClientWords        string
	Reason             string
	Sentence           string
}

// toneOf colours a state: done, open, bad or back.
func toneOf(state string) string {
	switch state {
	case view.StateAcknowledged, view.StateForwarded:
		return "done"
	case view.StateFailed:
		return "bad"
	case view.StateRecalled, view.StateWithdrawn:
		return "back"
	case view.StateTaken:
		return "half"
	}
	return "open"
}

func toneOfEvent(name string) string {
	switch name {
	case "delivery.acknowledged.v1", "delivery.forwarded.v1", "document.received.v1":
		return "done"
	case "delivery.failed.v1":
		return "bad"
	case "document.recalled.v1", "delivery.withdrawn.v1", "delivery.marked.v1":
		return "back"
	}
	return "open"
}

// resultTone says whether a finding speaks for a signature, against it, or neither.
func resultTone(result string) string {
	switch result {
	case ResultIntact, ResultWhole, ResultChain, ResultInValidity, ResultBound, ResultNotRevoked, ResultTimeProved:
		return StateOK
	case ResultChanged, ResultUntrusted, ResultExpired, ResultNotBound, ResultRevoked, ResultSuspended:
		return StateBad
	}
	return StateWarn
}

// browserName names the program behind a User-Agent well enough for a person to know the own telephone from a stranger's.
func browserName(agent string) string {
	find := func(names ...string) string {
		for _, n := range names {
			key, label, _ := strings.Cut(n, "=")
			if strings.Contains(agent, key) {
				return label
			}
		}
		return ""
	}
	program := find("Edg=Edge", "CocCoc=Cốc Cốc", "coc_coc=Cốc Cốc", "OPR=Opera", "SamsungBrowser=Samsung Internet", "Firefox=Firefox",
		"Chrome=Chrome", "CriOS=Chrome", "Safari=Safari", "curl=curl")
	system := find("Android=Android", "iPhone=iPhone", "iPad=iPad", "Windows=Windows", "Mac OS=macOS", "Linux=Linux")
	switch {
	case program == "" && system == "":
		head, _ := cut(agent, 60)
		return head
	case program == "":
		return system
	case system == "":
		return program
	}
	return program + ", " + system
}

// kindOf is the kind to write before a subject; nothing when the subject begins with it already.
func kindOf(r view.RegisterRow) string {
	if n := len(r.TypeName); len(r.Subject) >= n && strings.EqualFold(r.Subject[:n], r.TypeName) {
		return ""
	}
	return r.TypeName
}
