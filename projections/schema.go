package projections

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schemaVersion names the layout of views.db and the meaning of its rows. Any change of either raises it; an older or
// newer file is thrown away and read anew from the log.
const schemaVersion = 6

// Layout. Keys of documents and deliveries are the 32 bytes of their stream; the indexes hold only the first eight as
// an integer (k), and whoever looks one up compares the whole key. Organisations, clients, codes and other strings that
// repeat are numbers of dict.
const schemaSQL = `
CREATE TABLE meta (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	schema   INTEGER NOT NULL,
	origin   TEXT NOT NULL,
	position INTEGER NOT NULL, -- events read
	last     BLOB NOT NULL     -- SHA-256 of the statement at position-1, empty at 0
);
CREATE TABLE dict (id INTEGER PRIMARY KEY, s TEXT NOT NULL);
CREATE TABLE counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE directory (id INTEGER PRIMARY KEY, statement BLOB NOT NULL, facts BLOB, destroyed INTEGER NOT NULL); -- events as recorded

CREATE TABLE doc (
	id       INTEGER PRIMARY KEY, -- position of the stream's first event
	k        INTEGER NOT NULL,
	key      BLOB NOT NULL,
	org      INTEGER NOT NULL,    -- sender, 0 while only effects have come in
	state    INTEGER NOT NULL,    -- of the outgoing side, from its deliveries
	business INTEGER NOT NULL,
	date     TEXT NOT NULL,       -- yyyy-MM-dd
	number   TEXT NOT NULL,       -- as compared, see foldNumber
	type     TEXT NOT NULL,       -- as compared, see Fold
	body     BLOB NOT NULL        -- see docState
);
CREATE INDEX doc_k ON doc (k);
CREATE INDEX doc_org ON doc (org);
CREATE INDEX doc_state ON doc (org, state) WHERE state <> 6; -- what is not acknowledged by all is rare, and looked for
CREATE TABLE paper (id INTEGER PRIMARY KEY, data BLOB NOT NULL, facts BLOB); -- of document.received and resent, as recorded

CREATE TABLE delivery (
	id     INTEGER PRIMARY KEY, -- position of the first delivery.offered: order and cursor of mailboxes
	k      INTEGER NOT NULL,
	key    BLOB NOT NULL,
	doc    INTEGER NOT NULL,
	org    INTEGER NOT NULL,    -- recipient
	sender INTEGER NOT NULL,    -- whom the item comes from
	kind   INTEGER NOT NULL,    -- 0 document, 1 status
	state  INTEGER NOT NULL,
	marks  INTEGER NOT NULL,
	peer   INTEGER NOT NULL,    -- node that serves the recipient, 0 if local
	body   BLOB NOT NULL        -- see deliveryState
);
CREATE INDEX delivery_k ON delivery (k);
CREATE INDEX delivery_doc ON delivery (doc) WHERE kind = 0;
CREATE INDEX delivery_org ON delivery (org);
CREATE INDEX delivery_state ON delivery (org, state) WHERE kind = 0 AND state <> 6;
CREATE INDEX delivery_recalled ON delivery (org) WHERE kind = 0 AND marks & 1 = 1;
-- Partial indexes say OR, not IN: for IN every change of a row would build a temporary table.
CREATE INDEX delivery_open ON delivery (org) WHERE peer = 0 AND (state = 1 OR state = 2 OR state = 5);
CREATE INDEX delivery_untaken ON delivery (sender) WHERE kind = 0 AND (state = 1 OR state = 3 OR state = 4 OR state = 5);
CREATE INDEX delivery_outstanding ON delivery (peer) WHERE peer <> 0 AND (state = 3 OR state = 4);

CREATE TABLE history (doc INTEGER NOT NULL, id INTEGER NOT NULL, entries BLOB NOT NULL, PRIMARY KEY (doc, id)) WITHOUT ROWID;
CREATE TABLE status (doc INTEGER NOT NULL, id INTEGER NOT NULL, body BLOB NOT NULL, data BLOB NOT NULL, facts BLOB,
	PRIMARY KEY (doc, id)) WITHOUT ROWID;
CREATE TABLE package (k INTEGER NOT NULL, id INTEGER NOT NULL, sha256 BLOB NOT NULL, doc INTEGER NOT NULL, kind INTEGER NOT NULL,
	PRIMARY KEY (k, id)) WITHOUT ROWID;

-- words: rowid is doc.id, or late.id for recipients that the document did not name at first. Beginnings have lists of their own, up to the longest
-- syllables of Vietnamese: the lists of all words that begin so would be merged for every question, however little of them is read.
CREATE VIRTUAL TABLE words USING fts5 (t, content='', columnsize=0, detail=none, prefix='1 2 3 4 5 6 7', tokenize="ascii tokenchars '!#$%&()*+,-./:;<=>?@[]^_{|}~'");
INSERT INTO words (words, rank) VALUES ('hashsize', 8388608); -- a whole transaction's words are sorted before they are written
CREATE TABLE late (id INTEGER PRIMARY KEY, doc INTEGER NOT NULL);
CREATE INDEX late_doc ON late (doc);
`

// pragmas for every connection. See sync.go for synchronous.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=temp_store(MEMORY)"

// database is one open views.db: one connection that writes, some that read, one that
// checkpoints.
type database struct {
	path  string
	door  door
	write *sql.DB
	read  *sql.DB
	check *sql.DB // checkpoints
}

// door opens the connections of one database file. SQLite finds WAL and shared memory by the file's name: a connection that
// opens while the name passes to another file would hold the one's pages with the other's WAL, and spoil both.
type door struct {
	mu   sync.RWMutex
	shut bool
}

// errMoved: the name is another file's by now.
var errMoved = errors.New("views.db was replaced")

// close waits for connections that are being opened, and lets no other be. Those that are open go on.
func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
}

// pool is a database/sql pool whose connections come through the door.
func (d *door) pool(dsn string) (*sql.DB, error) {
	known, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	driver := known.Driver()
	if err := known.Close(); err != nil {
		return nil, err
	}
	return sql.OpenDB(&throughDoor{door: d, driver: driver, dsn: dsn}), nil
}

type throughDoor struct {
	door   *door
	driver driver.Driver
	dsn    string
}

func (c *throughDoor) Driver() driver.Driver { return c.driver }

func (c *throughDoor) Connect(context.Context) (driver.Conn, error) {
	c.door.mu.RLock()
	defer c.door.mu.RUnlock()
	if c.door.shut {
		return nil, errMoved
	}
	return c.driver.Open(c.dsn)
}

// openDatabase opens the file, making it anew if there is none, if it has another schema version, if it is damaged, or if power
// was lost while it was written without syncs.
func openDatabase(ctx context.Context, path string, readers int) (*database, error) {
	_, lost, err := markerState(path)
	if err != nil {
		return nil, err
	}
	if lost {
		if err := removeDatabase(path); err != nil {
			return nil, err
		}
	}
	db, err := tryOpen(ctx, path, readers)
	if err == nil || !(errors.Is(err, errOtherSchema) || isDamaged(err)) {
		return db, err
	}
	if err := removeDatabase(path); err != nil {
		return nil, err
	}
	return tryOpen(ctx, path, readers)
}

var errOtherSchema = errors.New("views.db has another schema version")

func tryOpen(ctx context.Context, path string, readers int) (_ *database, err error) {
	db := &database{path: path}
	defer func() {
		if err != nil {
			db.close()
		}
	}()
	if db.write, err = db.door.pool("file:" + path + pragmas + "&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(0)&_txlock=immediate"); err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", path, err)
	}
	db.write.SetMaxOpenConns(1)
	var n int
	if err = db.write.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").Scan(&n); err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", path, err)
	}
	if n == 0 {
		if err = createSchema(ctx, db.write); err != nil {
			return nil, fmt.Errorf("couldn't create %s: %w", path, err)
		}
	}
	var version int
	if err = db.write.QueryRowContext(ctx, "SELECT schema FROM meta").Scan(&version); err != nil {
		return nil, fmt.Errorf("couldn't read schema version of %s: %w", path, err)
	}
	if version != schemaVersion {
		return nil, fmt.Errorf("couldn't use %s: version %d, expected %d: %w", path, version, schemaVersion, errOtherSchema)
	}
	if db.read, err = db.door.pool("file:" + path + pragmas + "&_pragma=cache_size(-16384)&_pragma=query_only(1)"); err != nil {
		return nil, fmt.Errorf("couldn't open %s for reading: %w", path, err)
	}
	if db.check, err = db.door.pool("file:" + path + pragmas + "&_pragma=cache_size(-512)"); err != nil {
		return nil, fmt.Errorf("couldn't open %s for checkpoints: %w", path, err)
	}
	db.check.SetMaxOpenConns(1)
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	return db, nil
}

func createSchema(ctx context.Context, db *sql.DB) error {
	// Pages of 8 KiB save a tenth of the time of replay against 4 KiB. Their size can be set only outside WAL mode.
	for _, p := range []string{"journal_mode=DELETE", "page_size=8192", "journal_mode=WAL"} {
		if _, err := db.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return err
		}
		if strings.HasPrefix(p, "page_size") {
			if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
				return err
			}
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schemaSQL+officeSQL+factSQL+noteSQL); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES (1, ?, '', 0, x'')", schemaVersion); err != nil {
		return err
	}
	return tx.Commit()
}

func (db *database) close() error {
	var errs []error
	for _, d := range []*sql.DB{db.check, db.read, db.write} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("couldn't close %s: %w", db.path, err)
	}
	return nil
}

func removeDatabase(path string) error {
	for _, p := range []string{path, path + "-wal", path + "-shm", path + "-journal", markerPath(path)} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("couldn't remove %s: %w", p, err)
		}
	}
	return nil
}

// isDamaged says that the file is not a usable database: throw it away and read the log anew.
func isDamaged(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}
