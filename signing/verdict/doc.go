// Package verdict says what a signature is worth: it follows the validation processes of ETSI EN 319 102-1 over what package
// signing found in a document, and answers TOTAL-PASSED, TOTAL-FAILED or INDETERMINATE with the reason, and every check with its
// result in Vietnamese and English.
//
// It exists because "the value fits" is the smallest part of the question. Whether the certificate counted when the signature
// was made, whether it had been revoked by then, and whether the algorithms could still be believed, are questions about
// times, and only times that somebody proved count: a time-stamp, a sealed receipt, or else the time of the judgement. The signing
// time that a document claims is shown and never used.
//
// The order of the checks is that of the standard: format, identification of the signing certificate, reference data, value,
// certificates (chain, key usage, purpose, validity, revocation), algorithms by date, acceptance by policy. Time-stamps are
// judged before certificates are, the newest first, each at the earliest time at which it is itself proved to have existed;
// a sound one proves that everything below it existed at its time (proofs.go). Where a check fails, the others are made
// nevertheless and shown; the first in that order gives the verdict.
//
// Nothing here reaches a network by itself: revocation information comes from the document and from Options.Revocation.
package verdict
