package main

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/internal/asof"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/projections"
)

// replayOptions say what is asked of the past.
type replayOptions struct {
	asOf                                string
	register, document, mailbox, org    string
	notTaken                            string
	directory, policy                   bool
	words, number, from, to, state, typ string
	format, cache                       string
	limit                               int
	progress                            io.Writer
	now                                 func() time.Time
}

// replayMoment is as of when an answer is: who holds the log can compute the same root.
type replayMoment struct {
	Origin   string     `json:"origin"`
	At       time.Time  `json:"at"`
	Position uint64     `json:"position"`
	Last     *time.Time `json:"last"`
	Root     string     `json:"root"` // of the log's first Position events, base64
	Head     uint64     `json:"head"` // size of the signed head that was read under
}

// table is an answer in rows, for text and CSV.
type table struct {
	columns []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func replayCommand() *cobra.Command {
	o := replayOptions{now: time.Now}
	var config string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "replay [DIR] --as-of TIME --register incoming|outgoing --org CODE",
		Short: "Sổ sách, văn bản, danh bạ như lúc trước / registers, documents, directory as they stood",
		Long: `Works out from the log how things stood: a register, a document's page, a mailbox, what nobody had taken, the directory, the policy. It reads
the record in DIR (or of -c tram.yaml) up to the last event at or before TIME and nothing after it, also while the node runs, and says
the position and the root of the log that the answer is as of. Words that were destroyed since are gone from the past too.

TIME is a day (30/11/2026 or 2026-11-30: its end) or a time (2026-11-30T17:00, +07:00 unless it names a zone).`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			open, _, err := chosenRecord(config, args)
			if err != nil {
				return err
			}
			if !quiet {
				o.progress = cmd.ErrOrStderr()
			}
			return replayPast(cmd.Context(), open, o, cmd.OutOrStdout())
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&config, "config", "c", "", "the node's configuration, which says where its data is")
	fs.StringVar(&o.asOf, "as-of", "", "day or time (required)")
	fs.StringVar(&o.register, "register", "", "incoming or outgoing: a register of --org")
	fs.StringVar(&o.document, "document", "", "a document: its key, number, DocumentId or package")
	fs.StringVar(&o.mailbox, "mailbox", "", "entries for --org: open, all, waiting, taken, acknowledged or withdrawn")
	fs.StringVar(&o.notTaken, "not-taken", "", "what the recipients of this organisation's documents had not taken")
	fs.BoolVar(&o.directory, "directory", false, "organisations")
	fs.BoolVar(&o.policy, "policy", false, "policy of acceptance")
	fs.StringVar(&o.org, "org", "", "organisation: identity or a code it had then")
	fs.StringVar(&o.words, "words", "", "filter of a register: words")
	fs.StringVar(&o.number, "number", "", "filter: part of the number")
	fs.StringVar(&o.from, "from", "", "filter: first day of the document's date, yyyy-MM-dd")
	fs.StringVar(&o.to, "to", "", "filter: last day")
	fs.StringVar(&o.state, "state", "", "filter: state")
	fs.StringVar(&o.typ, "type", "", "filter: name of the document type")
	fs.IntVar(&o.limit, "limit", 0, "most rows, 0: all")
	fs.StringVar(&o.format, "format", "text", "text, json or csv")
	fs.StringVar(&o.cache, "cache", "", "folder that keeps what was worked out, for the next question")
	fs.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	_ = cmd.MarkFlagRequired("as-of")
	return cmd
}

// chosenRecord finds the record that a command reads, and where its node's folder is.
func chosenRecord(config string, args []string) (open func(context.Context) (savedRecord, error), base string, err error) {
	if (config == "") == (len(args) == 0) {
		return nil, "", errors.New("couldn't choose a record: give -c tram.yaml or a folder, one of them")
	}
	if config != "" {
		c, err := loadConfig(config)
		if err != nil {
			return nil, "", err
		}
		return c.openRecord, c.path(c.Data), nil
	}
	dir, err := dataFolder(args[0])
	return recordIn(dir), dir, err
}

// check refuses questions that are none, before anything is read.
func (o *replayOptions) check() error {
	asked := 0
	for _, on := range []bool{o.register != "", o.document != "", o.mailbox != "", o.notTaken != "", o.directory, o.policy} {
		if on {
			asked++
		}
	}
	switch {
	case asked != 1:
		return errors.New("couldn't choose a question: give one of --register, --document, --mailbox, --not-taken, --directory, --policy")
	case (o.register != "" || o.mailbox != "") && o.org == "":
		return errors.New("couldn't choose a register: give --org")
	case o.register != "" && o.register != string(view.Incoming) && o.register != string(view.Outgoing):
		return fmt.Errorf("couldn't choose a register: %q is neither incoming nor outgoing", o.register)
	case o.format != "text" && o.format != "json" && o.format != "csv":
		return fmt.Errorf("couldn't answer as %q: want text, json or csv", o.format)
	}
	return nil
}

// replayPast answers one question about the past.
func replayPast(ctx context.Context, open func(context.Context) (savedRecord, error), o replayOptions, out io.Writer) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	at, err := asof.Parse(o.asOf, o.now())
	if err != nil {
		return err
	}
	record, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	if o.cache == "" {
		if o.cache, err = os.MkdirTemp("", "tram-replay-"); err != nil {
			return fmt.Errorf("couldn't make a folder to replay in: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.cache)) }()
	}
	bar := newBar(o.progress, "replay")
	// Nobody judges who may read: whoever holds the folder has all of it.
	past, err := projections.OpenPast(o.cache, record, nil, projections.PastOptions{
		Options: projections.Options{Now: o.now, Progress: func(read, size uint64) { bar.set(int64(read), int64(size)) }},
		Wait:    1<<63 - 1, MaxBytes: 1 << 62,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, past.Close()) }()
	m, err := past.Resolve(ctx, at)
	if err != nil {
		return err
	}
	said := replayMoment{Origin: record.Head().Origin, At: at.UTC(), Position: m.Position, Head: record.Head().Size}
	if m.Position > 0 {
		_, head, err := record.Proof(ctx, m.Position-1, m.Position)
		if err != nil {
			return fmt.Errorf("couldn't compute the root as of position %d: %w", m.Position, err)
		}
		said.Root, said.Last = base64.StdEncoding.EncodeToString(head.Root[:]), &m.Last
	}
	r := &replayer{o: o, record: record, moment: m}
	if o.directory || o.policy {
		bar.finish()
	} else {
		v, err := past.Open(ctx, m, "")
		bar.finish()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.Close()) }()
		r.views = v
	}
	answer, t, err := r.answer(ctx)
	if errors.Is(err, view.ErrNotFound) {
		return fmt.Errorf("couldn't find it: as of %s (position %d) it was not in the record: %w", local(at), m.Position, err)
	}
	if err != nil {
		return err
	}
	return writeReplay(out, o.format, said, answer, t)
}

func writeReplay(out io.Writer, format string, m replayMoment, answer any, t *table) error {
	switch format {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			AsOf   replayMoment `json:"as_of"`
			Answer any          `json:"answer"`
		}{m, answer})
	case "csv":
		w := csv.NewWriter(out)
		if err := w.Write(t.columns); err != nil {
			return err
		}
		for _, row := range t.rows {
			for i, c := range row {
				// A spreadsheet takes these for the beginning of a formula; the words are strangers'.
				if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
					row[i] = "'" + c
				}
			}
			if err := w.Write(row); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	}
	fmt.Fprintf(out, "Như lúc / as of    %s\nNhật ký / log      %s\nVị trí / position  %d (đã ký đến / signed head %d)\n", local(m.At), m.Origin, m.Position, m.Head)
	if m.Last != nil {
		fmt.Fprintf(out, "Sự kiện cuối / last event  %s\nGốc / root         %s\n", local(*m.Last), m.Root)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.columns}, t.rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = printable(strings.Join(strings.Fields(c), " "))
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return w.Flush()
}

// replayer answers from views and streams as of a moment.
type replayer struct {
	o      replayOptions
	record savedRecord
	moment view.Moment
	views  view.Views
}

func (r *replayer) answer(ctx context.Context) (any, *table, error) {
	switch {
	case r.o.directory:
		return r.directory(ctx)
	case r.o.policy:
		return r.policy(ctx)
	case r.o.document != "":
		return r.document(ctx)
	}
	if r.o.notTaken != "" {
		r.o.org = r.o.notTaken
	}
	org, err := r.identity(ctx, r.o.org)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case r.o.register != "":
		return r.register(ctx, org)
	case r.o.mailbox != "":
		return r.mailbox(ctx, org)
	}
	return r.notTaken(ctx, org)
}

// reader sees everything: see replayPast.
func (r *replayer) reader() view.Reader { return view.Reader{Audit: true, Now: r.moment.At} }

func (r *replayer) register(ctx context.Context, org string) (any, *table, error) {
	t := &table{columns: []string{"document", "number", "date", "type", "subject", "from", "to", "sent_at", "arrived_at", "state", "status", "note"}}
	q := view.RegisterQuery{Reader: r.reader(), Org: org, Direction: view.Direction(r.o.register), Words: r.o.words, Number: r.o.number,
		From: r.o.from, To: r.o.to, State: r.o.state, TypeName: r.o.typ, Limit: 500}
	var all []httpapi.DocumentRow
	for {
		page, err := r.views.Register(ctx, q)
		if err != nil {
			return nil, nil, fmt.Errorf("couldn't read register: %w", err)
		}
		for i := range page.Rows {
			if r.o.limit > 0 && len(t.rows) >= r.o.limit {
				page.Next = ""
				break
			}
			row := &page.Rows[i]
			all = append(all, httpapi.DocumentRows(page.Rows[i:i+1])...)
			to := make([]string, len(row.To))
			for j, p := range row.To {
				to[j] = partyText(p)
			}
			subject := row.Subject
			if row.Destroyed != "" {
				subject = "(đã tiêu hủy / destroyed: " + row.Destroyed + ")"
			}
			t.add(row.Document, row.Number, row.Date, row.TypeName, subject, partyText(row.From), strings.Join(to, "; "), timeText(row.SentAt), timeText(row.ArrivedAt), row.State, row.LastStatus, row.Note)
		}
		if page.Next == "" {
			return all, t, nil
		}
		q.Cursor = page.Next
	}
}

func (r *replayer) document(ctx context.Context) (any, *table, error) {
	key, _, err := findDocument(ctx, r.record, r.o.document)
	if err != nil {
		return nil, nil, err
	}
	d, err := r.views.Document(ctx, r.reader(), key)
	if err != nil {
		return nil, nil, err
	}
	t := &table{columns: []string{"part", "at", "who", "what", "detail"}}
	t.add("document", timeText(d.Package.At), partyText(d.Row.From), d.Row.Number, d.Row.Subject)
	if d.Row.Destroyed != "" {
		t.add("destroyed", "", "", d.Row.Destroyed, "")
	}
	for _, x := range d.Recipients {
		t.add("recipient", timeText(x.Since), partyText(x.Party), x.State, strings.TrimSpace(x.LastStatus+" "+x.Reason))
	}
	for _, x := range d.Statuses {
		t.add("status", timeText(x.At), partyText(x.From), x.Code, x.Description)
	}
	for _, x := range d.History {
		t.add("event", timeText(x.At), x.Actor, x.Name, strings.TrimSpace("position "+strconv.FormatUint(x.Position, 10)+" "+x.Org))
	}
	return httpapi.NewDocumentAnswer(&d), t, nil
}

func (r *replayer) mailbox(ctx context.Context, org string) (any, *table, error) {
	states := []string{r.o.mailbox}
	switch r.o.mailbox {
	case "open":
		states = []string{""}
	case "all":
		states = []string{view.StateWaiting, view.StateTaken, view.StateAcknowledged, view.StateWithdrawn}
	}
	t := &table{columns: []string{"seq", "entry", "kind", "document", "number", "subject", "from", "offered_at", "state", "taken_by"}}
	all := []view.MailboxEntry{}
	for _, state := range states {
		q := view.MailboxQuery{Org: org, State: state, Limit: 500}
		for {
			page, err := r.views.Mailbox(ctx, q)
			if err != nil {
				return nil, nil, fmt.Errorf("couldn't read mailbox: %w", err)
			}
			for _, e := range page.Rows {
				q.After = e.Seq
				if r.o.limit > 0 && len(all) >= r.o.limit {
					return all, t, nil
				}
				all = append(all, e)
				t.add(strconv.FormatUint(e.Seq, 10), e.ID, e.Kind, e.Document, e.Number, e.Subject, partyText(e.From), timeText(e.OfferedAt), e.State, e.TakenBy)
			}
			if page.Next == "" || len(page.Rows) == 0 {
				break
			}
		}
	}
	return all, t, nil
}

func (r *replayer) notTaken(ctx context.Context, org string) (any, *table, error) {
	limit := r.o.limit
	if limit <= 0 {
		limit = 500
	}
	list, err := r.views.NotTaken(ctx, r.reader(), org, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read what was not taken: %w", err)
	}
	t := &table{columns: []string{"document", "number", "subject", "to", "state", "since"}}
	for _, p := range list {
		t.add(p.Document, p.Number, p.Subject, partyText(p.To), p.State, timeText(p.Since))
	}
	return list, t, nil
}

func partyText(p view.Party) string {
	switch {
	case p.Name == "":
		return p.Org
	case p.Code != "":
		return p.Name + " (" + p.Code + ")"
	}
	return p.Name + " (" + p.Org + ")"
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(vietnam).Format("2006-01-02T15:04:05-07:00")
}
