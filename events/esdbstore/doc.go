// Package esdbstore keeps the record of one log in an EventStoreDB or KurrentDB cluster, for several nodes at once.
// Packages, facts and evidence lie beside it in a content-addressed place that all nodes share (Objects).
//
// # Streams
//
// Every stream of ours begins with "tram+<origin>+"; an origin holds no plus sign, so that logs cannot meet.
//
//	tram+<origin>+s+<stream>   proposals: statements of one stream, event type = event name, revision = version
//	tram+<origin>+log          the log: batches of statements in their order, and the beginnings of epochs
//	tram+<origin>+heads        signed heads
//	tram+<origin>+lease        who sequences now; only the last entries are kept
//
// An append is durable for its stream when its proposals are written with the expected revision (one atomic write), and
// has its place when the sequencer has written them into the log. It is answered once a signed head includes it.
//
// # The log
//
// A head names the certificates of the node that signed it (an object of kind Chains), so that a receipt can be written on any
// node. Which log keys sign a head the log itself says (package logbook).
//
// One event of the log stream is a batch: a header line of JSON (batchHeader) and then one statement a line, as first
// written; a statement holds no line end. Positions follow from the order. The header repeats the place, the size and
// the root after it, and up to where in $all proposals were taken. The log stream is the record: heads, indexes and
// proposals follow from it or are compared with it.
//
// The sequencer takes proposals in the order of $all. It changes one thing: if the time of a proposal is before that of
// the position before it (clocks of two nodes, or two nodes racing), it lifts it to that time. So what is written to a stream
// can still change in time and gets its position, and nothing else. No decider sees it before: Stream waits for the place of
// what has none yet (unless SealPatience says otherwise), which costs nothing, because an append that follows could not be
// answered earlier either.
//
// # One sequencer, and no fork
//
// Every write to the log is made with the exact revision that the writer expects there, so the log is one sequence
// whoever writes. The lease only says who should try:
//
//	candidate   looks at the lease at every tick; if it was released, or its revision stood still for LeaseTTL by the
//	            candidate's own clock, it writes the next epoch there, with the exact revision. Clocks are never compared
//	winner      reads the log to its end, writes "epoch e begins" at the next revision, and sequences from there. Who
//	            finds a later epoch in the log gives up
//	zombie      a former sequencer that went on (paused, cut off) expects a revision that is taken: its write conflicts,
//	            it reads the log, finds the later epoch and stands down. A write of it that was persisted before the
//	            epoch's beginning is in the log, and the winner goes on from it
//
// A batch is signed only after it was written, and only as what the log says, so that no size is ever signed with two
// roots. Heads are written with the exact revision too; every node checks them against the tree that it grew itself.
// What is in the log but not under a head is signed by the next sequencer.
//
// # Moving
//
// A record of another store is moved in (Move) behind an entry that can only be the first of the log and names the head that was
// signed last: batches of epoch 0 follow until the tree has that size and root, and no epoch can begin before. It is moved out
// behind an entry that ends the log (End): nothing follows that.
//
// # What the client leaves to its user
//
// Writes whose answer was lost (time-out, reset, leader gone) are made again with the same event ids, and when the
// server then says that the revision is wrong, the stream is read: if our ids are there the write had succeeded. A
// conflict is answered with the version read from the stream, not with the client's text. Subscriptions are begun again
// after the last event that was taken, whatever ended them, and events that come twice are known by their revision; at
// every tick the ends of log and heads are also read, because a subscription may hang without an error. The client is
// made anew when its discovery has given up, which it never gets over by itself. requires-leader is sent by us, because
// the client puts it where it is not sent.
//
// # Limits
//
// Every node keeps positions by stream and package, and the tree, in memory and reads the whole log when it opens: 245 bytes an
// event and 100,000 events a second on one core, if every event is in a stream of its own (BenchmarkFollow). Ten million
// events are 2.5 GB and two minutes; beyond that the index belongs on the node's disk. One append must fit into one write of the server (Options.MaxAppend, 1 MiB by default).
// Reading $all needs the right to do so ($admins, unless the default ACL was changed). Objects of a refused append stay
// behind unreferenced: nobody can see them through the store.
package esdbstore
