package projections

// officeSQL is the layout of an agency's work: see office_model.go. Numbers of the dictionary as in schemaSQL.
const officeSQL = `
CREATE TABLE target (
	id      INTEGER PRIMARY KEY, -- position of its first event; of what came through the exchange, of the offer to the agency
	k       INTEGER NOT NULL,    -- see streamKey
	kind    INTEGER NOT NULL,    -- 1 incoming, 2 outgoing, 3 dossier
	org     INTEGER NOT NULL,    -- the agency
	name    TEXT NOT NULL,       -- its id in the name of its stream
	doc     INTEGER NOT NULL,    -- document of the exchange, 0: none
	state   INTEGER NOT NULL,
	version INTEGER NOT NULL,    -- events of its stream
	number  INTEGER NOT NULL,    -- in its register, series or plan, 0: none
	due     TEXT NOT NULL,       -- yyyy-MM-dd by which it must be done, '': none or done
	words   INTEGER NOT NULL,    -- its row of words, 0: that of doc
	body    TEXT NOT NULL,       -- JSON of the row of its kind
	facts   TEXT                 -- JSON of the words that lists show
);
CREATE INDEX target_k ON target (k);
CREATE INDEX target_doc ON target (doc) WHERE doc <> 0;
CREATE INDEX target_words ON target (words) WHERE words <> 0;
CREATE INDEX target_number ON target (org, kind, number) WHERE number <> 0;
CREATE INDEX target_due ON target (org, kind, due) WHERE due <> '';
CREATE TABLE act (target INTEGER NOT NULL, id INTEGER NOT NULL, statement BLOB NOT NULL, facts BLOB, destroyed INTEGER NOT NULL,
	PRIMARY KEY (target, id)) WITHOUT ROWID; -- events as recorded

-- holding: what lies in a dossier, by the number of the item.
CREATE TABLE holding (dossier INTEGER NOT NULL, item INTEGER NOT NULL, target INTEGER NOT NULL, event INTEGER NOT NULL,
	PRIMARY KEY (dossier, item)) WITHOUT ROWID;
CREATE INDEX holding_target ON holding (target);

CREATE TABLE listed (org INTEGER NOT NULL, class INTEGER NOT NULL, what INTEGER NOT NULL, id INTEGER NOT NULL,
	PRIMARY KEY (org, class, what, id)) WITHOUT ROWID;
CREATE TABLE listcount (org INTEGER NOT NULL, class INTEGER NOT NULL, what INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (org, class, what)) WITHOUT ROWID;

-- opened: who has opened what. k and stream are the digest of the stream's name.
CREATE TABLE opened (k INTEGER NOT NULL, id INTEGER NOT NULL, stream BLOB NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL,
	PRIMARY KEY (k, id)) WITHOUT ROWID;

CREATE TABLE work (
	id     INTEGER PRIMARY KEY, -- see workItem.id
	target INTEGER NOT NULL,
	what   INTEGER NOT NULL,    -- see workNames
	prio   INTEGER NOT NULL,
	due    TEXT NOT NULL,
	body   BLOB NOT NULL        -- JSON of workBody
);
CREATE INDEX work_target ON work (target);
-- rank is 4 less the urgency; a due of '~' sorts after every day.
CREATE TABLE workin (org INTEGER NOT NULL, class INTEGER NOT NULL, who INTEGER NOT NULL, rank INTEGER NOT NULL, due TEXT NOT NULL, id INTEGER NOT NULL,
	what INTEGER NOT NULL, PRIMARY KEY (org, class, who, rank, due, id)) WITHOUT ROWID;
CREATE TABLE workcount (org INTEGER NOT NULL, class INTEGER NOT NULL, who INTEGER NOT NULL, what INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (org, class, who, what)) WITHOUT ROWID;
`
