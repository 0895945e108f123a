package schemas

import (
	"context"
	"testing"
)

func TestSchemasCompile(t *testing.T) {
	for name, g := range map[string]func() *grammar{FileAccept: acceptGrammar, FileEmit: emitGrammar, FileTram: tramGrammar} {
		if n := len(g().nodes); n < 80 {
			t.Errorf("%s compiles to %d elements, want more than 80", name, n)
		}
	}
}

func TestCommentInField(t *testing.T) {
	const doc = `<edXML xmlns="` + NamespaceEdXML + `"><edXMLEnvelope><edXMLHeader><MessageHeader><From><OrganId>H0<!-- x -->5</OrganId></From></MessageHeader></edXMLHeader></edXMLEnvelope></edXML>`
	_, err := Parse(context.Background(), ReceivedBytes([]byte(doc)), Options{})
	t.Log(err)
	r := err.(*Refusal)
	if r.Sender != "H05" {
		t.Errorf("sender is %q, want H05", r.Sender)
	}
}
