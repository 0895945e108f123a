package tsp_test

import (
	"bytes"
	"crypto/x509"
	"testing"

	"github.com/digitorus/timestamp"

	"github.com/tram-exchange/tram/signing/tsp"
)

// Another reader agrees on what good tokens say; it knows neither RSASSA-PSS nor the binding to the certificate, and no time with zeros.
func TestDigitorusAgrees(t *testing.T) {
	for _, v := range vectors() {
		if v.expect != "" || v.name == "good-pss" || v.name == "time-zero" {
			continue
		}
		_, imprint, der := readVector(t, v.name)
		ours, err := tsp.Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := timestamp.Parse(der)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if !theirs.Time.Equal(ours.Time) || theirs.Accuracy != ours.Accuracy || theirs.SerialNumber.Cmp(ours.Serial) != 0 || theirs.Policy.String() != ours.Policy ||
			theirs.HashAlgorithm != ours.Hash || !bytes.Equal(theirs.HashedMessage, imprint) || !hasCertificate(theirs.Certificates, ours.Signer) {
			t.Errorf("%s: theirs %+v, ours %+v", v.name, theirs, ours)
		}
	}
}

func hasCertificate(list []*x509.Certificate, c *x509.Certificate) bool {
	for _, x := range list {
		if x.Equal(c) {
			return true
		}
	}
	return false
}
