package signing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// TestPackageComment checks the example of the package comment, byte for byte as it stands there.
func TestPackageComment(t *testing.T) {
	b, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	inBlock := false
	for line := range strings.SplitSeq(string(b), "\n") {
		code, ok := strings.CutPrefix(line, "//\t")
		switch {
		case ok && inBlock:
			blocks[len(blocks)-1] += "\n" + code
		case ok:
			blocks = append(blocks, code)
		}
		inBlock = ok
	}
	if len(blocks) != 3 {
		t.Fatalf("%d indented blocks in the package comment, want the example and two digests", len(blocks))
	}
	doc, content, info := blocks[0], blocks[1], blocks[2]
	trust, err := LoadTrust("../testdata/signing/trust", true)
	if err != nil {
		t.Fatal(err)
	}
	v, err := VerifyPackage(context.Background(), BytesSource(doc), VerifyOptions{Trust: trust, At: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatalf("the example is refused: %v", err)
	}
	sum := v.SignedContent()
	if got := hex.EncodeToString(sum[:]); got != content {
		t.Errorf("digest of the content is %s, the comment says %s", got, content)
	}
	isInfo := func(tok *xmlstream.Token) bool { return string(tok.Local) == "SignedInfo" }
	sum = sha256.Sum256([]byte(canonical(t, doc, c14nMethod{exclusive: true}, false, isInfo)))
	if got := hex.EncodeToString(sum[:]); got != info {
		t.Errorf("digest of SignedInfo is %s, the comment says %s", got, info)
	}
}
