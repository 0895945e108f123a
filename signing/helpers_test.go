package signing_test

import (
	"crypto"
	"crypto/x509"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// day is when the tests take place.
var day = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// seeded is a source of the same bytes every time.
func seeded(label string) *rand.ChaCha8 {
	var seed [32]byte
	copy(seed[:], label)
	return rand.NewChaCha8(seed)
}

func newCA(tb testing.TB, label string) *trialca.Authority {
	tb.Helper()
	ca, err := trialca.New("CA "+label, seeded(label), func() time.Time { return day })
	if err != nil {
		tb.Fatal(err)
	}
	return ca
}

// leaf is a certificate with its key.
type leaf struct {
	key   crypto.Signer
	cert  *x509.Certificate
	chain []*x509.Certificate
}

func newLeaf(tb testing.TB, ca *trialca.Authority, k trialca.KeyType) leaf {
	tb.Helper()
	return issue(tb, ca, trialca.Leaf{OrgCode: "H02.15", Name: "Sở Nội vụ tỉnh Bắc Giang", Key: k})
}

func issue(tb testing.TB, ca *trialca.Authority, l trialca.Leaf) leaf {
	tb.Helper()
	key, cert, err := ca.Issue(l)
	if err != nil {
		tb.Fatal(err)
	}
	return leaf{key, cert, []*x509.Certificate{cert, ca.Certificate}}
}

func trustIn(tb testing.TB, cas ...*trialca.Authority) *signing.Trust {
	tb.Helper()
	var certs []*x509.Certificate
	for _, ca := range cas {
		certs = append(certs, ca.Certificate)
	}
	t, err := signing.NewTrust(certs, true)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// edxml is a small document of the form that agencies exchange; attachment is its content, base64.
func edxml(attachment string) []byte {
	return []byte(strings.ReplaceAll(`<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016" xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016" xmlns:xlink="http://www.w3.org/1999/xlink">
  <edXML:edXMLEnvelope>
    <edXML:edXMLHeader>
      <edXML:MessageHeader Id="header">
        <edXML:From><edXML:OrganId>000.00.15.H02</edXML:OrganId><edXML:OrganName>Sở Nội vụ tỉnh Bắc Giang</edXML:OrganName></edXML:From>
        <edXML:To><edXML:OrganId>000.00.00.G22</edXML:OrganId><edXML:OrganName>Văn phòng Chính phủ</edXML:OrganName></edXML:To>
        <edXML:Code><edXML:CodeNumber>315</edXML:CodeNumber><edXML:CodeNotation>BC-SNV</edXML:CodeNotation></edXML:Code>
        <edXML:Subject>Báo cáo kết quả &amp; kiến nghị</edXML:Subject>
      </edXML:MessageHeader>
      <edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>000.00.15.H02</edXML:OrganId></edXML:TraceHeader></edXML:TraceHeaderList>
    </edXML:edXMLHeader>
    <edXML:edXMLBody>
      <edXML:edXMLManifest version="1.0" Id="manifest"><edXML:Reference xlink:href="cid:1"/></edXML:edXMLManifest>
    </edXML:edXMLBody>
  </edXML:edXMLEnvelope>
  <AttachmentEncoded><Attachment Id="attachment-1"><ContentId>cid:1</ContentId><edXML:ContentTransferEncoded>@</edXML:ContentTransferEncoded></Attachment></AttachmentEncoded>
</edXML>
`, "@", attachment))
}
