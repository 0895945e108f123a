// Package gateway is the one door of a node: whatever enters the record enters here as a signed package, and
// whatever leaves to agencies leaves here as bytes of the record.
//
// A hand-in goes through fixed stages, each with its own type, so that a later stage cannot be reached around an
// earlier one (docs/life-of-a-document.md follows one document through them):
//
//	io.Reader         bytes on the wire, hashed while they arrive          spool.go
//	schemas.Received  the bytes, their SHA-256 and size, in memory or in an encrypted spool file
//	schemas.Package   parsed: well-formed, valid, rules of its kind         accept.go
//	signing.Verified  every signature valid, trusted and bound to the sender
//	events.Event      decided by the kind's own pure decider and durable    decide.go
//
// A refusal is an answer: one numbered entry of the catalogue (Catalogue), in two languages, with the HTTP status
// and whether handing in again can help. Nothing of a refused package is stored.
//
// The core knows neither HTTP nor the views' storage: httpapi serves it, router follows the log and delivers,
// projections answer through the small interfaces declared in views.go.
package gateway
