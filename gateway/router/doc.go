// Package router delivers: it follows the sealed log and does what follows from it. Each accepted document or status
// message becomes one mailbox entry for every recipient of this node, and one hand-over to every other node that serves
// recipients. Recalls, updates and replacements reach the entries of the documents they concern.
//
// # What it keeps
//
// Nothing that matters. All that has been done stands in the log as events of the deliveries, and every step asks there
// first, so that a step done twice records nothing new: following the whole log again from its beginning is always
// right. The positions kept beside it (see Keeper) only save time.
//
// # Queues
//
// The queue to a peer is the log itself: offers to its recipients that have no receipt yet. A bounded window of it is
// in memory; what does not fit is found again in the log when there is room. Hand-overs that concern the same document go
// in the order of the log, others in parallel, the urgent ones first.
//
// A peer that cannot be reached is asked again by one hand-over at a time, later and later; when it answers, the
// queue flows again. A hand-over that fails while others succeed waits alone.
package router
