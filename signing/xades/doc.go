// Package xades makes, reads and augments XAdES signatures (ETSI EN 319 132-1): XML signatures that say, signed, who made them and when, and
// that carry what is needed to judge them after certificates and algorithms have aged. Package signing says what an XML signature is; this one
// adds what stands in its QualifyingProperties. Whether a signature is good at some time is judged by package verdict.
//
// # Levels
//
// What Sign writes is level B-B: SigningTime, SigningCertificateV2 (a digest of the signer's certificate, so that no other certificate with
// the same key can be put in its place), a DataObjectFormat with the MIME type of everything that is signed, and on request policy, claimed roles,
// place and commitment. Augment adds, unsigned:
//
//   - B-T: SignatureTimeStamp, a token over the canonical SignatureValue element: the signature existed then;
//   - B-LT: CertificateValues and RevocationValues with the chain of the signer, root and revocation answers included, and a
//     TimeStampValidationData with the same for each time-stamp, as far as it isn't there already;
//   - B-LTA: ArchiveTimeStamp (of the namespace of version 1.4.1) over everything: the octets of all references in order, SignedInfo,
//     SignatureValue, KeyInfo, the unsigned properties so far, the other Objects (§5.5.2.2). What has no canonicalisation of its own is
//     canonicalised as the time-stamp says.
//
// Augmenting a B-LTA signature again renews it: validation data of the last archive time-stamp, then a new one. That must be done before
// RenewBefore; afterwards Augment refuses, because nothing would prove that the old time-stamp was made in time.
//
// # What counts
//
// Read uses QualifyingProperties that are children of an Object and whose Target is the Id of their signature; two of them are none. Its
// SignedProperties count only if exactly one reference has the Type http://uri.etsi.org/01903#SignedProperties, leads to them by Id, and has a
// fitting digest. A property that stands twice where one is due is none. All else is told in Properties.Problems. Older forms are read:
// SigningCertificate, SignerRole, SignatureProductionPlace, time-stamps over references, the first ArchiveTimeStamp. Distributed time-stamps (with
// Include) and counter-signatures are seen, not checked; time-stamps in XML are not read.
//
// # Two signatures in one document
//
// A person signs parts of a package by Id, then the organisation signs the whole, the person's signature included. From then on nothing can be
// added to the person's signature without breaking the organisation's, so augment the person's first. Augment refuses otherwise
// (ErrCovered), or, with SkipCovered, leaves the person's alone: the organisation's archive time-stamp covers it too, and its CertificateValues and
// RevocationValues take in what is needed to judge it.
//
// # How Augment works
//
// A package that is stored is never augmented; copies are, on their way out. Augment reads the document where it lies and splices new properties in; it
// holds only these in memory. Before anything is added the signature must be valid, its signer's chain trusted, not expired and not revoked at the
// earliest proved time (that of the first good time-stamp, else now); every token must be over the right octets and from a
// trusted authority; for B-LT every certificate below a root needs an answer about its revocation. Afterwards all signatures of the result are verified
// again, before a byte is written.
package xades
