package evidence

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"github.com/tram-exchange/tram/events/document"
)

//go:embed readme.html
var readmeText string

// vietnam is the zone that people read times in. It has no summer time, and a machine need not have zone files.
var vietnam = time.FixedZone("+07", 7*60*60)

var readmeTemplate = template.Must(template.New("readme").Funcs(template.FuncMap{
	"local": func(t time.Time) string { return t.In(vietnam).Format("02/01/2006 15:04:05 -07:00") },
	"what":  func(name string) string { return eventWords[name] },
}).Parse(readmeText))

// eventWords are the events of a document in words.
var eventWords = map[string]string{
	document.NameReceived:       "Tiếp nhận / received",
	document.NameResent:         "Gửi lại / sent again",
	document.NameStatusReported: "Báo trạng thái / status reported",
	document.NameRecalled:       "Thu hồi / recalled",
	document.NameUpdated:        "Cập nhật / updated",
	document.NameReplaced:       "Thay thế / replaced",
}

// readme is the container in words, for those who open it without our program. Everything in it is escaped; it loads nothing.
func (m *maker) readme() ([]byte, error) {
	var w bytes.Buffer
	err := readmeTemplate.Execute(&w, struct {
		M *Manifest
		F *document.Facts
	}{&m.m, &m.facts})
	if err != nil {
		return nil, fmt.Errorf("couldn't write summary: %w", err)
	}
	return w.Bytes(), nil
}
