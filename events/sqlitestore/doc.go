// Package sqlitestore keeps the record of one node in one folder, with nothing to install: statements, facts,
// evidence and the tree in SQLite, packages in append-only segment files beside it (docs/formats.md has the bytes).
//
// # How an append goes
//
//	caller    marshals data and facts, copies the package and hashes it; packages over 256 KiB are written into
//	          their own stretch of a segment and synced here, in pieces of 1 MiB, before the group they join
//	writer    one goroutine takes all that has queued up, checks expected versions, makes the statements, and writes
//	          the rows while the group's packages are written and synced; then commits: THE COMMIT POINT
//	sealer    one goroutine signs the head of each committed group, once, proves each event and answers the callers
//	trimmer   one goroutine brings the write-ahead log into the database, so that the writer need not
//
// Appends of one group see each other: of two that expect the same version the later gets a ConflictError, and the
// rest of the group goes on.
//
// # Why it is like this
//
// Measured on two cores with 20 KB packages. Package bytes in SQLite stall the writer; direct writes into space
// allocated ahead cost a quarter of the processor time of buffered ones. An index over hashes dirties one B-tree page
// for each entry: two of them cost 47 µs an event, the event itself 10, hence the sorted runs of index.go. A signature
// an event would cost as much as its whole verification, hence one a group.
//
// # Locks
//
// A Store has three, never held together: mu (handing in, closing), failMu (the error that ended it) and recent.mu
// (the index in memory). segments.mu is taken under none of them. What has no lock is owned by one goroutine, as the
// fields of Store say.
package sqlitestore
