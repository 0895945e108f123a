// Package rerun judges a record again, from its first event: what every decider gives on the history before an append, by the
// directory and the policy that the append says it was judged by, must be what stands in the record, byte for byte.
//
// A store's verification says that nothing was changed since it was written (statements, tree, signatures of heads). It cannot say that
// what was written was right: whoever has the node's keys and program can write an acknowledgement that nobody gave. This package
// can, because the rules are pure functions: it calls the very functions that the node decides with (packages gateway and gateway/router,
// and the deciders under events/), never a copy of them.
//
// # Three steps
//
// Read takes events in order of position and is cheap: it follows directory and policy, so that the state of every basis is known.
// Prepare is heavy and may run on any number of goroutines, in any order, for events that Read has taken: it parses a package and
// verifies its signatures as of then. Apply takes what Prepare gave, in order of position. Finish says what is left open.
package rerun
