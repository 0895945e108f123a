package verdict_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// plainDoc is what most vectors sign.
var plainDoc = []byte(`<?xml version="1.0" encoding="UTF-8"?>
<r:report xmlns:r="urn:example:report"><r:title Id="title">Báo cáo &amp; kiến nghị</r:title><r:body Id="body" year='2026'>Kết quả quý III<!-- not signed --></r:body></r:report>
`)

// edDoc has the parts of an edXML package that matter for where signatures stand.
var edDoc = []byte(`<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXMLEnvelope><edXMLHeader><MessageHeader Id="header"><Subject>Về việc</Subject></MessageHeader>` +
	`<TraceHeaderList><TraceHeader/></TraceHeaderList></edXMLHeader><edXMLBody Id="manifest"/></edXMLEnvelope></edXML>`)

// made is what a case makes.
type made struct {
	doc    []byte
	at     time.Time         // of the judgement; zero: an hour after day
	trust  map[string][]byte // files of the trust folder; nil: authorities with their lists of the judgement's time
	policy string            // YAML; empty: the default policy
	kind   string
	proof  time.Time // a proof of the document's existence; zero: none
}

// testCase is one vector: how it is made, and what has to be said of it.
type testCase struct {
	name   string
	why    string
	expect string // indication and sub-indication
	failed string // checks that fail or stay unknown, in alphabetical order
	dss    string // what EU DSS says, if not the same; with the reason
	make   func(w *world) made
}

// now is when most vectors are judged.
var now = day.Add(time.Hour)

const passed = "TOTAL-PASSED"

func simple(doc func(w *world) []byte) func(w *world) made {
	return func(w *world) made { return made{doc: doc(w)} }
}

// Where EU DSS differs for one reason in several cases.
const (
	differsExpired = "INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED: it tells apart what has expired and was not revoked"
	differsMissing = "INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE: its word for missing revocation data; the standard has TRY_LATER (5.2.6.4)"
	differsPolicy  = passed + ": it is asked with its own default policy"
	differsPlain   = "INDETERMINATE SIG_CONSTRAINTS_FAILURE: it wants a signed signing time, which XML signatures without XAdES do not have"
	differsDates   = "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE_NO_POE: its policy has a date for this, our default has none"
)

var cases = []testCase{
	{name: "passed-xmldsig", why: "no XAdES properties at all", expect: passed, dss: differsPlain,
		make: simple(func(w *world) []byte { return w.plain(plainDoc, w.org, signing.SignOptions{}) })},
	{name: "passed-b", expect: passed, make: simple(func(w *world) []byte { return w.sign(plainDoc, w.org, xades.SignOptions{}) })},
	{name: "passed-b-rsa-pkcs1", why: "accepted and marked", expect: passed, make: simple(func(w *world) []byte {
		return w.sign(plainDoc, w.issue(w.issuing, trialca.Leaf{Name: "RSA", Key: trialca.RSA2048}), xades.SignOptions{})
	})},
	{name: "passed-b-rsa-pss", expect: passed, make: simple(func(w *world) []byte {
		return w.sign(plainDoc, w.issue(w.issuing, trialca.Leaf{Name: "RSA", Key: trialca.RSA3072}), xades.SignOptions{SignOptions: signing.SignOptions{Algorithm: signing.PSSSHA256}})
	})},
	{name: "passed-t", expect: passed, make: simple(func(w *world) []byte {
		return w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
	})},
	{name: "passed-lt", expect: passed, make: simple(func(w *world) []byte {
		return w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelLT, w.tsa, day.Add(time.Minute))
	})},
	{name: "passed-lta", expect: passed, make: simple(func(w *world) []byte {
		return w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelA, w.tsa, day.Add(time.Minute))
	})},
	{name: "passed-two-signers", why: "a person signs the body, the organisation everything", expect: passed, make: simple(func(w *world) []byte {
		return w.sign(w.sign(plainDoc, w.person, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"body"}}}), w.org, xades.SignOptions{})
	})},
	{name: "passed-parts", why: "every part that means anything is signed by its Id", expect: passed, make: simple(func(w *world) []byte {
		return w.sign(plainDoc, w.person, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"title", "body"}}})
	})},

	{name: "digest-changed", expect: "TOTAL-FAILED HASH_FAILURE", failed: "coverage reference-digest", make: simple(func(w *world) []byte {
		return w.replace(w.sign(plainDoc, w.org, xades.SignOptions{}), "kiến nghị", "kiến nghi")
	})},
	{name: "claimed-time-changed", why: "the signed properties are signed", expect: "TOTAL-FAILED HASH_FAILURE", failed: "coverage reference-digest",
		make: simple(func(w *world) []byte {
			return w.replace(w.sign(plainDoc, w.org, xades.SignOptions{}), "2026-11-22T08", "2026-11-22T07")
		})},
	{name: "value-changed", expect: "TOTAL-FAILED SIG_CRYPTO_FAILURE", failed: "coverage signature-value",
		make: simple(func(w *world) []byte {
			return flipBase64(w, w.sign(plainDoc, w.org, xades.SignOptions{}), "SignatureValue")
		})},
	{name: "key-info-lies", why: "KeyInfo has the certificate of somebody else", expect: "TOTAL-FAILED SIG_CRYPTO_FAILURE", dss: "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND: no certificate there has the key; ours tells that the value does not fit the one that is there",
		failed: "coverage signature-value signing-certificate-property",
		make: simple(func(w *world) []byte {
			other := w.issue(w.issuing, trialca.Leaf{Name: "Người khác"})
			return w.replace(w.sign(plainDoc, w.org, xades.SignOptions{}), b64(w.org.cert()), b64(other.cert()))
		})},

	{name: "expired", why: "and nothing proves that the signature is older", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired, failed: "validity",
		make: func(w *world) made {
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), at: day.AddDate(1, 1, 0)}
		}},
	{name: "expired-stamped", why: "the time-stamp and the embedded list are from before", expect: passed, make: func(w *world) made {
		return made{doc: w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelLT, w.tsa, day.Add(time.Minute)), at: day.AddDate(1, 1, 0)}
	}},
	{name: "expired-proved-outside", why: "a sealed time of receipt is a proof as well", expect: passed, dss: "has no such proofs", make: func(w *world) made {
		m := w.material(day.Add(time.Hour))
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), at: day.AddDate(1, 1, 0), proof: day.Add(time.Minute), trust: m}
	}},
	{name: "stamped-after-expiry", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired, failed: "validity", make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
		return made{doc: w.restamp(doc, 0, w.tsa, day.AddDate(1, 1, 0)), at: day.AddDate(1, 2, 0)}
	}},
	{name: "not-yet-valid", expect: "TOTAL-FAILED NOT_YET_VALID", dss: "INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE: the list is older than the certificate, which it tells first", failed: "validity", make: simple(func(w *world) []byte {
		return w.sign(plainDoc, w.issue(w.issuing, trialca.Leaf{Name: "Mai sau", NotBefore: day.Add(48 * time.Hour)}), xades.SignOptions{SigningTime: day.Add(48 * time.Hour)})
	})},
	{name: "stamped-before-valid", why: "the time-stamp proves that the certificate came later", expect: "TOTAL-FAILED NOT_YET_VALID", failed: "validity",
		make: func(w *world) made {
			h := w.issue(w.issuing, trialca.Leaf{Name: "Mai sau", NotBefore: day.Add(24 * time.Hour)})
			doc := w.augment(w.sign(plainDoc, h, xades.SignOptions{SigningTime: day.Add(24*time.Hour + time.Minute)}), xades.LevelT, w.tsa, day.Add(25*time.Hour))
			return made{doc: w.restamp(doc, 0, w.tsa, day.Add(time.Minute)), at: day.Add(48 * time.Hour)}
		}},

	{name: "revoked", why: "and nothing proves that the signature is older", expect: "INDETERMINATE REVOKED_NO_POE", failed: "revocation",
		make: func(w *world) made {
			w.revoke(w.issuing, w.org.cert(), day.Add(30*time.Minute), revocation.KeyCompromise)
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{})}
		}},
	{name: "revoked-after-stamp", expect: passed, make: func(w *world) made {
		w.revoke(w.issuing, w.org.cert(), day.Add(30*time.Minute), revocation.KeyCompromise)
		return made{doc: w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))}
	}},
	{name: "revoked-before-stamp", expect: "INDETERMINATE REVOKED_NO_POE", failed: "revocation", make: func(w *world) made {
		w.revoke(w.issuing, w.org.cert(), day.Add(30*time.Second), revocation.KeyCompromise)
		doc := w.sign(plainDoc, w.org, xades.SignOptions{})
		w.revoked = map[*trialca.Authority][]trialca.Revoked{}
		doc = w.augment(doc, xades.LevelT, w.tsa, day.Add(time.Minute))
		w.revoke(w.issuing, w.org.cert(), day.Add(30*time.Second), revocation.KeyCompromise)
		return made{doc: doc}
	}},
	{name: "revoked-later", why: "judged as of a moment before, by a list from after it", expect: passed, make: func(w *world) made {
		w.revoke(w.issuing, w.org.cert(), day.Add(2*time.Hour), revocation.KeyCompromise)
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: w.material(day.Add(24 * time.Hour))}
	}},
	{name: "revoked-and-expired", why: "by the time of the judgement both", expect: "INDETERMINATE REVOKED_NO_POE", failed: "revocation validity", make: func(w *world) made {
		w.revoke(w.issuing, w.org.cert(), day.Add(48*time.Hour), revocation.KeyCompromise)
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), at: day.AddDate(1, 1, 0)}
	}},
	{name: "revoked-after-content-stamp", why: "what was signed was time-stamped after the revocation, so the signature is later still",
		expect: "TOTAL-FAILED REVOKED", failed: "revocation", make: func(w *world) made {
			w.revoke(w.issuing, w.org.cert(), day.Add(-time.Minute), revocation.KeyCompromise)
			return made{doc: w.contentStamped(w.org, w.tsa, day)}
		}},
	{name: "suspended", why: "who suspends may release", expect: "INDETERMINATE TRY_LATER", failed: "revocation", make: func(w *world) made {
		w.revoke(w.issuing, w.org.cert(), day.Add(30*time.Minute), revocation.CertificateHold)
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{})}
	}},
	{name: "authority-revoked", expect: "INDETERMINATE REVOKED_CA_NO_POE", failed: "revocation", make: func(w *world) made {
		w.revoke(w.root, w.issuing.Certificate, day.Add(30*time.Minute), revocation.CACompromise)
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{})}
	}},
	{name: "revocation-stale", why: "a list that was to be replaced a month ago", expect: "INDETERMINATE TRY_LATER", failed: "revocation",
		dss: passed + ": its default policy only warns of old revocation data",
		make: func(w *world) made {
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: w.material(day), at: day.Add(month)}
		}},
	{name: "revocation-missing", why: "the certificates name lists that are not at hand", expect: "INDETERMINATE TRY_LATER", dss: differsMissing, failed: "revocation",
		make: func(w *world) made {
			m := w.material(now)
			delete(m, "issuing.crl")
			delete(m, "root.crl")
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: m}
		}},
	{name: "revocation-not-named", why: "a certificate that names no source, of an authority without lists: told, and no more", expect: passed,
		dss: "INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE: it asks for revocation data of every certificate; ours is when-named",
		make: simple(func(w *world) []byte {
			return w.sign(plainDoc, w.issue(w.quiet, trialca.Leaf{Name: "Không CRL"}), xades.SignOptions{})
		})},
	{name: "revocation-always", why: "the same where policy asks always", expect: "INDETERMINATE TRY_LATER", dss: differsMissing, failed: "revocation",
		make: func(w *world) made {
			return made{doc: w.sign(plainDoc, w.issue(w.quiet, trialca.Leaf{Name: "Không CRL"}), xades.SignOptions{}), policy: "name: strict\nrevocation: {required: always}\n"}
		}},
	{name: "revocation-never", why: "policy does not ask", expect: passed, dss: differsMissing, make: func(w *world) made {
		m := w.material(now)
		delete(m, "issuing.crl")
		delete(m, "root.crl")
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: m, policy: "name: lax\nrevocation: {required: never}\n"}
	}},
	{name: "revocation-freshness", why: "policy wants lists of the last hour; these are three hours old and still in force", expect: "INDETERMINATE TRY_LATER", failed: "revocation",
		dss: differsPolicy, make: func(w *world) made {
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: w.material(day), at: day.Add(3 * time.Hour), policy: "name: strict\nrevocation: {freshness: 1h}\n"}
		}},
	{name: "revocation-grace", why: "policy wants lists made half a day after the signature, when a revocation asked for just before would be in them",
		expect: "INDETERMINATE TRY_LATER", failed: "revocation", dss: differsPolicy, make: func(w *world) made {
			doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
			return made{doc: doc, trust: w.material(day.Add(time.Hour)), at: day.Add(2 * time.Hour), policy: "name: strict\nrevocation: {grace: 12h}\n"}
		}},
	{name: "revocation-grace-over", why: "the same a day later, with the lists of then", expect: passed, make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
		return made{doc: doc, at: day.Add(24 * time.Hour), policy: "name: strict\nrevocation: {grace: 12h}\n"}
	}},
	{name: "revocation-of-the-wrong-key", why: "a list in the authority's name that another key signed", expect: "INDETERMINATE TRY_LATER", dss: differsMissing, failed: "revocation",
		make: func(w *world) made {
			m := w.material(now)
			twin, err := trialca.New("CA cơ quan", rand.Reader, func() time.Time { return day })
			if err != nil {
				w.t.Fatal(err)
			}
			m["issuing.crl"] = crlPEM(w.crl(twin, now))
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: m}
		}},

	{name: "time-stamp-untrusted", why: "it proves nothing, and need not: the certificate is still good", expect: passed, failed: "chain", make: func(w *world) made {
		m := w.material(now)
		delete(m, "stamps.pem")
		return made{doc: w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute)), trust: m}
	}},
	{name: "time-stamp-untrusted-expired", why: "it proves nothing, and had to", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired, failed: "chain validity",
		make: func(w *world) made {
			m := w.material(day.AddDate(1, 1, 0))
			delete(m, "stamps.pem")
			doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
			return made{doc: doc, trust: m, at: day.AddDate(1, 1, 0)}
		}},
	{name: "time-stamp-over-other-bytes", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired, failed: "time-stamp-imprint validity", make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
		other := sha256.Sum256([]byte("khác"))
		return made{doc: w.replaceToken(doc, 0, w.token(other[:], w.tsa, day.Add(time.Minute))), at: day.AddDate(1, 1, 0)}
	}},
	{name: "time-stamp-signer-not-one", why: "made with a certificate for documents", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired,
		failed: "chain-purpose time-stamp-signer validity", make: func(w *world) made {
			doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
			return made{doc: w.withForgedToken(doc), at: day.AddDate(1, 1, 0)}
		}},
	{name: "time-stamp-signer-revoked", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired, failed: "revocation validity", make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
		w.revoke(w.stamps, w.tsa.cert(), day.Add(48*time.Hour), revocation.KeyCompromise)
		return made{doc: doc, at: day.AddDate(1, 1, 0)}
	}},
	{name: "time-stamp-malformed", why: "no token at all", expect: passed, failed: "time-stamp-format", make: simple(func(w *world) []byte {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
		return w.replaceToken(doc, 0, []byte{0x30, 0x03, 0x02, 0x01, 0x00})
	})},
	{name: "time-stamp-order", why: "the archive time-stamp is a day older than the signature's, which it covers", expect: "INDETERMINATE TIMESTAMP_ORDER_FAILURE", dss: passed + ": its default policy only warns",
		failed: "time-stamp-order", make: func(w *world) made {
			doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelA, w.tsa, day.Add(time.Minute))
			doc = w.restamp(doc, 0, w.tsa, day.Add(24*time.Hour))
			return made{doc: w.restamp(doc, 1, w.tsa, day.Add(time.Minute)), at: day.Add(48 * time.Hour)}
		}},
	{name: "archived", why: "the time-stamping certificate has expired too; the archive time-stamp is of another", expect: passed, make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelLT, w.tsa, day.Add(time.Minute))
		doc = w.augment(doc, xades.LevelA, w.tsa2, day.AddDate(2, 0, 0))
		return made{doc: doc, at: day.AddDate(4, 0, 0)}
	}},
	{name: "archived-too-late", why: "archived when the time-stamping certificate had expired already", expect: "INDETERMINATE OUT_OF_BOUNDS_NO_POE", dss: differsExpired, failed: "validity",
		make: func(w *world) made {
			doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelLT, w.tsa, day.Add(time.Minute))
			doc = w.augment(doc, xades.LevelA, w.tsa2, day.AddDate(2, 0, 0))
			return made{doc: w.restamp(doc, 1, w.tsa2, day.AddDate(3, 6, 0)), at: day.AddDate(4, 0, 0)}
		}},
	{name: "archived-twice", why: "renewed before the first archive time-stamp aged", expect: passed, make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelA, w.tsa, day.Add(time.Minute))
		doc = w.augment(doc, xades.LevelA, w.tsa2, day.AddDate(2, 0, 0))
		return made{doc: doc, at: day.AddDate(4, 0, 0)}
	}},

	{name: "untrusted", why: "no authority is trusted", expect: "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND", failed: "chain", make: func(w *world) made {
		m := w.material(now)
		delete(m, "root.pem")
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: m}
	}},
	{name: "issuing-authority-alone", why: "who trusts an authority need not trust the one above it", expect: passed,
		dss: "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND: it is asked to trust none that did not issue itself", make: func(w *world) made {
			m := w.material(now)
			delete(m, "root.pem")
			m["issuing.pem"] = certificatePEM(w.issuing.Certificate)
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: m}
		}},
	{name: "signed-by-a-time-stamp-authority", why: "its certificate is for time-stamps only", expect: "INDETERMINATE CHAIN_CONSTRAINTS_FAILURE", failed: "chain-purpose",
		dss: passed + ": it does not ask what a certificate is for", make: simple(func(w *world) []byte { return w.sign(plainDoc, w.tsa, xades.SignOptions{}) })},
	{name: "key-of-other-kind", why: "the algorithm was changed to one that the key is not for", expect: "TOTAL-FAILED SIG_CRYPTO_FAILURE", failed: "coverage signature-value",
		make: simple(func(w *world) []byte {
			return w.replace(w.sign(plainDoc, w.org, xades.SignOptions{}), signing.ECDSASHA256, signing.RSASHA256)
		})},
	{name: "deep-and-wide", why: "documents of any kind may be larger than packages", expect: passed, make: simple(func(w *world) []byte {
		var wide strings.Builder
		for i := range 300 {
			fmt.Fprintf(&wide, ` a%d="%d"`, i, i)
		}
		return w.sign([]byte(strings.Repeat("<d>", 200)+"<e"+wide.String()+` long="`+strings.Repeat("x", 100_000)+`"/>`+strings.Repeat("</d>", 200)), w.org,
			xades.SignOptions{SignOptions: signing.SignOptions{XML: xmlstream.Limits{MaxDepth: 300, MaxAttrs: 400, MaxToken: 1 << 20}}})
	})},
	{name: "authority-not-trusted-yet", why: "the trust list has the authority from later on", expect: "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND", failed: "chain",
		dss: passed + ": a folder of certificates has no dates for it", make: func(w *world) made {
			m := w.material(now)
			m["trust.yaml"] = []byte("authorities:\n- {file: root.pem, from: 2027-01-01}\n- {file: persons.pem}\n- {file: stamps.pem, purposes: [time-stamp]}\n- {file: quiet.pem}\n")
			return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), trust: m}
		}},
	{name: "wrong-purpose", why: "an organisation's signature by an authority for persons", expect: "INDETERMINATE CHAIN_CONSTRAINTS_FAILURE",
		failed: "chain-purpose organisation-signature", dss: passed + ": it knows no such purposes", make: func(w *world) made {
			m := w.material(now)
			m["trust.yaml"] = []byte("authorities:\n- {file: root.pem, purposes: [organisation]}\n- {file: persons.pem, purposes: [person]}\n- {file: stamps.pem, purposes: [time-stamp]}\n- {file: quiet.pem}\n")
			return made{doc: w.sign(edDoc, w.person, xades.SignOptions{}), trust: m, kind: "edxml.document"}
		}},
	{name: "right-purpose", why: "the organisation's signature by its own authority, a person's inside", expect: passed,
		make: func(w *world) made {
			m := w.material(now)
			m["trust.yaml"] = []byte("authorities:\n- {file: root.pem, purposes: [organisation]}\n- {file: persons.pem, purposes: [person]}\n- {file: stamps.pem, purposes: [time-stamp]}\n- {file: quiet.pem}\n")
			doc := w.sign(edDoc, w.person, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"header", "manifest"}}})
			return made{doc: w.sign(doc, w.org, xades.SignOptions{}), trust: m, kind: "edxml.document"}
		}},
	{name: "organisation-missing", why: "a package that only a person signed", expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", failed: "coverage organisation-signature",
		dss: passed + ": it does not ask what is signed", make: func(w *world) made {
			return made{doc: w.sign(edDoc, w.person, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"header", "manifest"}}}), kind: "edxml.document"}
		}},
	{name: "key-usage", why: "a certificate for encryption", expect: "INDETERMINATE CHAIN_CONSTRAINTS_FAILURE", dss: passed + ": its default policy only warns", failed: "key-usage",
		make: simple(func(w *world) []byte {
			return w.sign(plainDoc, w.issueWith(w.issuing, trialca.Leaf{Name: "Mã hoá"}, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), xades.SignOptions{})
		})},
	{name: "no-certificate", expect: "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND", failed: "coverage signing-certificate", make: simple(func(w *world) []byte {
		return handmade{algorithm: signing.ECDSASHA256, hash: crypto.SHA256, digest: signing.DigestSHA256, over: crypto.SHA256, noKeyInfo: true}.sign(w, w.org.key, w.org.cert())
	})},
	{name: "certificate-property-lies", why: "KeyInfo has another certificate of the same key, which the signed property does not name",
		expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", dss: "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND: it takes the property for the only way to find the certificate; ours is that of the key that fits", failed: "signing-certificate-property", make: simple(func(w *world) []byte {
			twin, err := w.issuing.IssueFor(trialca.Leaf{Name: "Sở Tài chính"}, w.org.key.Public())
			if err != nil {
				w.t.Fatal(err)
			}
			return w.replace(w.sign(plainDoc, w.org, xades.SignOptions{}), b64(w.org.cert()), b64(twin))
		})},
	{name: "certificate-property-missing", why: "policy asks for it", expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", failed: "signing-certificate-property",
		make: func(w *world) made {
			return made{doc: w.plain(plainDoc, w.org, signing.SignOptions{}), policy: "name: strict\nsigning_certificate_property: required\n"}
		}},
	{name: "properties-not-signed", why: "somebody put properties into the signature that no reference covers; they count as none", expect: passed, dss: differsPlain, failed: "",
		make: simple(func(w *world) []byte {
			doc := w.plain(plainDoc, w.org, signing.SignOptions{ID: "s1"})
			return w.replace(doc, "</Signature>", `<Object><xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Target="#s1"><xades:SignedProperties Id="p1">`+
				`<xades:SignedSignatureProperties><xades:SigningTime>2019-01-01T00:00:00Z</xades:SigningTime></xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></Object></Signature>`)
		})},
	{name: "properties-hidden", why: "their target was changed, which is not signed, so that what the signer said of his certificate would be lost",
		expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", dss: passed + ": it does not look at the target", failed: "properties", make: simple(func(w *world) []byte {
			return w.replace(w.sign(plainDoc, w.org, xades.SignOptions{}), `Target="#S`, `Target="#s`)
		})},
	{name: "policy-unknown", why: "a signature policy that nobody here knows: told, and no more", expect: passed,
		make: simple(func(w *world) []byte { return w.sign(plainDoc, w.org, xades.SignOptions{Policy: policyID("1.2.3.4")}) })},
	{name: "policy-unknown-required", expect: "INDETERMINATE SIGNATURE_POLICY_NOT_AVAILABLE", dss: differsPolicy, failed: "signature-policy", make: func(w *world) made {
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{Policy: policyID("1.2.3.4")}), policy: "name: strict\nsignature_policies: {unknown: required}\n"}
	}},
	{name: "policy-known", expect: passed, make: func(w *world) made {
		p := policyID("1.2.3.4")
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{Policy: p}),
			policy: fmt.Sprintf("name: strict\nsignature_policies: {unknown: required, known: [{id: 'urn:oid:1.2.3.4', sha256: %x}, {id: '1.2.3.4', sha256: %x}]}\n", p.Digest, p.Digest)}
	}},
	{name: "policy-other-text", why: "the signer means another text of the policy", expect: "INDETERMINATE POLICY_PROCESSING_ERROR", dss: differsPolicy, failed: "signature-policy", make: func(w *world) made {
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{Policy: policyID("1.2.3.4")}),
			policy: fmt.Sprintf("name: strict\nsignature_policies: {known: [{id: 'urn:oid:1.2.3.4', sha256: %[1]x}, {id: '1.2.3.4', sha256: %[1]x}]}\n", sha256.Sum256([]byte("bản khác")))}
	}},
	{name: "level-missing", why: "policy asks for a time-stamp", expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", dss: differsPolicy, failed: "level", make: func(w *world) made {
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{}), policy: "name: strict\nlevels: {default: B-T}\n"}
	}},
	{name: "level-by-kind", why: "policy asks it of another kind of package", expect: passed, make: func(w *world) made {
		return made{doc: w.sign(edDoc, w.org, xades.SignOptions{}), policy: "name: strict\nlevels: {edxml.status: B-T}\n", kind: "edxml.document"}
	}},
	{name: "level-unsound", why: "there is a time-stamp, and it proves nothing", expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", dss: differsPolicy, failed: "level time-stamp-imprint", make: func(w *world) made {
		doc := w.augment(w.sign(plainDoc, w.org, xades.SignOptions{}), xades.LevelT, w.tsa, day.Add(time.Minute))
		other := sha256.Sum256([]byte("khác"))
		return made{doc: w.replaceToken(doc, 0, w.token(other[:], w.tsa, day.Add(time.Minute))), policy: "name: strict\nlevels: {default: B-T}\n"}
	}},

	{name: "sha1", why: "refused by the default policy whenever it was", expect: "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE", dss: differsDates, failed: "algorithm digest-algorithm",
		make: simple(func(w *world) []byte { return w.sha1() })},
	{name: "sha1-too-late", why: "a policy with a date, and nothing proves that the signature is older", expect: "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
		failed: "algorithm digest-algorithm", make: func(w *world) made {
			return made{doc: w.sha1(), policy: sha1Policy, at: day.Add(month)}
		}},
	{name: "sha1-in-time", why: "a policy with a date, and a proof from before", expect: passed, dss: "has no such proofs", make: func(w *world) made {
		return made{doc: w.sha1(), policy: sha1Policy, at: day.Add(month), proof: day}
	}},
	{name: "sha1-changed", why: "what was changed is told before what is old", expect: "TOTAL-FAILED HASH_FAILURE", failed: "algorithm coverage digest-algorithm reference-digest",
		make: simple(func(w *world) []byte { return w.replace(w.sha1(), "Quyết định", "Quyêt định") })},
	{name: "md5", expect: "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE", dss: "TOTAL-FAILED HASH_FAILURE: it computes MD5, with which the vector was not made", failed: "algorithm coverage digest-algorithm", make: simple(func(w *world) []byte {
		return withIntermediate(w, handmade{algorithm: signing.ECDSASHA256, hash: crypto.SHA256, digest: "http://www.w3.org/2001/04/xmldsig-more#md5", over: crypto.SHA256}.sign(w, w.org.key, w.org.cert()))
	})},
	{name: "hmac", why: "a secret that the verifier would have to share", expect: "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE", dss: "TOTAL-FAILED SIG_CRYPTO_FAILURE: it tries the value", failed: "algorithm coverage", make: simple(func(w *world) []byte {
		return withIntermediate(w, handmade{algorithm: dsNamespace + "hmac-sha1", hash: crypto.SHA256, digest: signing.DigestSHA256, over: crypto.SHA256}.sign(w, w.org.key, w.org.cert()))
	})},
	{name: "rsa-1024", expect: "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE", dss: differsDates, failed: "key-size", make: simple(func(w *world) []byte {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			w.t.Fatal(err)
		}
		cert, err := w.issuing.IssueFor(trialca.Leaf{Name: "RSA-1024"}, key.Public())
		if err != nil {
			w.t.Fatal(err)
		}
		return withIntermediate(w, handmade{algorithm: signing.RSASHA256, hash: crypto.SHA256, digest: signing.DigestSHA256, over: crypto.SHA256}.sign(w, key, cert))
	})},
	{name: "pkcs1-refused", why: "by a policy that no longer takes it", expect: "INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE", dss: differsPolicy, failed: "algorithm", make: func(w *world) made {
		h := w.issue(w.issuing, trialca.Leaf{Name: "RSA", Key: trialca.RSA2048})
		return made{doc: w.sign(plainDoc, h, xades.SignOptions{}), policy: "name: strict\nsignatures: {RSA-PSS: {}, ECDSA: {}}\n"}
	}},

	{name: "wrapped-sibling", why: "what was signed stands beside what will be read", expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", failed: "coverage",
		dss: passed + ": it does not ask what is signed", make: simple(func(w *world) []byte {
			doc := w.sign(plainDoc, w.org, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"title", "body"}}})
			return w.replace(doc, `<r:title Id="title">`, `<r:body>Không đạt</r:body><r:title Id="title">`)
		})},
	{name: "wrapped-inside-object", why: "what was signed was moved into the signature", expect: "INDETERMINATE SIG_CONSTRAINTS_FAILURE", failed: "coverage",
		dss: passed + ": it does not ask what is signed", make: simple(func(w *world) []byte {
			doc := w.sign(plainDoc, w.org, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"title", "body"}}})
			body := `<r:body Id="body" year='2026'>Kết quả quý III<!-- not signed --></r:body>`
			doc = w.replace(doc, body, `<r:body year='2026'>Không đạt</r:body>`)
			return w.replace(doc, "</Signature>", "<Object>"+body+"</Object></Signature>")
		})},
	{name: "partly-signed", why: "and policy takes what the signer chose", expect: passed, make: func(w *world) made {
		return made{doc: w.sign(plainDoc, w.org, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"body"}}}), policy: "name: lax\ncoverage: references\n"}
	}},
	{name: "one-of-two-bad", why: "one bad signature is enough", expect: "TOTAL-FAILED SIG_CRYPTO_FAILURE", failed: "signature-value", make: simple(func(w *world) []byte {
		doc := flipBase64(w, w.sign(plainDoc, w.person, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"body"}}}), "SignatureValue")
		return w.sign(doc, w.org, xades.SignOptions{})
	})},
	{name: "ambiguous-id", expect: "TOTAL-FAILED FORMAT_FAILURE", failed: "coverage reference-found", make: simple(func(w *world) []byte {
		doc := w.sign(plainDoc, w.org, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"title", "body"}}})
		return w.replace(doc, "</r:report>", `<r:body Id="body">Không đạt</r:body></r:report>`)
	})},
	{name: "target-missing", expect: "INDETERMINATE SIGNED_DATA_NOT_FOUND", failed: "coverage reference-found", make: simple(func(w *world) []byte {
		doc := w.sign(plainDoc, w.org, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"title", "body"}}})
		return w.replace(doc, `Id="body"`, `Id="body2"`)
	})},
	{name: "external", why: "a file that is not here", expect: "INDETERMINATE SIGNED_DATA_NOT_FOUND", failed: "coverage reference-found", make: simple(func(w *world) []byte {
		return w.reference(`<Reference URI="file:///etc/passwd"><DigestMethod Algorithm="` + signing.DigestSHA256 + `"></DigestMethod><DigestValue>` + b64of("x") + `</DigestValue></Reference>`)
	})},
	{name: "transform-refused", why: "XSLT could make anything out of anything", expect: "TOTAL-FAILED FORMAT_FAILURE", dss: "TOTAL-FAILED HASH_FAILURE: it would run the style sheet", failed: "coverage format", make: simple(func(w *world) []byte {
		return w.reference(`<Reference URI=""><Transforms><Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></Transform></Transforms><DigestMethod Algorithm="` +
			signing.DigestSHA256 + `"></DigestMethod><DigestValue>` + b64of("x") + `</DigestValue></Reference>`)
	})},
	{name: "no-references", expect: "TOTAL-FAILED FORMAT_FAILURE", dss: "has no opinion: it cannot read it", failed: "coverage format", make: simple(func(w *world) []byte {
		return withIntermediate(w, handmade{algorithm: signing.ECDSASHA256, hash: crypto.SHA256, none: true, reference: "-"}.sign(w, w.org.key, w.org.cert()))
	})},
	{name: "signature-malformed", why: "the parts of the signature are out of order", expect: "TOTAL-FAILED FORMAT_FAILURE", dss: "has no opinion: it cannot read it", failed: "coverage format", make: simple(func(w *world) []byte {
		return w.replace(w.plain(plainDoc, w.org, signing.SignOptions{}), "<SignatureValue>", "<Object></Object><SignatureValue>")
	})},
	{name: "unsigned", expect: "TOTAL-FAILED FORMAT_FAILURE", failed: "signed", dss: "has no opinion: no signature", make: simple(func(w *world) []byte { return plainDoc })},
	{name: "signature-elsewhere", why: "an element of that name outside the namespace is none", expect: "TOTAL-FAILED FORMAT_FAILURE", failed: "signed", dss: "has no opinion: no signature",
		make: simple(func(w *world) []byte { return []byte(`<d xmlns="urn:example:d"><Signature/></d>`) })},
	{name: "not-well-formed", expect: "TOTAL-FAILED FORMAT_FAILURE", failed: "xml", dss: "has no opinion: no XML",
		make: simple(func(w *world) []byte {
			return w.replace(w.plain(plainDoc, w.org, signing.SignOptions{}), "</r:body>", "")
		})},
	{name: "document-type", why: "a document type could change what everything means", expect: "TOTAL-FAILED FORMAT_FAILURE", failed: "xml", dss: "has no opinion: it refuses a document type too",
		make: simple(func(w *world) []byte {
			return w.replace(w.plain(plainDoc, w.org, signing.SignOptions{}), "?>\n", "?>\n<!DOCTYPE r [<!ENTITY x \"y\">]>\n")
		})},
	{name: "empty", expect: "TOTAL-FAILED FORMAT_FAILURE", failed: "xml", dss: "has no opinion: no XML", make: simple(func(w *world) []byte { return nil })},
}

const sha1Policy = "name: old\ndigests: {SHA-256: {}, SHA-1: {before: 2026-12-01}}\n"

func policyID(id string) *xades.PolicyID {
	sum := sha256.Sum256([]byte("chính sách"))
	return &xades.PolicyID{ID: id, Hash: crypto.SHA256, Digest: sum[:]}
}

func b64(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }

func b64of(s string) string {
	v := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(v[:])
}

// flipBase64 changes the first byte of an element's content.
func flipBase64(w *world, doc []byte, element string) []byte {
	i := strings.Index(string(doc), "<"+element)
	if i < 0 {
		w.t.Fatalf("no %s", element)
	}
	i += strings.Index(string(doc[i:]), ">") + 1
	out := []byte(string(doc))
	if out[i] == 'A' {
		out[i] = 'B'
	} else {
		out[i] = 'A'
	}
	return out
}

// sha1 is a document signed with RSA and SHA-1, as was usual once.
func (w *world) sha1() []byte {
	h := w.issue(w.issuing, trialca.Leaf{Name: "Cũ", Key: trialca.RSA2048})
	return withIntermediate(w, handmade{algorithm: signing.RSASHA1, hash: crypto.SHA1, digest: signing.DigestSHA1, over: crypto.SHA1}.sign(w, h.key, h.cert()))
}

// reference is a document whose signature has this reference.
func (w *world) reference(r string) []byte {
	return withIntermediate(w, handmade{algorithm: signing.ECDSASHA256, hash: crypto.SHA256, reference: r}.sign(w, w.org.key, w.org.cert()))
}

// withIntermediate adds the issuing authority to KeyInfo.
func withIntermediate(w *world, doc []byte) []byte {
	return w.replace(doc, "</X509Data>", "<X509Certificate>"+b64(w.issuing.Certificate)+"</X509Certificate></X509Data>")
}

// withForgedToken signs what the first token says with a certificate that is not for time-stamps, and puts that into its place.
func (w *world) withForgedToken(doc []byte) []byte {
	w.t.Helper()
	_, p := w.read(doc)
	token, err := tsp.Parse(p.SignatureTimeStamps[0].Token)
	if err != nil {
		w.t.Fatal(err)
	}
	liar := w.issue(w.stamps, trialca.Leaf{Name: "TSA giả", Lifetime: 3 * 365 * 24 * time.Hour})
	forged, err := cms.Sign(token.Message.Content, liar.key, liar.cert(), cms.SignOptions{ContentType: cms.OIDTSTInfo, Certificates: liar.chain})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.replaceToken(doc, 0, forged)
}

// contentStamped signs a document with a time-stamp over its content among the signed properties.
func (w *world) contentStamped(h, by holder, at time.Time) []byte {
	w.t.Helper()
	return withIntermediate(w, handmade{algorithm: signing.ECDSASHA256, hash: crypto.SHA256, digest: signing.DigestSHA256, over: crypto.SHA256,
		stamp: func(content []byte) []byte { return w.token(content, by, at) }}.sign(w, h.key, h.cert()))
}
