// Package rerun judges a record again, from its first event: what every decider gives on the history before an append, by the
// directory and the policy that the append says it was judged by, must be what stands in the record, byte for byte.
//
// A store's verification says that nothing was changed since it was written (statements, tree, signatures of heads). It cannot say that
// what was written was right: whoever has the node's keys and program can write an acknowledgement that nobody gave. This package
// can, because the rules are pure functions: it calls the very functions that the node decides with (packages gateway and gateway/router,
// and the deciders under events/), never a copy of them.
//
// # Two steps
//
// Prepare is heavy and may run on any number of goroutines, in any order: it parses a package and verifies its signatures as of then,
// or verifies the receipt of a peer. Apply takes what Prepare gave, in order of position. Finish says what is left open.
//
// # What an append is
//
// The store keeps the decisions of a node as appends: events with one stream, time, actor, client, cause, basis and package, of which the
// first names the evidence. How many they are is not recorded; the decider says it: Apply decides when the first comes and holds the
// others against the rest. So an event that a decider would not have given is always the first of an append that should not be there.
//
// # What a decision may have read
//
// Its own stream: all of it, for the store compares the version. Directory and policy: the state that the basis names. That must be the
// state after a whole change (only sealed events are read, and an append is sealed whole), and changes since must be younger than Lag:
// a gateway decides anew what took it longer than MaxDeciding. Other streams (is there a document of a predecessor, has
// a delivery failed): as they were at some moment between the decision and the append. What is there when the append comes is tried
// first, then each state back to Lag before.
//
// # What cannot be proved
//
// Report.Unproved names it: what lies outside the record (the configuration, credentials that it named, why peers could not be reached,
// packages that were refused) and what was lawfully destroyed. Beside this package stand: that bytes are what digests say, versions,
// tree and heads (the store's verification), and the tokens of time-stamps.
//
// # Streams
//
// table lists every kind. A new one gets a row: how an append is decided again, by the function that decided it; how its state is folded,
// if a decision needs one. What in the command cannot be known (the clock, a peer's answer) is taken from the data and noted as unproved;
// a row that takes everything from the data still proves that the event could follow.
//
// # Memory
//
// States of the streams used last are kept, Options.Streams of them (about 1.5 KB each); others are read again from the Record when they
// are needed. Beside that the directory with one version for each change, which share what they have in common, and what must still
// follow (offers not made yet), which is little while the router keeps up.
package rerun
