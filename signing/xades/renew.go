package xades

import (
	"crypto/x509"
	"time"

	"github.com/tram-exchange/tram/signing/tsp"
)

// RenewBefore returns the time from which the signature can no longer be proved by its time-stamps: when the certificates of the archive
// time-stamp (without any, of the signature time-stamp) that lives longest expire, or its algorithms are given up if that is earlier. Augment to
// LevelA before that. ends tells when the algorithms of a token are given up, zero for not yet known; it may be nil. The zero
// time says that there is no time-stamp that can be read.
func RenewBefore(p *Properties, ends func(*tsp.Token) time.Time) time.Time {
	list := p.ArchiveTimeStamps
	if len(list) == 0 {
		list = p.SignatureTimeStamps
	}
	certs, _, _ := p.Material()
	known := parse(certs)
	var latest time.Time
	for i := range list {
		token, err := tsp.Parse(list[i].Token)
		if err != nil {
			continue
		}
		token.Supply(known)
		if token.Signer == nil {
			continue
		}
		end := chainEnd(token.Signer, append(known[:len(known):len(known)], token.Certificates...))
		if ends != nil {
			if e := ends(token); !e.IsZero() && e.Before(end) {
				end = e
			}
		}
		if end.After(latest) {
			latest = end
		}
	}
	return latest
}

// maxChain bounds the walk upwards.
const maxChain = 8

// chainEnd returns the earliest expiry of a certificate and of those above it that are known.
func chainEnd(c *x509.Certificate, known []*x509.Certificate) time.Time {
	end := c.NotAfter
	for range maxChain {
		up := issuerOf(c, known)
		if up == nil || up.Equal(c) {
			break
		}
		if c = up; c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

func issuerOf(c *x509.Certificate, known []*x509.Certificate) *x509.Certificate {
	for _, k := range known {
		if string(k.RawSubject) == string(c.RawIssuer) && c.CheckSignatureFrom(k) == nil {
			return k
		}
	}
	return nil
}
