package signing_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// assertionXML is the generic form in which signature wrapping was published: a response with one signed part.
const assertionXML = `<Response xmlns="urn:example:assertion" ID="r1"><Issuer>cq</Issuer><Assertion ID="a1"><Subject>Nguyễn Văn A</Subject></Assertion></Response>`

// assertion is assertionXML with its part signed by Id, the signature inside the part.
func (m *maker) assertion() string {
	at := int64(strings.Index(assertionXML, "<Subject>"))
	return string(m.sign(m.p256, signing.SignOptions{IDs: []string{"a1"}, At: at}, []byte(assertionXML)))
}

// response is assertionXML signed by the Id of its root.
func (m *maker) response() string {
	at := int64(strings.Index(assertionXML, "<Assertion"))
	return string(m.sign(m.p256, signing.SignOptions{IDs: []string{"r1"}, At: at}, []byte(assertionXML)))
}

// pieces cuts a document into its first Signature, an element without that signature, and a forged element with another Id.
func pieces(doc, from, to string) (sig, honest, forged string) {
	sig = between([]byte(doc), sigOpen, sigClose)
	honest = between([]byte(strings.Replace(doc, sig, "", 1)), from, to)
	forged = strings.NewReplacer("Nguyễn Văn A", "Kẻ Gian", `"a1"`, `"a2"`, `"r1"`, `"r2"`).Replace(honest)
	return sig, honest, forged
}

// wrap makes a case of a signed part that was moved: build puts signature, honest and forged part together.
func wrap(name, expect, about string, build func(sig, honest, forged string) string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, uncovered: expect == "partial-coverage", make: func(m *maker) []byte {
		return []byte(build(pieces(m.assertion(), "<Assertion", "</Assertion>")))
	}}
}

func wrapRoot(name, expect, about string, build func(sig, honest, forged string) string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, uncovered: expect == "partial-coverage", make: func(m *maker) []byte {
		return []byte(build(pieces(m.response(), "<Response", "</Response>")))
	}}
}

const root, rootEnd = `<Response xmlns="urn:example:assertion" ID="r1"><Issuer>cq</Issuer>`, `</Response>`

// into puts a part before the end of an element.
func into(element, part string) string {
	end := strings.LastIndex(element, "</")
	return element[:end] + part + element[end:]
}

var wrappingCases = []vectorCase{
	wrapRoot("xsw1", "malformed-signature", "XSW1: forged response, the signed one as a child of the signature", func(sig, honest, forged string) string {
		return into(forged, into(sig, honest))
	}),
	wrapRoot("xsw2", "partial-coverage", "XSW2: forged response, the signed one and the signature beside each other in it", func(sig, honest, forged string) string {
		return into(forged, honest+sig)
	}),
	wrap("xsw3", "partial-coverage", "XSW3: forged assertion before the signed one", func(sig, honest, forged string) string {
		return root + forged + into(honest, sig) + rootEnd
	}),
	wrap("xsw4", "partial-coverage", "XSW4: the signed assertion inside the forged one", func(sig, honest, forged string) string {
		return root + into(forged, into(honest, sig)) + rootEnd
	}),
	wrap("xsw5", "partial-coverage", "XSW5: the forged assertion carries the signature, the signed one follows", func(sig, honest, forged string) string {
		return root + into(forged, sig) + honest + rootEnd
	}),
	wrap("xsw6", "malformed-signature", "XSW6: the forged assertion carries the signature, which carries the signed one", func(sig, honest, forged string) string {
		return root + into(forged, into(sig, honest)) + rootEnd
	}),
	wrap("xsw7", "partial-coverage", "XSW7: the forged assertion in an extension", func(sig, honest, forged string) string {
		return root + "<Extensions>" + forged + "</Extensions>" + into(honest, sig) + rootEnd
	}),
	wrap("xsw8", "transform-refused", "XSW8: the signed assertion in an Object of the signature, which enveloped-signature leaves out", func(sig, honest, forged string) string {
		return root + into(forged, into(sig, "<Object>"+honest+"</Object>")) + rootEnd
	}),
	wrap("xsw3-same-id", "ambiguous-id", "XSW3 with the same Id on both", func(sig, honest, forged string) string {
		return root + strings.Replace(forged, "a2", "a1", 1) + into(honest, sig) + rootEnd
	}),
	wrap("xsw3-same-id-other-spelling", "ambiguous-id", "XSW3 with the Id of the signed part as id", func(sig, honest, forged string) string {
		return root + strings.Replace(forged, `ID="a2"`, `id="a1"`, 1) + into(honest, sig) + rootEnd
	}),
	wrap("xsw3-same-id-reference", "ambiguous-id", "XSW3 with the Id of the signed part written as character references", func(sig, honest, forged string) string {
		return root + strings.Replace(forged, `"a2"`, `"&#x61;1"`, 1) + into(honest, sig) + rootEnd
	}),
	wrap("xsw-other-namespace", "missing-reference", "an Id in a namespace is none", func(sig, honest, forged string) string {
		return root + strings.Replace(into(honest, sig), "<Assertion ID=", `<Assertion xmlns:wsu="urn:wsu" wsu:Id=`, 1) + rootEnd
	}),
	wrap("xsw-emptied", "digest-mismatch", "the signed part emptied, its content beside it", func(sig, honest, forged string) string {
		return root + `<Assertion ID="a1">` + sig + "</Assertion>" + forged + rootEnd
	}),

	// The forms for edXML. A person signs parts by Id, so these would deceive whoever takes them for the whole.
	edxmlParts("edxml-header-copied", "partial-coverage", "a second MessageHeader before the signed one", func(doc, header string) string {
		return strings.Replace(doc, header, forge(header)+header, 1)
	}),
	edxmlParts("edxml-header-moved", "partial-coverage", "the signed MessageHeader moved into the body, a forged one in its place", func(doc, header string) string {
		return strings.Replace(strings.Replace(doc, header, forge(header), 1), "<edXML:edXMLBody>", "<edXML:edXMLBody>"+header, 1)
	}),
	edxmlParts("edxml-second-header", "partial-coverage", "a second edXMLHeader with a forged MessageHeader", func(doc, header string) string {
		return strings.Replace(doc, "<edXML:edXMLHeader>", "<edXML:edXMLHeader>"+forge(header)+headerEnd+"<edXML:edXMLHeader>", 1)
	}),
	edxmlParts("edxml-attachment-added", "partial-coverage", "an attachment that nobody signed", func(doc, header string) string {
		return strings.Replace(doc, "</AttachmentEncoded>", "<Attachment><ContentId>cid:2</ContentId></Attachment></AttachmentEncoded>", 1)
	}),
	{name: "edxml-attachments-swapped", expect: "partial-coverage", about: "two signed attachments, each in the place of the other: both digests fit", uncovered: true, make: func(m *maker) []byte {
		second := `<Attachment Id="attachment-2"><ContentId>cid:2</ContentId></Attachment>`
		doc := m.swap(m.doc, "</AttachmentEncoded>", second+"</AttachmentEncoded>")
		signed := m.sign(m.p256, signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1", "attachment-2"}}, doc)
		first := between(signed, `<Attachment Id="attachment-1">`, "</Attachment>")
		return m.swap(m.swap(m.swap(signed, second, "\x00"), first, second), "\x00", first)
	}},
	{name: "edxml-attachments-swapped-whole", expect: "digest-mismatch", about: "the same under a signature over the whole document", make: func(m *maker) []byte {
		second := `<Attachment Id="attachment-2"><ContentId>cid:2</ContentId></Attachment>`
		signed := m.sign(m.p256, signing.SignOptions{}, m.swap(m.doc, "</AttachmentEncoded>", second+"</AttachmentEncoded>"))
		first := between(signed, `<Attachment Id="attachment-1">`, "</Attachment>")
		return m.swap(m.swap(m.swap(signed, second, "\x00"), first, second), "\x00", first)
	}},
	{name: "edxml-signature-in-attachment", expect: "misplaced-signature", about: "the organisation's signature moved into an attachment: its digest still fits", make: func(m *maker) []byte {
		good := m.good()
		sig := between(good, sigOpen, sigClose)
		return m.swap(m.swap(good, sig, ""), "<ContentId>", sig+"<ContentId>")
	}},
	{name: "edxml-signature-in-body-header-forged", expect: "misplaced-signature", about: "the signature under a second edXMLHeader inside the body", make: func(m *maker) []byte {
		doc := m.swap(m.doc, "<edXML:edXMLBody>", "<edXML:edXMLBody><edXML:edXMLHeader></edXML:edXMLHeader>")
		at := int64(bytes.Index(doc, []byte("<edXML:edXMLHeader></edXML:edXMLHeader>")) + len("<edXML:edXMLHeader>"))
		return m.sign(m.p256, signing.SignOptions{At: at}, doc)
	}},
	{name: "edxml-signature-stripped", expect: "digest-mismatch", about: "the person's signature taken away under the organisation's", make: func(m *maker) []byte {
		signed := m.sign(m.p256, signing.SignOptions{}, m.sign(m.p384, signing.SignOptions{IDs: []string{"header"}}, m.doc))
		return m.swap(signed, between(signed, sigOpen, sigClose), "")
	}},
}

func forge(header string) string {
	return strings.NewReplacer(` Id="header"`, "", subject, "Giả mạo").Replace(header)
}

func edxmlParts(name, expect, about string, build func(doc, header string) string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, uncovered: true, make: func(m *maker) []byte {
		doc := m.sign(m.p256, signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1"}}, m.doc)
		return []byte(build(string(doc), between(doc, `<edXML:MessageHeader Id="header">`, "</edXML:MessageHeader>")))
	}}
}

const (
	filterTransform = `<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><XPath xmlns="http://www.w3.org/2002/06/xmldsig-filter2" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Filter="subtract">/descendant::ds:Signature</XPath></Transform>`
	xpathTransform  = `<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath xmlns:ds="http://www.w3.org/2000/09/xmldsig#">not(ancestor-or-self::ds:Signature)</XPath></Transform>`
)

// resealed computes the value of the first signature anew.
func (m *maker) resealed(l leaf, doc []byte) []byte {
	value := between(doc, "<SignatureValue", "</SignatureValue>")
	return []byte(sealed(m.t, l, strings.Replace(string(doc), value, "<SignatureValue>?</SignatureValue>", 1)))
}

// transformed makes a case whose first transform was another when it was signed.
func transformed(name, expect, about, transform string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, make: func(m *maker) []byte {
		return m.resealed(m.p256, m.swap(m.good(), envelopedTransform, transform))
	}}
}

var transformCases = []vectorCase{
	transformed("ok-filter-subtract", "accepted", "XPath filter 2 that leaves out all signatures, of which there is one: what EU DSS writes", filterTransform),
	transformed("ok-xpath-not-signature", "accepted", "the same as XPath 1.0", xpathTransform),
	transformed("transform-filter-intersect", "transform-refused", "the same filter, but intersect", strings.Replace(filterTransform, "subtract", "intersect", 1)),
	transformed("transform-filter-other-prefix", "transform-refused", "the same expression with the prefix bound to something else", strings.Replace(filterTransform, `xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`, `xmlns:ds="urn:x"`, 1)),
	transformed("transform-filter-other-path", "transform-refused", "a filter that leaves out something else", strings.Replace(filterTransform, "/descendant::ds:Signature", "/descendant::ds:Signature | /descendant::To", 1)),
	transformed("transform-filter-two", "transform-refused", "two expressions in one filter", strings.Replace(filterTransform, "</Transform>", `<XPath xmlns="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">//To</XPath></Transform>`, 1)),
	transformed("transform-filter-comment", "malformed-signature", "a comment inside the expression", strings.Replace(filterTransform, "/descendant", "<!-- x -->/descendant", 1)),
	transformed("transform-xpath-or", "transform-refused", "XPath that selects nothing", strings.Replace(xpathTransform, "not(ancestor-or-self::ds:Signature)", "false()", 1)),
	transformed("transform-decrypt", "transform-refused", "decryption", `<Transform Algorithm="http://www.w3.org/2002/07/decrypt#XML"></Transform>`),
	transformed("transform-xslt-script", "transform-refused", "XSLT that would run", `<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/"><xsl:value-of select="document('file:///etc/passwd')"></xsl:value-of></xsl:template></xsl:stylesheet></Transform>`),
	transformed("transform-many", "transform-refused", "a hundred canonicalisations", strings.Repeat(excTransform, 100)),
	{name: "partial-filter-two-signatures", expect: "partial-coverage", about: "a filter that leaves out all signatures does not cover the person's", make: func(m *maker) []byte {
		person := m.sign(m.p384, signing.SignOptions{IDs: []string{"header"}}, m.doc)
		signed := m.sign(m.p256, signing.SignOptions{}, person)
		last := bytes.LastIndex(signed, []byte(sigOpen)) // its digest was over the person's signature too, so it is made without
		alone := m.sign(m.p256, signing.SignOptions{}, m.doc)
		sig := m.swap([]byte(between(alone, sigOpen, sigClose)), envelopedTransform, filterTransform)
		end := bytes.LastIndex(signed, []byte(sigClose)) + len(sigClose)
		whole := string(signed[:last]) + string(sig) + string(signed[end:])
		at := strings.LastIndex(whole, sigOpen)
		value := between([]byte(whole[at:]), "<SignatureValue>", "</SignatureValue>")
		return []byte(sealed(m.t, m.p256, whole[:at]+strings.Replace(whole[at:], value, "<SignatureValue>?</SignatureValue>", 1)))
	}},
	{name: "transform-filter-of-nothing", expect: "transform-refused", about: "a reference into the signature itself, without signatures: the digest of nothing", make: func(m *maker) []byte {
		ref := reference("#hidden", filterTransform+excTransform, nil)
		sig := strings.Replace(signature(m.p256, ref), sigClose, `<Object Id="hidden">Giả mạo</Object>`+sigClose, 1)
		return []byte(sealed(m.t, m.p256, strings.Replace(string(m.doc), headerEnd, sig+headerEnd, 1)))
	}},
	{name: "transform-enveloped-of-nothing", expect: "transform-refused", about: "the same with enveloped-signature", make: func(m *maker) []byte {
		ref := reference("#hidden", envelopedTransform+excTransform, nil)
		sig := strings.Replace(signature(m.p256, ref), sigClose, `<Object Id="hidden">Giả mạo</Object>`+sigClose, 1)
		return []byte(sealed(m.t, m.p256, strings.Replace(string(m.doc), headerEnd, sig+headerEnd, 1)))
	}},
	{name: "partial-enveloping", expect: "partial-coverage", about: "an enveloping signature beside a document that nobody signed", uncovered: true, make: func(m *maker) []byte {
		object := `<Object xmlns="http://www.w3.org/2000/09/xmldsig#" Id="o">ký rồi</Object>`
		sig := strings.Replace(signature(m.p256, reference("#o", excTransform, []byte(object))), sigClose, `<Object Id="o">ký rồi</Object>`+sigClose, 1)
		return []byte(sealed(m.t, m.p256, strings.Replace(string(m.doc), headerEnd, sig+headerEnd, 1)))
	}},
	{name: "ok-properties", expect: "accepted", about: "a signature that signs properties of its own in an Object", make: func(m *maker) []byte {
		return m.sign(m.p256, signing.SignOptions{ID: "s", Properties: properties}, m.doc)
	}},
	{name: "digest-properties", expect: "digest-mismatch", about: "a signed property changed", make: func(m *maker) []byte {
		return m.swap(m.sign(m.p256, signing.SignOptions{ID: "s", Properties: properties}, m.doc), "<q:Time>2026", "<q:Time>2025")
	}},
	changed("reference-fragment-only", "unsupported-reference", "nothing but the mark of a fragment", `URI=""`, `URI="#"`),
	changed("reference-xpointer-id", "unsupported-reference", "an XPointer to an Id", `URI=""`, `URI="#xpointer(id('header'))"`),
	changed("reference-external-fragment", "external-reference", "an Id in another document", `URI=""`, `URI="http://example.vn/a.xml#header"`),
	changed("reference-id-space", "missing-reference", "white space is part of an Id", `URI=""`, `URI="# header"`),
	cut("references-only-manifest", "missing-reference", "the one reference leads to a Manifest that is not there", `URI=""`, `""`, `Type="http://www.w3.org/2000/09/xmldsig#Manifest" URI="#m"`),
}

// attributed makes a case of a document with this attribute, of which old becomes new after signing.
func attributed(name, expect, about, attribute, old, new string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, make: func(m *maker) []byte {
		doc := m.swap(m.doc, `<edXML:Code>`, `<edXML:Code `+attribute+`>`)
		return m.swap(m.sign(m.p256, signing.SignOptions{}, doc), old, new)
	}}
}

// bound makes a case of a document that declares prefix p, with some canonicalisation, and binds it anew after signing.
func bound(name, expect, about, c14n, content string) vectorCase {
	return vectorCase{name: name, expect: expect, about: about, make: func(m *maker) []byte {
		doc := m.swap(m.swap(m.doc, "<edXML:edXMLEnvelope>", `<edXML:edXMLEnvelope xmlns:p="urn:honest">`), "<ContentId>", content+"<ContentId>")
		return m.swap(m.sign(m.p256, signing.SignOptions{C14N: c14n}, m.swap(doc, "<AttachmentEncoded>", `<AttachmentEncoded xmlns:p="urn:honest">`)),
			`<AttachmentEncoded xmlns:p="urn:honest">`, `<AttachmentEncoded xmlns:p="urn:forged">`)
	}}
}

var canonicalCases = []vectorCase{
	attributed("digest-attribute-newline", "digest-mismatch", "a line feed written as such in an attribute is a space, as a reference it is a line feed", `k="a&#10;b"`, "a&#10;b", "a\nb"),
	attributed("digest-attribute-tab", "digest-mismatch", "likewise a tab", `k="a&#9;b"`, "a&#9;b", "a\tb"),
	attributed("digest-attribute-spaces", "digest-mismatch", "spaces in an attribute are not collapsed", `k="a  b"`, "a  b", "a b"),
	attributed("ok-attribute-newline", "accepted", "a line feed written as such in an attribute is the same as a space", "k=\"a\nb\"", "a\nb", "a b"),
	attributed("ok-attribute-reference", "accepted", "tab and line feed as decimal or hexadecimal references", `k="&#9;&#10;"`, "&#9;&#10;", "&#x9;&#xA;"),
	bound("digest-prefix-rebound", "digest-mismatch", "a prefix bound anew between signing and use", signing.ExcC14N, "<p:x/>"),
	bound("digest-prefix-rebound-inclusive", "digest-mismatch", "a prefix that no name uses, bound anew: inclusive canonicalisation covers it", signing.C14N10, "<x>p:y</x>"),
	bound("ok-prefix-rebound-in-value", "accepted", "the same: exclusive canonicalisation does not cover it, so no reader may resolve prefixes in values", signing.ExcC14N, "<x>p:y</x>"),
	{name: "digest-prefix-list", expect: "digest-mismatch", about: "the same with the prefix in the PrefixList", make: func(m *maker) []byte {
		doc := m.swap(m.swap(m.doc, "<AttachmentEncoded>", `<AttachmentEncoded xmlns:p="urn:honest">`), "<ContentId>", "<x>p:y</x><ContentId>")
		list := `<InclusiveNamespaces xmlns="` + signing.ExcC14N + `" PrefixList="p"></InclusiveNamespaces></Transform>`
		// The digest stays that of a document without the list, in which p is bound to nothing yet.
		signed := m.swap(m.sign(m.p256, signing.SignOptions{}, doc), excTransform, strings.Replace(excTransform, "</Transform>", list, 1))
		return m.swap(m.resealed(m.p256, signed), `xmlns:p="urn:honest"`, `xmlns:p="urn:forged"`)
	}},
	changed("ok-comment-in-value", "accepted", "a comment inside a value is not signed and not read: the value stays the same", "000.00.15.H02</edXML:OrganId><edXML:OrganName>", "000.00.15.<!-- H99 -->H02</edXML:OrganId><edXML:OrganName>"),
	changed("digest-comment-cut", "digest-mismatch", "a comment that hides part of a value", "000.00.15.H02</edXML:OrganId><edXML:OrganName>", "000.00.15.<!--H02-->H99</edXML:OrganId><edXML:OrganName>"),
	changed("ok-cdata", "accepted", "a CDATA section is the text in it", subject, "<![CDATA["+subject+"]]>"),
}

// keyInfo replaces what stands in KeyInfo.
func (m *maker) keyInfo(doc []byte, content string) []byte {
	return m.swap(doc, between(doc, "<KeyInfo>", "</KeyInfo>"), "<KeyInfo>"+content+"</KeyInfo>")
}

func certificate(l leaf) string {
	return "<X509Data><X509Certificate>" + base64.StdEncoding.EncodeToString(l.cert.Raw) + "</X509Certificate></X509Data>"
}

// macSealed replaces algorithm and value of a signature by an HMAC with this secret.
func (m *maker) macSealed(parameter string, length int, secret []byte) []byte {
	doc := m.swap(m.good(), signing.ECDSASHA256+`">`, `http://www.w3.org/2001/04/xmldsig-more#hmac-sha256">`+parameter)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Replace(between(doc, "<SignedInfo>", "</SignedInfo>"), "<SignedInfo>", `<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#">`, 1)))
	value := between(doc, "<SignatureValue>", "</SignatureValue>")
	return m.swap(doc, value, "<SignatureValue>"+base64.StdEncoding.EncodeToString(mac.Sum(nil)[:length])+"</SignatureValue>")
}

// valued replaces the value of a signature.
func (m *maker) valued(doc, value []byte) []byte {
	return m.swap(doc, between(doc, "<SignatureValue>", "</SignatureValue>"), "<SignatureValue>"+base64.StdEncoding.EncodeToString(value)+"</SignatureValue>")
}

var keyCasesOfVectors = []vectorCase{
	{name: "algorithm-hmac-public-key", expect: "algorithm-refused", about: "HMAC whose secret is the public key of the certificate", make: func(m *maker) []byte {
		der, err := x509.MarshalPKIXPublicKey(m.p256.cert.PublicKey)
		if err != nil {
			m.t.Fatal(err)
		}
		return m.macSealed("", 32, der)
	}},
	{name: "algorithm-hmac-truncated", expect: "algorithm-refused", about: "HMAC cut to 8 bits, which one of 256 values fits", make: func(m *maker) []byte {
		return m.macSealed("<HMACOutputLength>8</HMACOutputLength>", 1, []byte("secret"))
	}},
	{name: "algorithm-ecdsa-with-rsa-key", expect: "algorithm-refused", about: "an ECDSA algorithm with an RSA key", make: func(m *maker) []byte {
		return m.swap(m.sign(m.rsa, signing.SignOptions{}, m.doc), signing.RSASHA256, signing.ECDSASHA256)
	}},
	{name: "algorithm-rsa-short", expect: "algorithm-refused", about: "RSA with 1024 bits", make: func(m *maker) []byte {
		key, err := rsa.GenerateKey(nil, 1024)
		if err != nil {
			m.t.Fatal(err)
		}
		cert, err := m.ca.IssueFor(trialca.Leaf{Name: "RSA-1024"}, key.Public())
		if err != nil {
			m.t.Fatal(err)
		}
		return m.keyInfo(m.sign(m.rsa, signing.SignOptions{}, m.doc), certificate(leaf{cert: cert}))
	}},
	{name: "value-pss-as-pkcs1", expect: "value-mismatch", about: "the value of RSASSA-PSS under the name of PKCS#1 v1.5", make: func(m *maker) []byte {
		return m.swap(m.sign(m.rsa, signing.SignOptions{Algorithm: signing.PSSSHA256}, m.doc), signing.PSSSHA256, signing.RSASHA256)
	}},
	{name: "value-ecdsa-zero", expect: "value-mismatch", about: "an ECDSA value of zeros, which a careless verifier takes", make: func(m *maker) []byte {
		return m.valued(m.good(), make([]byte, 64))
	}},
	{name: "value-rsa-zero", expect: "value-mismatch", about: "an RSA value of zeros", make: func(m *maker) []byte {
		return m.valued(m.sign(m.rsa, signing.SignOptions{}, m.doc), make([]byte, 256))
	}},
	{name: "malformed-ecdsa-short", expect: "malformed-signature", about: "an ECDSA value without its leading zeros", make: func(m *maker) []byte {
		return m.valued(m.good(), bytes.Repeat([]byte{1}, 63))
	}},
	{name: "keyinfo-victim-first", expect: "untrusted-certificate", about: "signed by a stranger, the certificate of an agency placed before the stranger's", make: func(m *maker) []byte {
		return m.keyInfo(m.sign(m.stranger, signing.SignOptions{}, m.doc), certificate(m.p256)+certificate(m.stranger))
	}},
	{name: "keyinfo-victim-last", expect: "untrusted-certificate", about: "the same in the other order", make: func(m *maker) []byte {
		return m.keyInfo(m.sign(m.stranger, signing.SignOptions{}, m.doc), certificate(m.stranger)+certificate(m.p256))
	}},
	{name: "keyinfo-victim-only", expect: "value-mismatch", about: "signed by a stranger, with the certificate of an agency alone", make: func(m *maker) []byte {
		return m.keyInfo(m.sign(m.stranger, signing.SignOptions{}, m.doc), certificate(m.p256))
	}},
	{name: "keyinfo-key-value", expect: "value-mismatch", about: "the stranger's bare key beside the certificate of an agency", make: func(m *maker) []byte {
		modulus := base64.StdEncoding.EncodeToString(m.rsa.cert.PublicKey.(*rsa.PublicKey).N.Bytes())
		return m.keyInfo(m.sign(m.rsa, signing.SignOptions{}, m.doc), "<KeyValue><RSAKeyValue><Modulus>"+modulus+"</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"+certificate(m.otherRSA()))
	}},
	{name: "keyinfo-key-name", expect: "no-certificate", about: "nothing but the name of an agency's key", make: func(m *maker) []byte {
		return m.keyInfo(m.good(), "<KeyName>Sở Nội vụ</KeyName>")
	}},
	{name: "keyinfo-retrieval", expect: "no-certificate", about: "a certificate to be fetched", make: func(m *maker) []byte {
		return m.keyInfo(m.good(), `<RetrievalMethod URI="http://example.vn/c.crt" Type="http://www.w3.org/2000/09/xmldsig#rawX509Certificate"></RetrievalMethod>`)
	}},
	{name: "keyinfo-other-namespace", expect: "no-certificate", about: "X509Data outside the ds namespace", make: func(m *maker) []byte {
		return m.swap(m.good(), "<X509Data>", `<X509Data xmlns="urn:x">`)
	}},
	{name: "keyinfo-deeper", expect: "no-certificate", about: "a certificate one level too deep", make: func(m *maker) []byte {
		return m.keyInfo(m.good(), `<KeyValue>`+certificate(m.p256)+`</KeyValue>`)
	}},
	{name: "ok-keyinfo-authority-first", expect: "accepted", about: "the authority's certificate before the signer's", make: func(m *maker) []byte {
		return m.keyInfo(m.good(), certificate(leaf{cert: m.ca.Certificate})+certificate(m.p256))
	}},
	{name: "ok-keyinfo-issuer-serial", expect: "accepted", about: "a wrong name beside the certificate is not looked at", make: func(m *maker) []byte {
		return m.keyInfo(m.good(), "<X509Data><X509SubjectName>CN=somebody</X509SubjectName></X509Data>"+certificate(m.p256))
	}},
	{name: "keyinfo-too-many", expect: "malformed-signature", about: "17 certificates", make: func(m *maker) []byte {
		return m.keyInfo(m.good(), strings.Repeat(certificate(m.p256), 17))
	}},
}

// otherRSA is another agency with an RSA key.
func (m *maker) otherRSA() leaf { return newLeaf(m.t, m.ca, trialca.RSA2048) }
