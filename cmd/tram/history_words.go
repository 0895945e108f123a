package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/schemas"
)

// eventSentences tell each event; {field} is taken from its data.
var eventSentences = map[string][2]string{
	document.NameReceived:       {"Trạm tiếp nhận văn bản của {sender}, nơi nhận {recipients}.", "The station accepted the document of {sender}, for {recipients}."},
	document.NameResent:         {"Văn bản được gửi thêm tới {recipients}.", "The document was sent to {recipients} too."},
	document.NameStatusReported: {"{reporter} báo trạng thái {code} {status}.", "{reporter} reported status {code} ({status})."},
	document.NameRecalled:       {"Văn bản bị thu hồi bởi {by}.", "The document was recalled by {by}."},
	document.NameUpdated:        {"Văn bản được cập nhật bởi {by}.", "The document was updated by {by}."},
	document.NameReplaced:       {"Văn bản được thay thế bởi {by}.", "The document was replaced by {by}."},
	delivery.NameOffered:        {"Trạm chào {what} cho {org}.", "The station offered {what_en} to {org}."},
	delivery.NameTaken:          {"{client} lấy về, giữ chỗ đến {until}.", "{client} took it, under a lease until {until}."},
	delivery.NameAcknowledged:   {"{client} xác nhận đã nhận.", "{client} acknowledged it."},
	delivery.NameWithdrawn:      {"Bị rút lại trước khi được lấy, bởi {by}.", "It was withdrawn before it was taken, by {by}."},
	delivery.NameMarked:         {"Bản đã giao được đánh dấu {mark}, bởi {by}.", "The copy handed out was marked {mark}, by {by}."},
	delivery.NameForwarded:      {"Trạm {node} của nơi nhận đã tiếp nhận (vị trí {position} của trạm đó).", "The recipient's station {node} accepted it (its position {position})."},
	delivery.NameRetrying:       {"Chưa chuyển được ({reason}), đã thử {attempts} lần; trạm thử lại.", "Not delivered yet ({reason}) after {attempts} attempts; the station tries again."},
	delivery.NameFailed:         {"Không gửi được ({reason}) sau {attempts} lần.", "Not delivered ({reason}) after {attempts} attempts."},
}

// tellEvent says in Vietnamese and English what happened. An event without a sentence is told by its name.
func tellEvent(s *events.Statement) (vi, en string) {
	words, ok := eventSentences[s.Name]
	if !ok {
		return s.Name, s.Name
	}
	var data map[string]any
	if json.Unmarshal(s.Data, &data) != nil {
		return s.Name, s.Name
	}
	pairs := []string{"{client}", s.Client}
	field := func(name, value string) { pairs = append(pairs, "{"+name+"}", value) }
	for name, v := range data {
		switch x := v.(type) {
		case string:
			if t, err := time.Parse(time.RFC3339, x); err == nil {
				x = local(t)
			}
			field(name, x)
		case float64:
			b, _ := json.Marshal(x)
			field(name, string(b))
		}
	}
	var orgs []string
	if list, ok := data["recipients"].([]any); ok {
		for _, r := range list {
			switch x := r.(type) {
			case map[string]any:
				if org, ok := x["org"].(string); ok {
					orgs = append(orgs, org)
				}
			case string:
				orgs = append(orgs, x)
			}
		}
	}
	field("recipients", strings.Join(orgs, ", "))
	if code, ok := data["code"].(string); ok {
		field("status", schemas.StatusCode(code).Vietnamese())
	}
	if id, _ := data["item_id"].(string); id == delivery.ItemDocument {
		field("what", "văn bản")
		field("what_en", "the document")
	} else {
		field("what", "tin trạng thái")
		field("what_en", "a status message")
	}
	r := strings.NewReplacer(pairs...)
	return r.Replace(words[0]), r.Replace(words[1])
}
