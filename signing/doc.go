// Package signing makes and judges XML signatures: it says who vouches for a document, for which of its bytes, and why
// that is believed. It reads documents of any size in constant memory (one reading in most cases, two otherwise), and
// imports nothing of ours but the XML scanner.
//
// # What is accepted
//
// This is the policy that PolicyVersion names, exact enough to write another implementation from.
//
// The document is XML as package xmlstream reads it: UTF-8, no document type, no attribute twice, bounded.
// Its signatures are all elements named Signature in the namespace http://www.w3.org/2000/09/xmldsig#, wherever they
// stand. There must be at least one; each must pass everything below, and one must stand in the header and cover the
// whole document. The header is edXML/edXMLEnvelope/edXMLHeader (by local names) where the root is named edXML, else the
// root itself. Elements named Signature outside the namespace are counted and mean nothing.
//
// A Signature has, in order, SignedInfo, SignatureValue, an optional KeyInfo, any number of Object. SignedInfo
// has CanonicalizationMethod, SignatureMethod, then Reference elements, at least one; a Reference has an optional Transforms,
// then DigestMethod and DigestValue. Nothing else may stand in SignedInfo but white space and comments; inside values not
// even those comments. Base64 is strict apart from white space: padding as due, unused bits zero.
//
// Algorithms, by their identifiers (the constants of this package):
//   - digest of a reference: SHA-256, SHA-384, SHA-512;
//   - signature: RSA PKCS#1 v1.5 and RSASSA-PSS (MGF1 and salt as long as the digest) with keys of 2048 to 4096
//     bits, ECDSA with P-256 or P-384, each with SHA-256, SHA-384 or SHA-512. An ECDSA value is r and s, each as long as the
//     curve's order (32 or 48 bytes), one after the other, never DER. Parameters of SignatureMethod are refused;
//   - canonicalisation: Canonical XML 1.0 and 1.1, Exclusive XML Canonicalization 1.0 with or without InclusiveNamespaces
//     PrefixList, each with and without comments.
//
// SHA-1, MD5, DSA and HMAC are refused whatever the certificate.
//
// A Reference has URI="" (the whole document) or URI="#x": the one element that has x as the value of an attribute
// Id, ID or id without namespace, or xml:id. If no element has it, or more than one in the whole document, it is refused. Every
// other URI is. Both forms leave comments out, whatever the canonicalisation says. Transforms are at most
// enveloped-signature, which leaves out the Signature that the reference stands in, and behind it at most one canonicalisation
// (without one, Canonical XML 1.0). Every reference is checked.
//
// In place of enveloped-signature may stand one XPath, in one of two forms with any prefix for the namespace of XML Signature, which leaves out
// all Signature elements: XPath Filter 2.0 with Filter="subtract" and "/descendant::ds:Signature", or XPath with
// "not(ancestor-or-self::ds:Signature)". Nothing is evaluated; other expressions are refused.
//
// A signature covers the whole document if it has a reference with URI="" and enveloped-signature whose digest fits. Not
// covered are then the Signature element itself, comments, the XML declaration, white space outside the root, and how
// things are written: white space and quotes in tags, references for characters, line ends, order of attributes.
//
// The certificates are those of KeyInfo/X509Data/X509Certificate; the signer's is the first whose key fits the value.
// All else in KeyInfo is ignored, a bare key above all. A chain must lead from it to a root of the trust directory
// (RFC 5280), with the help of the other certificates and of the directory's intermediates; its key usage, if present, must have
// digitalSignature or nonRepudiation (contentCommitment); every certificate of the chain must be valid at VerifyOptions.At, the
// earliest proved time. Revocation is not judged yet. Whether the signer is who the document names as its sender is the
// caller's question to the directory, by Fingerprint.
//
// Report.SignedContent is SHA-256 over the exclusive canonical form, without comments, of the document without
// the ds:Signature elements that are children of its header. White space around them is content.
//
// # Canonical form
//
// As the W3C recommendations say. In short: no XML declaration; start and end tags for empty elements; one space before
// each declaration and attribute; declarations first, sorted by prefix (none first), then attributes by namespace and local
// name; values in double quotes with & < " and TAB LF CR written as &amp; &lt; &quot; &#x9; &#xA; &#xD;; text with & < > and CR written
// as &amp; &lt; &gt; &#xD;; CDATA sections as text; line ends as LF; processing instructions outside the root, and kept
// comments there, on lines of their own. Which declarations are written is where the methods differ.
//
// # Making a signature
//
// With H the digest of a reference and V that of the signature algorithm: canonicalise what the reference names, put base64 of
// H over it into DigestValue; canonicalise the SignedInfo element at its place in the document by CanonicalizationMethod; sign V
// over it; put base64 of the value into SignatureValue. Sign writes the Signature unprefixed and without white space, behind
// TraceHeaderList and the signatures that follow it, or at the end of the header.
//
// # Example
//
// A document to be judged on 2026-11-22 with the trust directory
// testdata/signing/trust:
//
//	<t:package xmlns:t="urn:example:tram">
//	  <t:header><t:id>1</t:id></t:header>
//	  <t:body note='7 &gt; 5'>Báo cáo<!-- not signed --></t:body>
//	<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">
//	 <SignedInfo>
//	  <CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
//	  <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>
//	  <Reference URI="">
//	   <Transforms>
//	    <Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
//	    <Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
//	   </Transforms>
//	   <DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
//	   <DigestValue>bLOEEEyx4fw7YqvePl7eUQ7UjirtH6IaovjZwpeTC1Y=</DigestValue>
//	  </Reference>
//	 </SignedInfo>
//	 <SignatureValue>AjPQfxGr0ZoY7yjkgWRt1JUs/TJeJtsN+4ZawzVTwQZjZobPq7lwu8OXKOWtGgDc
//	yJ8sADJ9Ip32RAw7eKE8xQ==</SignatureValue>
//	 <KeyInfo><X509Data>
//	<X509Certificate>MIICNDCCAdqgAwIBAgIQSjylqczk0ePr1Fmurq5+sTAKBggqhkjOPQQDAjBDMQsw
//	CQYDVQQGEwJWTjEfMB0GA1UECwwWVEjhu6wgTkdISeG7hk0gLyBUUklBTDETMBEG
//	A1UEAxMKQ0EgdmVjdG9yczAeFw0yNjExMjIwNzAwMDBaFw0yODExMjEwNzAwMDBa
//	MGwxCzAJBgNVBAYTAlZOMR8wHQYDVQQLDBZUSOG7rCBOR0hJ4buGTSAvIFRSSUFM
//	MSswKQYDVQQDDCJT4bufIE7hu5lpIHbhu6UgdOG7iW5oIELhuq9jIEdpYW5nMQ8w
//	DQYDVQQFEwZIMDIuMTUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARm0+M4fPCF
//	qjvwO5Rw3URdizWorU7QdbE2tY2hGHey8+8RdLcjJmyDCMnsH+/OZgHNny5CnrxB
//	QI2b1gOUSZRfo4GGMIGDMA4GA1UdDwEB/wQEAwIGwDAMBgNVHRMBAf8EAjAAMB0G
//	A1UdDgQWBBSgX5YxyXGk9jviZGlhaegti3MBcDAfBgNVHSMEGDAWgBQkLNVN4Hxk
//	d+KKxlGSGvHzt7i4YDAjBgdp9uxfhUYBBBgMFlRI4busIE5HSEnhu4ZNIC8gVFJJ
//	QUwwCgYIKoZIzj0EAwIDSAAwRQIgXu+GPj35ZUHKQOIP7BjD9/tg7t2Fa2VFNm33
//	CSBZiLACIQCzkUwu5pWB8cipwphGiSAZ+MV0L6NLLOv0cFOGEc++hQ==
//	</X509Certificate>
//	</X509Data></KeyInfo>
//	</Signature></t:package>
//
// The reference covers the first three lines, without the comment, and "</t:package>" (the note is in double quotes there), its
// SHA-256 is
//
//	6cb384104cb1e1fc3b62abde3e5ede510ed48e2aed1fa21aa2f8d9c297930b56
//
// and that of the canonical SignedInfo, which ECDSA signs, is
//
//	cbd78ea00a79a8ddc017035dd93d716687548f93b96d208ae797ca4da3bbe60a
package signing
