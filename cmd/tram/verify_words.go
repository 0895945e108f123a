package main

import (
	"encoding/json"

	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// sentences are told in both languages to people; programs get the English, as they always have, and the Vietnamese beside it
// (answerVi).
type sentences []bilingual.Text

func (s sentences) in(language func(bilingual.Text) string) []string {
	out := make([]string, len(s))
	for i, t := range s {
		out[i] = language(t)
	}
	return out
}

func vietnamese(t bilingual.Text) string { return t.Vi }

// MarshalJSON implements json.Marshaler.
func (s sentences) MarshalJSON() ([]byte, error) { return json.Marshal(s.in(bilingual.Text.String)) }

// answerVi is what the JSON form says in Vietnamese.
type answerVi struct {
	Unproved []string `json:"unproved"`
	Notes    []string `json:"notes"`
}

// MarshalJSON implements json.Marshaler.
func (a *verifyAnswer) MarshalJSON() ([]byte, error) {
	type plain verifyAnswer
	p := plain(*a)
	p.Vi = answerVi{Unproved: a.Unproved.in(vietnamese), Notes: a.Notes.in(vietnamese)}
	return json.Marshal(p)
}

// unprovedText says of how many events something is not proved, and of which first.
func unprovedText(u rerun.Unproved) bilingual.Text {
	if u.Count == 1 {
		return u.What.And(bilingual.Say(" (sự kiện %d)", " (event %d)", u.First))
	}
	return u.What.And(bilingual.Say(" (%d sự kiện, đầu tiên là %d)", " (%d events, first %d)", u.Count, u.First))
}

// These are said in more than one place.
var (
	noOlderHead   = bilingual.Say("rằng không có sự kiện nào bị cắt ở cuối và sổ không bị viết lại toàn bộ: không có mốc cũ để so", "that no events were cut off at the end or all rewritten: no older checkpoint was given")
	noKeyGiven    = bilingual.Say("ai đã ký các đầu sổ: không có khóa để đối chiếu", "who signed the heads: no key was given")
	noPolicyGiven = bilingual.Say("rằng mọi người được cho xem cùng một nhật ký: không có chính sách nhân chứng", "that all are shown the same log: no witness policy was given")
)
