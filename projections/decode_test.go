package projections

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// TestEveryEventIsKnown: an event that the views do not know makes them stand still, so a new one must be known here.
func TestEveryEventIsKnown(t *testing.T) {
	files, err := filepath.Glob("../events/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../events/*/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, deeper...)
	constant := regexp.MustCompile(`(?m)^(?:const|\t)\s*Name\w+\s*=\s*"([a-z-]+\.[a-z-]+\.v\d+)"`)
	n := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(b), -1) {
			n++
			name := m[1]
			stream, _, _ := strings.Cut(name, ".")
			switch stream {
			case "document", "delivery":
				stream += "/" + strings.Repeat("00", len(key{}))
			case "directory":
				stream = directory.Stream
			case "incoming", "outgoing", "dossier":
				stream += "/H02/1"
			}
			if _, err := decode(events.Event{Statement: events.Statement{Stream: stream, Name: name, Data: []byte("{}")}}); err != nil {
				t.Errorf("%s (%s): %v", name, file, err)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d events found in the sources", n)
	}
}
