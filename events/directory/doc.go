// Package directory is who takes part: organisations with all their codes and successors, certificates, clients, other
// nodes, rights to read, and the policy items that depend on a sender. It changes only by signed DirectoryChange packages,
// from a genesis change on that is signed by an administrator certificate pinned in the configuration.
//
// # Who may change what
//
//   - A genesis change (the first one) may do everything; it must be signed by a pinned certificate, which it enrols as an
//     administrator's if it does not do so itself, so that nobody can lock himself out.
//   - An administrator (a valid certificate of an operator, with PurposeSign) may do everything.
//   - An agency (a valid PurposeSign certificate of an organisation served by this node) may always revoke or suspend its own
//     certificates, because a lost key cannot wait. It may enrol certificates for itself and register and remove its own clients
//     where the node's policy allows (Change.SelfService). Nothing else.
//   - A peer (a valid certificate of a known peer, with PurposeSign or PurposePeer) may add, change and close organisations and
//     their codes, enrol and revoke their certificates: only codes inside the peer's identifier space (PeerSet.Prefixes), only
//     organisations that the directory says it serves, only purposes that sign packages. Successors too must be inside.
//
// # Offices
//
// An agency that this node serves may have a part of its own in the directory (Office): units, persons with their duties, delegations,
// and the registers, series, chains, file plan, deadlines and calendar it works by. It begins with the first operation about it.
//
//   - An administrator of the node may change it, and the agency with its own PurposeSign key. Nobody else opens one, and nobody changes
//     that of another agency.
//   - With the agency's key in custody (PurposeCustody) the node signs in the name of a person (Change.Person): one who has the role
//     administrator in the office before the change may change all of it; everybody may delegate what is his own, and withdraw that.
//   - Nobody widens his own rights: a change signed in custody is refused if the person in whose name it is could then do anything, at any
//     time from now on, in the own name or in another's place, that was not open to him before it. So who is administrator and has
//     another duty was given one of the two by somebody else: another administrator, an operator, the agency's own key. What an
//     administrator may do is to set up chains and registers and to give rights to others; that no two of them do so for each other
//     is the agency's to see to, and the record shows who did (ChangeAccepted.Person).
//   - A delegation is of what the other may do in the own name at the time, never of what was delegated to him, and never of
//     administering. It ends with its period, by withdrawal, or as one of the two leaves.
//
// Days are those of +07:00; Calendar and Office.Due say how they are counted.
//
// # Trust list
//
// Which authorities are believed, for whose certificates and when, is part of the directory: only a genesis change and administrators
// may put one on the list or take it off. The list is read as of a time, so that an authority distrusted from a day on is still
// the right one for what was proved to be there before that day. A directory with no such event has no trust list of its own; what
// a node does then is the gateway's matter (docs/trust.md).
//
// # Whole or not at all
//
// A change takes effect as a whole or not at all; a refusal names every bad operation. Later operations see what earlier ones
// of the same change did.
//
// # Identity
//
// An organisation is named for ever by its first code. Further codes, old and new, are aliases with days of validity, and a code
// that an organisation ever had never goes to another. A closed organisation may have a successor from a day on: documents for it
// then go to the successor, who may also act on the documents of those it succeeds (Identities). Chains never form a ring.
package directory
