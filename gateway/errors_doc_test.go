package gateway

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

const errorsHead = `# Refusals

Every refusal has one number that is never reused, not even when it is no longer given. A node serves this list at ` + "`/errors`" + `
(JSON, or a page for browsers); this file is written from it (` + "`go test ./gateway -run ErrorsDoc -update`" + `).
` + "`testdata/gateway`" + ` has a vector for each: what is sent, and that this is the answer.

The answer is JSON of one shape:

` + "```json" + `
{"code": 4004, "id": "recipients-unknown", "status": 422, "field": "", "message_vi": "…", "message_en": "…",
 "retryable": false, "details": ["H98.01", "H98.02"], "request": "6f1c…"}
` + "```" + `

1000 the request and who asks · 2000 XML, schema and form · 3000 signature and trust · 4000 rules of the exchange ·
5000 state and identity · 6000 the node · 7000 the daily work of an agency. "Again" says whether the same bytes can succeed later; a program repeats only those.

| number | id | HTTP | again | what to do |
|---|---|---|---|---|
`

// docs/errors.md is the catalogue.
func TestErrorsDoc(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(errorsHead)
	for _, e := range Catalogue() {
		again := "no"
		if e.Retryable {
			again = "yes"
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %s | %s<br>%s |\n", e.Code, e.ID, e.HTTP, again, e.Vi, e.En)
	}
	const file = "../docs/errors.md"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Error("docs/errors.md is not the catalogue: run the test with -update and read the difference")
	}
}
