//go:build peers

package xmlstream

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// corpus is what the mutations start from.
var corpus = []string{
	`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016" xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLEnvelope a='1' b="2"><edXML:Subject>Về việc báo cáo &amp; kiến nghị &lt;1&gt;</edXML:Subject><edXML:Code/><!-- chú thích --></edXML:edXMLEnvelope></edXML>` + "\n",
	`<a xmlns:p="u" xmlns="v" p:x="&#10;" x='"'><p:b xmlns:p="w" xml:lang="vi">]] &#x1EA0; <![CDATA[ <&> ]]]]></p:b><?pi data?><c xmlns=""/></a><!-- end -->`,
	"<r>\r\n\t<văn_bản số='7816/VPCP-TTĐT'>Đỗ Thị Hường</văn_bản>\r\n</r>",
}

// pieces are put in by mutation: what makes or breaks well-formedness.
var pieces = []string{"<", ">", "&", "\"", "'", "/", "=", " ", "]]>", "<!--", "-->", "--", "<?", "?>", "<![CDATA[", "&amp;", "&#0;", "&#xD800;", "&x;", "\x00", "\x0B",
	"\xC3", "\xA9", "\xEF\xBF\xBE", "\xEF\xBB\xBF", "\xED\xA0\x80", ":", "p:", "xmlns:p='z'", " xmlns='z'", " p:x='1'", " x='1'", "xml", "<?xml version='1.0'?>", "é", "-", ".", "1", "\r", "\n", "\t", "<a/>", "</a>"}

func mutate(r *rand.Rand, doc string) string {
	b := []byte(doc)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(b))
		switch r.IntN(5) {
		case 0:
			b[i] = byte(r.IntN(256))
		case 1:
			b = append(b[:i], b[min(len(b), i+1+r.IntN(4)):]...)
		case 2, 3:
			b = append(b[:i], append([]byte(pieces[r.IntN(len(pieces))]), b[i:]...)...)
		case 4:
			j := min(len(b), i+r.IntN(30))
			b = append(b[:j], append(bytes.Clone(b[i:j]), b[j:]...)...)
		}
		if len(b) == 0 {
			b = []byte("<")
		}
	}
	return string(b)
}

// byPolicy reports whether we refuse what XML as such allows.
func byPolicy(se *SyntaxError) bool {
	switch se.Kind {
	case DTD, TooDeep, TokenTooBig, TooManyAttributes, TooManyTokens, TooLarge:
		return true
	case Encoding:
		return strings.Contains(se.Msg, "only UTF-8")
	}
	return strings.Contains(se.Msg, "only 1.0") || strings.Contains(se.Msg, "at the very start") // libxml2 only warns of <?XML?>
}

// TestAgainstXmllint holds our verdict on mutated documents against that of libxml2. Namespace errors, which libxml2
// reports but survives, count as refusals.
func TestAgainstXmllint(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatalf("xmllint is missing: %v", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	complaint := regexp.MustCompile(`(?m)^(\S+\.xml):\d+: (?:parser|namespace|validity|encoding|I/O)? ?error : (.*)$`)
	const batch, batches = 400, 20
	ours, both, refused := 0, 0, 0
	for range batches {
		dir := t.TempDir()
		docs := make([]string, batch)
		args := []string{"--noout", "--nonet"}
		for i := range docs {
			docs[i] = mutate(r, corpus[r.IntN(len(corpus))])
			path := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
			if err := os.WriteFile(path, []byte(docs[i]), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, path)
		}
		out, err := exec.Command(xmllint, args...).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatalf("couldn't run xmllint: %v", err)
		}
		theirs := map[string]string{}
		for _, m := range complaint.FindAllStringSubmatch(string(out), -1) {
			if strings.HasSuffix(m[2], "is not a valid URI") {
				continue // namespace names are compared, not resolved; nobody has to check that they are URIs
			}
			theirs[filepath.Base(m[1])] = m[2]
		}
		for i, doc := range docs {
			_, err := dump(NewBytes([]byte(doc), Limits{}))
			why, bad := theirs[fmt.Sprintf("%d.xml", i)]
			var se *SyntaxError
			switch {
			case err == nil && bad:
				t.Errorf("accepted here, xmllint says %q: %q", why, doc)
			case err == nil:
				both++
			case bad:
				refused++
			case errors.As(err, &se) && byPolicy(se):
				ours++
			default:
				t.Errorf("xmllint accepts, refused here: %v: %q", err, doc)
			}
		}
	}
	t.Logf("%d accepted by both, %d refused by both, %d refused by policy", both, refused, ours)
	if both < 100 || refused < 100 {
		t.Errorf("%d accepted and %d refused by both: too few to mean anything", both, refused)
	}
}
