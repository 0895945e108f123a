// Package office does what follows from the acts of an agency's people, so that nobody has to: it numbers what is to be registered,
// tells senders how far their documents have come (edXML 01 to 06), empties the mailbox of what was taken into the register, sends what
// was issued, asks back what was recalled. What may follow from what is for the rules to say (package gateway, office.go), by which a
// record is judged again too.
//
// # How it goes on
//
// Every step is an append of its own, and says the same however often it is repeated: it looks at what is recorded, does what is
// missing, and begins at the first that is. So nothing is lost by a crash between any two, and two nodes of one log do no harm to each
// other. Carry does what one thing needs, right after an act; CarryOn follows the log and does it for everything, also for what no act
// caused: a document that was offered, a recall by its sender.
//
// What cannot be done now (no key, the disk is full) is tried again, later and later, and shown in Status. The position up to which
// all is done is kept; it costs time to lose it, and nothing else.
//
// # In whose name
//
// The node signs with keys that agencies left in its custody (Custody): what it makes so is marked custody for ever, and must follow
// from an event that the record names as its cause. Without such a key it says nothing for an agency.
package office
