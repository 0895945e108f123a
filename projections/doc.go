// Package projections is what the record means to people: registers, mailboxes, document pages, "who has not taken
// it", search. It folds the log into views.db and answers the questions of internal/view.
//
// Rules it keeps:
//
//   - Views are disposable. views.db can be deleted at any time; replay rebuilds it, with the same answers on every node
//     that reads the same log. Nothing in it is invented: every number and every time comes from an event.
//   - The position moves in the same transaction as the rows. A crash at any moment continues with the next event.
//   - A log that is not the one views.db was made of (other origin, or another statement at the last position read), and
//     another schema version, throw the file away and start at 0. A damaged file does the same.
//   - A read error of the log is an error, never the end of the log.
//   - Whoever may not see something gets the answer for "does not exist".
//
// views.db is SQLite in WAL mode with synchronous=NORMAL. It is disposable, so losing the last transactions in a power
// failure costs nothing (they are read again); but with synchronous=OFF a power failure could leave pages of different
// ages, that is wrong answers which nobody notices. NORMAL syncs only at checkpoints. Only while far behind, where syncs
// cost a third of the time, are they left out, under a marker that a power failure cannot survive unnoticed: see sync.go.
//
// # How an event becomes rows
//
// One goroutine reads the log, others decode event data, one writer folds events into documents and deliveries that it
// holds in memory and writes each one that changed once per transaction. A delivery that was offered, taken and
// acknowledged within one transaction is one INSERT. Under load from live traffic a transaction holds up to 1,000
// events; when far behind, up to 65,536.
//
// # Search
//
// One contentless FTS5 column holds everything by which documents are found, as tokens of our own making, so that any
// combination of filters is one intersection of token lists, newest first:
//
//   - every word without diacritics (đ as d), and with its diacritics if it has any. A word typed without diacritics
//     finds every spelling; a word typed with diacritics finds only that spelling (composed or decomposed, and with
//     either placement of the tone mark: hoà, hòa). The last word matches as a prefix.
//   - every three consecutive characters of number and notation, so that any part of "7816/VPCP-TTĐT" finds it. Case,
//     spaces and diacritics do not count in numbers (QĐ and QD are the same: systems write both).
//   - sender, recipients, type name, and day, month and year of the document's date.
//
// Text that has neither letters nor digits is no filter. There is no query syntax: no user text is ever an error.
//
// # The work of agencies
//
// Incoming documents, outgoing documents and dossiers of an agency that has an office are targets: see office_model.go. A new event of
// one is folded into the row of its kind (targetRow.fold); where the target then stands (lists) and what somebody must do about it (work)
// follow from the row alone (targetRow.derive), so a new filter or box is a new list and no more. Words are kept for the rows of lists;
// the page of one target is made from the events of its stream as they were recorded.
//
// Who sees what is one function, scopeOf, judged by the directory at the time of the question, and one check, seesTarget. What may be
// done is asked of the deciders. Late is a matter of the day of the question and is stored nowhere.
package projections
