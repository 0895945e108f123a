// Package signing makes and judges XML signatures: it says who vouches for a document, for which of its bytes, and why
// that is believed. It reads documents of any size in constant memory (one reading in most cases, two otherwise), and
// imports nothing of ours but the XML scanner.
//
// # How a document is read
//
// This and the next parts are exact enough to write another implementation from; PolicyVersion names them.
//
// The document is XML as package xmlstream reads it: UTF-8, no document type, no attribute twice, bounded.
// Its signatures are all elements named Signature in the namespace http://www.w3.org/2000/09/xmldsig#, wherever they
// stand, also inside each other. Elements named Signature outside the namespace are counted and mean nothing.
//
// A Signature has, in order, SignedInfo, SignatureValue, an optional KeyInfo, up to 64 Object. SignedInfo
// has CanonicalizationMethod, SignatureMethod, then Reference elements, at least one; a Reference has an optional Transforms,
// then DigestMethod and DigestValue. Nothing else may stand in SignedInfo but white space and comments; inside values not
// even those comments. Attributes (Id, Type) are not restricted. Base64 is strict apart from white space: padding as due, unused
// bits zero. A document may have 16 signatures with 256 references, and 16 digests over the same content.
//
// Algorithms, by their identifiers (the constants of this package):
//   - digest of a reference: SHA-256, SHA-384, SHA-512;
//   - signature: RSA PKCS#1 v1.5 and RSASSA-PSS (MGF1 and salt as long as the digest) with keys of 2048 to 4096
//     bits, ECDSA with P-256 or P-384, each with SHA-256, SHA-384 or SHA-512. An ECDSA value is r and s, each as long as the
//     curve's order (32 or 48 bytes), one after the other, never DER. Parameters of SignatureMethod are refused;
//   - canonicalisation: Canonical XML 1.0 and 1.1, Exclusive XML Canonicalization 1.0 with or without InclusiveNamespaces
//     PrefixList, each with and without comments.
//
// SHA-1, MD5, DSA and HMAC are refused whatever the certificate. VerifyOptions.Legacy also computes SHA-1 (alone, with RSA of
// both kinds and with ECDSA), RSA keys of 1024 to 8192 bits and P-521, for those who judge algorithms by date; nothing else changes.
//
// # References
//
// A Reference leads to one of:
//   - URI="": the whole document;
//   - URI="#x": the one element that has x as the value of an attribute Id, ID or id without namespace, or xml:id,
//     compared as it is after references are replaced. It may stand anywhere, also in an Object of the signature itself
//     (enveloping signatures, XAdES). If no element has it, or more than one attribute in the whole document, it is refused;
//   - any other URI, if VerifyOptions.Detached knows it: the octets it gives. The gateway has no such resolver, so there all
//     of these are refused, as are XPointers and references without a URI everywhere.
//
// Its transforms are at most, in this order:
//  1. what leaves out signatures: enveloped-signature, the Signature that the reference stands in; or, in its stead, XPath
//     Filter 2 with the one expression /descendant::ds:Signature and Filter="subtract", or XPath 1.0 with the one
//     expression not(ancestor-or-self::ds:Signature), all Signature elements. The prefix may be any that is bound to the ds
//     namespace there; the expression is compared, white space at its ends apart, never evaluated. EU DSS writes these. Where nothing
//     would be left, since the element is or is inside a Signature left out, the reference is refused;
//  2. one canonicalisation.
//
// Without a canonicalisation it is Canonical XML 1.0 within the document; octets from outside are digested as they are, and
// with a canonicalisation read as a document of its own. Within the document comments are always left out, whatever the
// method says: that is how XML Signature defines both forms of URI. Outside it, and in SignedInfo, WithComments keeps them.
//
// Alone, the transform base64 is accepted too, for an element (not the whole document) or for octets: the digest is
// over what the text encodes. Elements inside such an element are refused, comments in it are passed over, and only its content is
// covered, not its tags. All other transforms are refused, XSLT and other XPath among them. Every reference is checked; what a
// ds:Manifest refers to in turn is not, and a warning says so.
//
// # What is covered
//
// A reference whose digest fits covers the range of its element, less the signatures left out; one to the whole document
// covers all of it, less them. Not covered are comments, the XML declaration, white space outside the root, and how
// things are written: white space and quotes in tags, references for characters, line ends, order of attributes. With
// exclusive canonicalisation declarations that no name uses are not covered either, so no reader may resolve a prefix in a value.
//
// A signature covers the whole document if it has a fitting reference with URI="" that leaves out nothing but its own
// Signature: with enveloped-signature, or with the XPath if there is no other signature.
//
// Report.Uncovered is for those who accept documents of any kind: all that means something and is covered by no signature whose
// digests and value fit. Elements with nothing covered inside count, in full; of others the start tag, if it has attributes,
// text other than white space, CDATA sections and processing instructions. Signature elements do not count, except what stands in the
// Object elements of an enveloping signature, one that refers into its own objects for more than properties; their tags do not count,
// nor do QualifyingProperties that hold something signed. Whoever wraps a signature adds something that nobody signed, which is then there.
// That parts which are signed each by its Id were moved about or taken away does not show.
//
// # What is accepted
//
// As a package, a document must have at least one signature; each must pass everything above and below, and one must stand in the
// header and cover the whole document. The header is edXML/edXMLEnvelope/edXMLHeader (by local names) where the root is named edXML,
// Package/Header in a Trạm package, else the root itself.
//
// The certificates are those of KeyInfo/X509Data/X509Certificate, 16 at most; the signer's is the first whose key fits the value.
// All else in KeyInfo is ignored, a bare key above all. A chain must lead from it to a root of the trust directory
// (RFC 5280), which is one that is self-signed or whose issuer is not listed there, with the help of the other certificates and of the
// directory's intermediates; its key usage, if present, must have
// digitalSignature or nonRepudiation (contentCommitment); every certificate of the chain must be valid at VerifyOptions.At, the
// earliest proved time. Revocation, and the many ways between yes and no, are the business of signing/verdict, for which
// VerifyOptions.CryptoOnly leaves certificates alone: Report.Refusal then accepts nothing. Whether the signer is who the document
// names as its sender is the caller's question to the directory, by Fingerprint.
//
// Report.SignedContent is SHA-256 over the exclusive canonical form, without comments, of the document without
// the ds:Signature elements that are children of its header. White space around them is content.
//
// What was accepted once under this PolicyVersion is accepted by every later program that names it. The other way round does not hold:
// base64, the two XPaths, Canonical XML 1.1 below xml:base and more than eight certificates were refused at first.
//
// # Canonical form
//
// As the W3C recommendations say. In short: no XML declaration; start and end tags for empty elements; one space before
// each declaration and attribute; declarations first, sorted by prefix (none first), then attributes by namespace and local
// name; values in double quotes with & < " and TAB LF CR written as &amp; &lt; &quot; &#x9; &#xA; &#xD;; text with & < > and CR written
// as &amp; &lt; &gt; &#xD;; CDATA sections as text; line ends as LF; processing instructions outside the root, and kept
// comments there, on lines of their own. Which declarations are written is where the methods differ.
//
// Of an element, the inclusive methods write all namespaces in scope and the xml: attributes of its ancestors that it does not
// have itself, the nearest first: all of them in 1.0; xml:lang and xml:space in 1.1, where the values of xml:base are joined,
// innermost with the next one out and so on, as RFC 3986 §5.2 resolves references, but with relative bases: ".." segments that lead out of the
// path stay, a trailing ".." gets a slash, repeated slashes become one, fragments are dropped, and no attribute is written
// for an empty result. The exclusive method writes the namespaces that names use and no written ancestor shows alike, those of
// the PrefixList as the inclusive methods would, and takes over no attributes. SignedInfo is canonicalised as an element in its place.
//
// # Making a signature
//
// With H the digest of a reference and V that of the signature algorithm: canonicalise what the reference names, put base64 of
// H over it into DigestValue; canonicalise the SignedInfo element at its place in the document by CanonicalizationMethod; sign V
// over it; put base64 of the value into SignatureValue. Sign writes the Signature unprefixed and without white space, behind
// TraceHeaderList and the signatures that follow it, or at the end of the header. What it refers to is the whole document, or
// elements by Id (SignOptions.IDs), octets beside the document (External), and a part of an Object that comes with it (Properties).
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
