package signing_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"encoding/asn1"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// maker has the keys that the vectors are made with, all from fixed seeds.
type maker struct {
	t         testing.TB
	ca, other *trialca.Authority
	p256      leaf
	p384      leaf
	rsa       leaf
	stranger  leaf // of the other authority
	doc       []byte
}

func newMaker(t testing.TB) *maker {
	m := &maker{t: t, ca: newCA(t, "vectors"), other: newCA(t, "other"), doc: edxml("UEsDBBQACAgIAA==")}
	m.p256, m.p384, m.rsa = newLeaf(t, m.ca, trialca.P256), newLeaf(t, m.ca, trialca.P384), newLeaf(t, m.ca, trialca.RSA2048)
	m.stranger = newLeaf(t, m.other, trialca.P256)
	return m
}

func (m *maker) sign(l leaf, o signing.SignOptions, doc []byte) []byte {
	m.t.Helper()
	out, err := signing.Sign(doc, l.key, l.chain[:1], o)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// good is the document signed as usual.
func (m *maker) good() []byte { return m.sign(m.p256, signing.SignOptions{}, m.doc) }

// swap replaces the first old by new, which must be there.
func (m *maker) swap(doc []byte, old, new string) []byte {
	m.t.Helper()
	if !bytes.Contains(doc, []byte(old)) {
		m.t.Fatalf("document has no %q", old)
	}
	return bytes.Replace(doc, []byte(old), []byte(new), 1)
}

// between returns the bytes of doc from one mark to another, both included.
func between(doc []byte, from, to string) string {
	i := bytes.Index(doc, []byte(from))
	return string(doc[i : i+bytes.Index(doc[i:], []byte(to))+len(to)])
}

const (
	sigOpen, sigClose = `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">`, `</Signature>`
	subject           = "Báo cáo kết quả"
	headerEnd         = "</edXML:edXMLHeader>"
)

type vectorCase struct {
	name, expect, about string
	make                func(m *maker) []byte
	at                  func(m *maker) time.Time
	uncovered           bool // every signature fits, and something is covered by none
}

// changed makes a case of the usual document with one replacement after signing.
func changed(name, expect, about, old, new string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, make: func(m *maker) []byte { return m.swap(m.good(), old, new) }}
}

// cut makes a case of the usual document in which everything between two marks, both included, is replaced.
func cut(name, expect, about, from, to, new string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, make: func(m *maker) []byte {
		good := m.good()
		return m.swap(good, between(good, from, to), new)
	}}
}

var envelopedTransform = `<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></Transform>`
var excTransform = `<Transform Algorithm="` + signing.ExcC14N + `"></Transform>`

var vectorCases = slices.Concat(acceptedCases, changedCases, craftedCases, wrappingCases, transformCases, canonicalCases, keyCasesOfVectors)

var acceptedCases = []vectorCase{
	{name: "ok-p256", expect: "accepted", about: "ECDSA P-256, SHA-256, exclusive canonicalisation: the usual form", make: (*maker).good},
	{name: "ok-p384", expect: "accepted", about: "ECDSA P-384, SHA-384", make: func(m *maker) []byte { return m.sign(m.p384, signing.SignOptions{Digest: signing.DigestSHA384}, m.doc) }},
	{name: "ok-rsa2048", expect: "accepted", about: "RSA PKCS#1 v1.5, SHA-256", make: func(m *maker) []byte { return m.sign(m.rsa, signing.SignOptions{}, m.doc) }},
	{name: "ok-rsa-sha512", expect: "accepted", about: "RSA PKCS#1 v1.5, SHA-512 throughout", make: func(m *maker) []byte {
		return m.sign(m.rsa, signing.SignOptions{Algorithm: signing.RSASHA512, Digest: signing.DigestSHA512}, m.doc)
	}},
	{name: "ok-pss-sha256", expect: "accepted", about: "RSASSA-PSS with SHA-256", make: func(m *maker) []byte { return m.sign(m.rsa, signing.SignOptions{Algorithm: signing.PSSSHA256}, m.doc) }},
	{name: "ok-pss-sha384", expect: "accepted", about: "RSASSA-PSS with SHA-384", make: func(m *maker) []byte { return m.sign(m.rsa, signing.SignOptions{Algorithm: signing.PSSSHA384}, m.doc) }},
	{name: "ok-pss-sha512", expect: "accepted", about: "RSASSA-PSS with SHA-512", make: func(m *maker) []byte { return m.sign(m.rsa, signing.SignOptions{Algorithm: signing.PSSSHA512}, m.doc) }},
	{name: "ok-c14n10", expect: "accepted", about: "inclusive canonicalisation 1.0", make: func(m *maker) []byte { return m.sign(m.p256, signing.SignOptions{C14N: signing.C14N10}, m.doc) }},
	{name: "ok-c14n11", expect: "accepted", about: "inclusive canonicalisation 1.1", make: func(m *maker) []byte { return m.sign(m.p256, signing.SignOptions{C14N: signing.C14N11}, m.doc) }},
	{name: "ok-person-and-organisation", expect: "accepted", about: "a person's signature over three parts, then the organisation's over all",
		make: func(m *maker) []byte {
			person := m.sign(m.p384, signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1"}, ID: "person"}, m.doc)
			return m.sign(m.p256, signing.SignOptions{}, person)
		}},
	{name: "ok-tram-package", expect: "accepted", about: "another document: the signature is the last child of the root", make: func(m *maker) []byte {
		return m.sign(m.p256, signing.SignOptions{}, []byte("<t:package xmlns:t=\"urn:example:tram\"><t:header><t:id>1</t:id></t:header><t:body/></t:package>"))
	}},
	changed("ok-comment-added", "accepted", "a comment put in after signing changes nothing that is signed", subject, "Báo <!-- x -->cáo kết quả"),
	changed("ok-tag-respaced", "accepted", "white space and quotes inside tags are not signed", `<edXML:edXMLManifest version="1.0" Id="manifest">`, "<edXML:edXMLManifest Id='manifest'\n version = '1.0' >"),
	changed("ok-reference-for-character", "accepted", "a character written as a reference is the same character", subject, "B&#xE1;o cáo kết quả"),
	changed("ok-declaration-dropped", "accepted", "the XML declaration is not signed", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""),
	{name: "ok-value-wrapped", expect: "accepted", about: "white space inside the base64 of value and certificate", make: func(m *maker) []byte {
		return m.swap(m.swap(m.good(), "<SignatureValue>", "<SignatureValue>\r\n  "), "<X509Certificate>MII", "<X509Certificate>\n\tM I\nI")
	}},
	changed("ok-keyinfo-more", "accepted", "other children of KeyInfo are not looked at", "<KeyInfo>", "<KeyInfo><KeyName>somebody</KeyName><KeyValue/>"),
}

var changedCases = []vectorCase{
	{name: "unsigned", expect: "unsigned", about: "no signature", make: func(m *maker) []byte { return m.doc }},
	{name: "unsigned-empty-element", expect: "unsigned", about: "an empty DigitalSignature of the document's own namespace", make: func(m *maker) []byte {
		return m.swap(m.doc, headerEnd, "<edXML:DigitalSignature/>"+headerEnd)
	}},
	changed("unsigned-other-namespace", "unsigned", "a Signature outside the ds namespace counts as none", sigOpen, "<Signature>"),
	changed("digest-subject", "digest-mismatch", "a letter of the subject changed", subject, "báo cáo kết quả"),
	changed("digest-attachment", "digest-mismatch", "a letter of an attachment changed", "UEsDBBQ", "UEsDBBR"),
	changed("digest-attribute", "digest-mismatch", "an attribute changed", `version="1.0" Id`, `version="1.1" Id`),
	changed("digest-recipient-added", "digest-mismatch", "a recipient added", "<edXML:To>", "<edXML:To><edXML:OrganId>000.00.00.H41</edXML:OrganId></edXML:To><edXML:To>"),
	changed("digest-white-space", "digest-mismatch", "white space between elements is signed", "</edXML:From>\n", "</edXML:From>"),
	changed("digest-namespace", "digest-mismatch", "a namespace exchanged", `<AttachmentEncoded>`, `<AttachmentEncoded xmlns="urn:x">`),
	changed("digest-instruction", "digest-mismatch", "a processing instruction behind the root is signed", "</edXML>\n", "</edXML><?x?>\n"),
	changed("digest-second-signature-after", "digest-mismatch", "a copy of the signature beside it: each covers the other", sigClose, sigClose+sigOpen+"</Signature>"),
	{name: "certificate-before-digest", expect: "no-certificate", about: "two faults: the missing certificate is told first", make: func(m *maker) []byte {
		good := m.swap(m.good(), subject, "x")
		return m.swap(good, between(good, "<X509Data>", "</X509Data>"), "")
	}},
	{name: "digest-value-changed", expect: "digest-mismatch", about: "DigestValue of other content", make: func(m *maker) []byte {
		other := m.sign(m.p256, signing.SignOptions{}, m.swap(m.doc, subject, "x"))
		return m.swap(m.good(), between(m.good(), "<DigestValue>", "</DigestValue>"), between(other, "<DigestValue>", "</DigestValue>"))
	}},
	{name: "value-of-another", expect: "value-mismatch", about: "the value of a signature over other content", make: func(m *maker) []byte {
		other := m.sign(m.p256, signing.SignOptions{}, m.swap(m.doc, subject, "x"))
		good := m.good()
		return m.swap(good, between(good, "<SignatureValue>", "</SignatureValue>"), between(other, "<SignatureValue>", "</SignatureValue>"))
	}},
	{name: "value-certificate-exchanged", expect: "value-mismatch", about: "somebody else's certificate in KeyInfo", make: func(m *maker) []byte {
		l := issue(m.t, m.ca, trialca.Leaf{Name: "Sở Y tế", OrgCode: "H02.11"})
		good := m.good()
		return m.swap(good, between(good, "<X509Certificate>", "</X509Certificate>"), "<X509Certificate>"+base64.StdEncoding.EncodeToString(l.cert.Raw)+"</X509Certificate>")
	}},
	changed("value-signedinfo-white-space", "value-mismatch", "white space put into SignedInfo", "<SignedInfo>", "<SignedInfo> "),
	changed("value-reference-id", "value-mismatch", "an attribute put into SignedInfo", `<Reference URI="">`, `<Reference Id="x" URI="">`),

	changed("algorithm-rsa-sha1", "algorithm-refused", "SHA-1 in the signature", signing.ECDSASHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
	changed("algorithm-dsa", "algorithm-refused", "DSA", signing.ECDSASHA256, "http://www.w3.org/2000/09/xmldsig#dsa-sha1"),
	changed("algorithm-hmac", "algorithm-refused", "HMAC, whose key could be taken from the public key", signing.ECDSASHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
	changed("algorithm-hmac-length", "algorithm-refused", "a truncated value", `ecdsa-sha256">`, `ecdsa-sha256"><HMACOutputLength>8</HMACOutputLength>`),
	changed("algorithm-digest-sha1", "algorithm-refused", "SHA-1 in a reference", `<DigestMethod Algorithm="`+signing.DigestSHA256, `<DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1`),
	changed("algorithm-digest-missing", "algorithm-refused", "DigestMethod without Algorithm", `<DigestMethod Algorithm="`+signing.DigestSHA256+`">`, `<DigestMethod>`),
	changed("algorithm-c14n-typo", "algorithm-refused", "a canonicalisation that does not exist, as a published sample has it", `<CanonicalizationMethod Algorithm="`+signing.ExcC14N, `<CanonicalizationMethod Algorithm="http://www.w3.org/TR/xml-exc-c14n#`),
	changed("algorithm-key-of-other-kind", "algorithm-refused", "an RSA algorithm with an ECDSA key", signing.ECDSASHA256, signing.RSASHA256),

	cut("malformed-no-value", "malformed-signature", "no SignatureValue", "<SignatureValue>", "</SignatureValue>", ""),
	cut("malformed-no-signedinfo", "malformed-signature", "no SignedInfo", "<SignedInfo>", "</SignedInfo>", ""),
	cut("malformed-empty", "malformed-signature", "an empty Signature", sigOpen, sigClose, sigOpen+sigClose),
	changed("malformed-two-signedinfos", "malformed-signature", "a second SignedInfo", "<SignedInfo>", "<SignedInfo></SignedInfo><SignedInfo>"),
	changed("malformed-order", "malformed-signature", "something before SignedInfo", "<SignedInfo>", "<Object></Object><SignedInfo>"),
	changed("malformed-unknown-child", "malformed-signature", "an element that Signature does not have", "<KeyInfo>", "<Extra></Extra><KeyInfo>"),
	changed("malformed-comment-in-digest", "malformed-signature", "a comment inside DigestValue", "<DigestValue>", "<DigestValue><!-- x -->"),
	changed("malformed-comment-in-value", "malformed-signature", "a comment inside SignatureValue", "<SignatureValue>", "<SignatureValue><!-- x -->"),
	changed("malformed-instruction-in-certificate", "malformed-signature", "a processing instruction inside X509Certificate", "<X509Certificate>", "<X509Certificate><?x?>"),
	changed("malformed-element-in-value", "malformed-signature", "an element inside SignatureValue", "<SignatureValue>", "<SignatureValue><x/>"),
	changed("malformed-base64", "malformed-signature", "SignatureValue is not base64", "<SignatureValue>", "<SignatureValue>*"),
	cut("malformed-digest-length", "malformed-signature", "DigestValue of too few bytes", "<DigestValue>", "</DigestValue>", "<DigestValue>AAAA</DigestValue>"),
	changed("malformed-text", "malformed-signature", "text between the elements of SignedInfo", "<SignedInfo>", "<SignedInfo>x"),
	changed("malformed-foreign-element", "malformed-signature", "an element of another namespace in SignedInfo", "<SignedInfo>", `<SignedInfo><x xmlns="urn:x"></x>`),

	cut("references-none", "no-references", "SignedInfo without a Reference", "<Reference URI=", "</Reference>", ""),
	changed("reference-external-http", "external-reference", "a reference to the network", `URI=""`, `URI="http://example.vn/a.xml"`),
	changed("reference-external-file", "external-reference", "a reference to a file", `URI=""`, `URI="file:///etc/passwd"`),
	changed("reference-external-cid", "external-reference", "a reference to an attachment by cid", `URI=""`, `URI="cid:1"`),
	changed("reference-xpointer", "unsupported-reference", "an XPointer", `URI=""`, `URI="#xpointer(/)"`),
	changed("reference-no-uri", "unsupported-reference", "no URI at all", `<Reference URI="">`, `<Reference>`),
	changed("reference-missing", "missing-reference", "an Id that does not exist", `URI=""`, `URI="#nowhere"`),

	changed("transform-xpath", "transform-refused", "XPath", envelopedTransform, `<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>not(ancestor-or-self::Signature)</XPath></Transform>`),
	changed("transform-xpath-filter", "transform-refused", "XPath filter 2", envelopedTransform, `<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"></Transform>`),
	changed("transform-xslt", "transform-refused", "XSLT", envelopedTransform, `<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x xmlns="urn:x"></x></Transform>`),
	changed("transform-base64", "transform-refused", "base64", excTransform, `<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"></Transform>`),
	changed("transform-two-c14n", "transform-refused", "two canonicalisations", envelopedTransform, excTransform),
	changed("transform-three", "transform-refused", "a transform too many", excTransform, excTransform+excTransform),
	changed("transform-order", "transform-refused", "enveloped-signature behind canonicalisation", envelopedTransform+excTransform, excTransform+envelopedTransform),

	cut("certificate-none", "no-certificate", "KeyInfo without a certificate", "<X509Certificate>", "</X509Certificate>", ""),
	cut("certificate-key-value-only", "no-certificate", "a bare key is never trusted", "<X509Data>", "</X509Data>", "<KeyValue></KeyValue>"),
	changed("certificate-broken", "bad-certificate", "a certificate cut short", "<X509Certificate>", "<X509Certificate>MIIB</X509Certificate><X509Certificate>"),
	changed("certificate-not-base64", "bad-certificate", "a certificate that is not base64", "<X509Certificate>", "<X509Certificate>="),

	changed("xml-truncated", "xml/truncated", "the document ends early", "</AttachmentEncoded>\n</edXML>\n", ""),
	changed("xml-doctype", "xml/dtd", "a document type", "<edXML xmlns", "<!DOCTYPE edXML><edXML xmlns"),
	changed("xml-entity", "xml/entity", "an entity", subject, "&bao;"),
	changed("xml-duplicate-attribute", "xml/duplicate-attribute", "an attribute twice", `Id="manifest"`, `Id="manifest" Id="manifest"`),
	changed("xml-undeclared-prefix", "xml/undeclared-prefix", "a prefix without declaration", "<edXML:Subject>", "<edXML:Subject><x:y/>"),
	changed("xml-encoding", "xml/encoding", "another encoding declared", `encoding="UTF-8"`, `encoding="windows-1258"`),
	changed("xml-stray-text", "xml/malformed", "characters before the XML declaration, as a published sample has them", "<?xml", "1212<?xml"),
	changed("xml-deep", "xml/too-deep", "elements nested too deeply", subject, strings.Repeat("<x>", 80)+strings.Repeat("</x>", 80)),
	changed("xml-big-attribute", "xml/token-too-big", "an attribute of 70 KB", `Id="manifest"`, `Id="manifest" big="`+strings.Repeat("x", 70<<10)+`"`),
}

var craftedCases = []vectorCase{
	{name: "malformed-ecdsa-der", expect: "malformed-signature", about: "the ECDSA value as DER", make: func(m *maker) []byte {
		good := m.good()
		value := between(good, "<SignatureValue>", "</SignatureValue>")
		raw, err := base64.StdEncoding.DecodeString(regexp.MustCompile(`>(.*)<`).FindStringSubmatch(value)[1])
		if err != nil {
			m.t.Fatal(err)
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
		if err != nil {
			m.t.Fatal(err)
		}
		return m.swap(good, value, "<SignatureValue>"+base64.StdEncoding.EncodeToString(der)+"</SignatureValue>")
	}},
	{name: "malformed-base64-bits", expect: "malformed-signature", about: "base64 whose unused bits are not zero: two texts for one value", make: func(m *maker) []byte {
		good := m.good()
		value := between(good, "<SignatureValue>", "==</SignatureValue>")
		return m.swap(good, value, value[:len(value)-len("x==</SignatureValue>")]+"/==</SignatureValue>")
	}},
	{name: "algorithm-curve", expect: "algorithm-refused", about: "curve P-521", make: func(m *maker) []byte {
		key, err := ecdsa.GenerateKey(elliptic.P521(), seeded("p521"))
		if err != nil {
			m.t.Fatal(err)
		}
		cert, err := m.ca.IssueFor(trialca.Leaf{Name: "P-521"}, key.Public())
		if err != nil {
			m.t.Fatal(err)
		}
		good := m.good()
		return m.swap(good, between(good, "<X509Certificate>", "</X509Certificate>"), "<X509Certificate>"+base64.StdEncoding.EncodeToString(cert.Raw)+"</X509Certificate>")
	}},
	{name: "ambiguous-id", expect: "ambiguous-id", about: "two elements with the Id that is signed", make: func(m *maker) []byte {
		doc := m.sign(m.p256, signing.SignOptions{IDs: []string{"attachment-1"}}, m.doc)
		return m.swap(doc, "<AttachmentEncoded>", `<AttachmentEncoded Id="attachment-1">`)
	}},
	{name: "ambiguous-id-other-spelling", expect: "ambiguous-id", about: "the same value as Id and as xml:id", make: func(m *maker) []byte {
		doc := m.sign(m.p256, signing.SignOptions{IDs: []string{"attachment-1"}}, m.doc)
		return m.swap(doc, "<ContentId>", `<ContentId xml:id="attachment-1">`)
	}},
	{name: "partial-header", expect: "partial-coverage", uncovered: true, about: "only the header is signed", make: func(m *maker) []byte {
		return m.sign(m.p256, signing.SignOptions{IDs: []string{"header"}}, m.doc)
	}},
	{name: "partial-all-ids", expect: "partial-coverage", uncovered: true, about: "everything that has an Id is signed, which is not everything", make: func(m *maker) []byte {
		return m.sign(m.p256, signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1"}}, m.doc)
	}},
	{name: "wrapping-in-object", expect: "partial-coverage", uncovered: true, about: "the signed part hidden in an Object, another one put in its place", make: func(m *maker) []byte {
		doc := m.sign(m.p256, signing.SignOptions{IDs: []string{"header"}}, m.doc)
		part := between(doc, `<edXML:MessageHeader Id="header">`, "</edXML:MessageHeader>")
		forged := strings.Replace(strings.Replace(part, ` Id="header"`, "", 1), subject, "Giả mạo", 1)
		return m.swap(m.swap(doc, part, forged), sigClose, "<Object>"+part+"</Object>"+sigClose)
	}},
	{name: "wrapping-beside", expect: "partial-coverage", uncovered: true, about: "the signed part moved elsewhere in the document", make: func(m *maker) []byte {
		doc := m.sign(m.p256, signing.SignOptions{IDs: []string{"header"}}, m.doc)
		part := between(doc, `<edXML:MessageHeader Id="header">`, "</edXML:MessageHeader>")
		forged := strings.Replace(strings.Replace(part, ` Id="header"`, "", 1), subject, "Giả mạo", 1)
		return m.swap(m.swap(doc, part, forged), "<AttachmentEncoded>", "<Hidden>"+part+"</Hidden><AttachmentEncoded>")
	}},
	{name: "wrapping-same-id", expect: "ambiguous-id", about: "the forged part keeps the Id of the signed one", make: func(m *maker) []byte {
		doc := m.sign(m.p256, signing.SignOptions{IDs: []string{"header"}}, m.doc)
		part := between(doc, `<edXML:MessageHeader Id="header">`, "</edXML:MessageHeader>")
		forged := strings.Replace(part, subject, "Giả mạo", 1)
		return m.swap(m.swap(doc, part, forged), sigClose, "<Object>"+part+"</Object>"+sigClose)
	}},
	{name: "wrapping-whole-document", expect: "digest-mismatch", about: "a signed document inside another root", make: func(m *maker) []byte {
		doc := bytes.TrimPrefix(m.good(), []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
		return append(append([]byte("<edXML><forged/>"), doc...), "</edXML>"...)
	}},
	{name: "misplaced", expect: "misplaced-signature", about: "a valid signature over everything, but in the body", make: func(m *maker) []byte {
		at := int64(bytes.Index(m.doc, []byte("<AttachmentEncoded>")))
		return m.sign(m.p256, signing.SignOptions{At: at}, m.doc)
	}},
	{name: "further-untrusted", expect: "untrusted-certificate", about: "a further signature by somebody who is not trusted, under the organisation's", make: func(m *maker) []byte {
		return m.sign(m.p256, signing.SignOptions{}, m.sign(m.stranger, signing.SignOptions{IDs: []string{"header"}}, m.doc))
	}},
	{name: "further-invalid", expect: "digest-mismatch", about: "a further signature that was already broken when the organisation signed", make: func(m *maker) []byte {
		person := m.sign(m.p384, signing.SignOptions{IDs: []string{"header"}}, m.doc)
		return m.sign(m.p256, signing.SignOptions{}, m.swap(person, subject, "Báo cáo"))
	}},
	{name: "further-inside-attachment", expect: "malformed-signature", about: "something of the ds namespace named Signature inside the content", make: func(m *maker) []byte {
		return m.sign(m.p256, signing.SignOptions{}, m.swap(m.doc, "<ContentId>", sigOpen+sigClose+"<ContentId>"))
	}},
	{name: "too-many-references", expect: "too-many-references", about: "300 references", make: func(m *maker) []byte {
		good := m.good()
		ref := between(good, "<Reference URI=", "</Reference>")
		return m.swap(good, ref, strings.Repeat(ref, 300))
	}},
	{name: "too-many-same-content", expect: "too-many-references", about: "20 digests over the whole document, each with another prefix list", make: func(m *maker) []byte {
		good := m.good()
		ref := between(good, "<Reference URI=", "</Reference>")
		var all strings.Builder
		for i := range 20 {
			list := `<InclusiveNamespaces xmlns="` + signing.ExcC14N + `" PrefixList="p` + strings.Repeat("x", i) + `"/></Transform>`
			all.WriteString(strings.Replace(ref, excTransform, strings.Replace(excTransform, "</Transform>", list, 1), 1))
		}
		return m.swap(good, ref, all.String())
	}},
	{name: "too-many-signatures", expect: "too-many-signatures", about: "17 sound signatures", make: func(m *maker) []byte {
		doc := m.doc
		for range 16 {
			doc = m.sign(m.p256, signing.SignOptions{IDs: []string{"manifest"}}, doc)
		}
		return m.sign(m.p256, signing.SignOptions{}, doc)
	}},
	{name: "certificate-untrusted", expect: "untrusted-certificate", about: "an authority that is not in the trust directory", make: func(m *maker) []byte {
		return m.sign(m.stranger, signing.SignOptions{}, m.doc)
	}},
	{name: "certificate-own-root", expect: "untrusted-certificate", about: "the unknown authority's certificate sent along", make: func(m *maker) []byte {
		out, err := signing.Sign(m.doc, m.stranger.key, m.stranger.chain, signing.SignOptions{})
		if err != nil {
			m.t.Fatal(err)
		}
		return out
	}},
	{name: "certificate-expired", expect: "expired-certificate", about: "judged after the certificate's end", make: (*maker).good,
		at: func(m *maker) time.Time { return m.p256.cert.NotAfter.Add(time.Second) }},
	{name: "certificate-last-second", expect: "accepted", about: "judged at the certificate's end", make: (*maker).good,
		at: func(m *maker) time.Time { return m.p256.cert.NotAfter }},
	{name: "certificate-not-yet-valid", expect: "not-yet-valid", about: "judged before the certificate's start", make: (*maker).good,
		at: func(m *maker) time.Time { return m.p256.cert.NotBefore.Add(-time.Second) }},
	{name: "certificate-authority-expired", expect: "expired-certificate", about: "judged after the authority's end", make: (*maker).good,
		at: func(m *maker) time.Time { return m.ca.Certificate.NotAfter.Add(time.Hour) }},
	{name: "certificate-usage", expect: "wrong-key-usage", about: "a certificate for key agreement only", make: func(m *maker) []byte {
		return m.sign(m.withUsage(x509.KeyUsageKeyAgreement), signing.SignOptions{}, m.doc)
	}},
}

// withUsage returns a certificate of the trusted authority that is not for signing.
func (m *maker) withUsage(usage x509.KeyUsage) leaf {
	m.t.Helper()
	key, cert, err := m.ca.IssueWith(trialca.Leaf{Name: "không ký"}, func(c *x509.Certificate) { c.KeyUsage = usage })
	if err != nil {
		m.t.Fatal(err)
	}
	return leaf{key, cert, []*x509.Certificate{cert, m.ca.Certificate}}
}
