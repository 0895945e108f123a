//go:build peers

package verdict_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/judges"
)

// TestVectorsAgreeWithDSS asks EU DSS about every vector. Where it says something else than we do, the vector has to say what, and why.
func TestVectorsAgreeWithDSS(t *testing.T) {
	dss := judges.DSS(t)
	for _, v := range storedVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			if strings.HasPrefix(v.dss, "has no ") {
				return
			}
			dir := v.unpack(t)
			file := filepath.Join(t.TempDir(), "document.xml")
			if err := os.WriteFile(file, v.document, 0o600); err != nil {
				t.Fatal(err)
			}
			m := judges.Material{At: v.at}
			for name := range v.trust {
				switch filepath.Ext(name) {
				case ".pem":
					m.Trust = append(m.Trust, filepath.Join(dir, name))
				case ".crl":
					m.CRLs = append(m.CRLs, filepath.Join(dir, name))
				}
			}
			o, err := dss.Validate(file, m)
			if err != nil {
				t.Fatal(err)
			}
			want := v.expect
			if v.dss != "" {
				want, _, _ = strings.Cut(v.dss, ":")
			}
			is := worst(o)
			if is != want {
				t.Errorf("EU DSS says %s, expected %s\n%s", is, want, o)
			}
		})
	}
}

// worst is the opinion of the signature that decides, as ours is made.
func worst(o *judges.Opinion) string {
	for _, want := range []string{"TOTAL_FAILED", "INDETERMINATE"} {
		for _, s := range o.Signatures {
			if s.Indication == want {
				return strings.TrimSpace(strings.ReplaceAll(s.Indication, "_", "-") + " " + s.SubIndication)
			}
		}
	}
	if len(o.Signatures) == 0 {
		return "no signature"
	}
	return passed
}
