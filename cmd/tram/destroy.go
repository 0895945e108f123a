package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
)

// destroyList is the file that `tram destroy request` reads.
type destroyList struct {
	// Decisions of the agencies that keep the documents on this node: each of them, or one above it, must be there.
	Decisions []struct {
		Organisation string `yaml:"organisation"` // code
		Number       string `yaml:"number"`       // number and notation of the decision
		Date         string `yaml:"date"`         // day, e.g. 2026-11-20
		By           string `yaml:"by"`           // who decided
		Ground       string `yaml:"ground"`       // legal ground
		Appraisal    string `yaml:"appraisal"`    // minutes of the appraisal; may be missing
	} `yaml:"decisions"`
	Reason    string `yaml:"reason"`     // may be missing
	Scope     string `yaml:"scope"`      // all (default), packages, facts
	NotBefore string `yaml:"not_before"` // moment as in RFC 3339, or day; may be missing
	Targets   []struct {
		Document string  `yaml:"document"` // key, number and notation, DocumentId, or SHA-256 of a package that carried it
		Package  string  `yaml:"package"`  // SHA-256
		Event    *uint64 `yaml:"event"`    // position
	} `yaml:"targets"`
}

// request translates the list. find gives the key of a document.
func (l *destroyList) request(find func(name string) (string, error)) (schemas.Destruction, error) {
	d := schemas.Destruction{Reason: l.Reason, Scope: l.Scope}
	if d.Scope == "" {
		d.Scope = string(destruction.ScopeAll)
	}
	var err error
	if l.NotBefore != "" {
		if d.NotBefore, err = momentOf(l.NotBefore); err != nil {
			return d, fmt.Errorf("not_before: %w", err)
		}
	}
	for i, c := range l.Decisions {
		out := schemas.Decision{Organisation: c.Organisation, Number: c.Number, DecidedBy: c.By, Ground: c.Ground, Appraisal: c.Appraisal}
		if out.Date, err = dayOf(c.Date); err != nil {
			return d, fmt.Errorf("decision %d: %w", i+1, err)
		}
		d.Decisions = append(d.Decisions, out)
	}
	for i, t := range l.Targets {
		var x schemas.Target
		switch {
		case t.Document != "" && t.Package == "" && t.Event == nil:
			key, err := find(t.Document)
			if err != nil {
				return d, fmt.Errorf("target %d: %w", i+1, err)
			}
			var sum [32]byte
			if n, err := hex.Decode(sum[:], []byte(key)); err != nil || n != len(sum) {
				return d, fmt.Errorf("target %d: key %q of a document", i+1, key)
			}
			x.Document = &sum
		case t.Package != "" && t.Document == "" && t.Event == nil:
			sum, err := parseDigest(t.Package)
			if err != nil {
				return d, fmt.Errorf("target %d: %w", i+1, err)
			}
			x.Package = (*[32]byte)(&sum)
		case t.Event != nil && t.Document == "" && t.Package == "":
			x.Event = t.Event
		default:
			return d, fmt.Errorf("target %d: say one of document, package and event", i+1)
		}
		d.Targets = append(d.Targets, x)
	}
	return d, nil
}

func destroyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "destroy", Short: "Hủy nội dung theo quyết định / lawful destruction of content"}
	cmd.AddCommand(destroyRequestCommand(), destroyStatusCommand(), destroyApplyCommand())
	return cmd
}

func destroyRequestCommand() *cobra.Command {
	var config, out string
	cmd := &cobra.Command{
		Use:   "request LIST.yaml",
		Short: "Make and sign a request to destroy content, by decisions that are taken",
		Long: `Reads a YAML file with the decisions (organisation, number, date, by, ground, appraisal), the scope (all, packages or facts), not_before, reason
and the targets (document, package or event), signs it as one package with the administrator's key, and writes it. Hand it in with "tram send".
Nothing can take a destruction back. Every agency of this node that keeps a document must have decided: docs/operations.md says more.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			admin, err := adminIdentity(c)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("couldn't read list: %w", err)
			}
			var list destroyList
			if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&list); err != nil {
				return fmt.Errorf("couldn't read %s: %w", args[0], err)
			}
			d, err := list.request(func(name string) (string, error) { return keyOfDocument(cmd.Context(), c, name) })
			if err != nil {
				return fmt.Errorf("couldn't read %s: %w", args[0], err)
			}
			id, err := newID("destruction")
			if err != nil {
				return err
			}
			doc, _, err := schemas.MarshalDestruction(schemas.Header{ID: id, From: "node:" + c.Origin, To: []string{"node:" + c.Origin}, IssuedAt: time.Now()}, d)
			if err != nil {
				return err
			}
			signed, err := signBytes(cmd.Context(), doc, admin)
			if err != nil {
				return err
			}
			return writeBytes(out, signed)
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	cmd.Flags().StringVarP(&out, "output", "o", "destroy.xml", "the signed request")
	return cmd
}

// keyOfDocument is the key of the one document that a name means; a key is itself, so that none need be at hand.
func keyOfDocument(ctx context.Context, c *Config, name string) (string, error) {
	if b, err := hex.DecodeString(name); err == nil && len(b) == 32 && strings.ToLower(name) == name {
		record, err := c.openRecord(ctx)
		if err != nil {
			return name, nil //nolint:nilerr // the record lies elsewhere: the node will say whether it is a key
		}
		defer record.Close()
		key, _, err := findDocument(ctx, record, name)
		if errors.Is(err, events.ErrNotFound) {
			return name, nil
		}
		return key, err
	}
	record, err := c.openRecord(ctx)
	if err != nil {
		return "", err
	}
	defer record.Close()
	key, _, err := findDocument(ctx, record, name)
	return key, err
}

// destroyedTarget is a line of `tram destroy status`.
type destroyedTarget struct {
	Target   string `json:"target"`
	Document string `json:"document,omitempty"`
	Facts    int    `json:"facts"`
	Packages int    `json:"packages"`
	Executed uint64 `json:"executed,omitempty"` // position; 0: not yet
}

// destroyedDecision is one decision in the record.
type destroyedDecision struct {
	Position  uint64            `json:"position"`
	Decision  string            `json:"decision"`
	Ground    []string          `json:"ground"`
	Scope     string            `json:"scope"`
	NotBefore *time.Time        `json:"not_before,omitempty"`
	Complete  bool              `json:"complete"`
	Targets   []destroyedTarget `json:"targets"`
}

// destroyedDecisions puts a state into words.
func destroyedDecisions(s destruction.State) []destroyedDecision {
	out := []destroyedDecision{}
	for _, d := range s.Decisions {
		x := destroyedDecision{Position: d.Address.Position, Decision: d.Words(), Scope: string(d.Scope), Complete: d.Complete(), Ground: []string{}}
		if !d.NotBefore.IsZero() {
			x.NotBefore = &d.NotBefore
		}
		for _, f := range d.Facts.Decisions {
			x.Ground = append(x.Ground, f.Ground)
		}
		for i, t := range d.Targets {
			x.Targets = append(x.Targets, destroyedTarget{t.String(), t.Key(), t.Facts, t.Packages, d.Results[i]})
		}
		out = append(out, x)
	}
	return out
}

func destroyStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status DIR",
		Short: "Say what was decided to be destroyed, and what is gone",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataFolder(args[0])
			if err != nil {
				return err
			}
			record, err := sqlitestore.OpenReader(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer record.Close()
			s, err := destruction.Load(cmd.Context(), record)
			if err != nil {
				return err
			}
			list := destroyedDecisions(s)
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			}
			printDestroyed(cmd.OutOrStdout(), list)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return cmd
}

func printDestroyed(w io.Writer, list []destroyedDecision) {
	if len(list) == 0 {
		fmt.Fprintln(w, "không có quyết định hủy nào / nothing was decided to be destroyed")
	}
	for _, d := range list {
		state := "đã hủy / destroyed"
		if !d.Complete {
			state = "chưa hủy xong / not all gone yet"
			if d.NotBefore != nil {
				state += ", từ / from " + d.NotBefore.In(vietnam).Format("02/01/2006 15:04")
			}
		}
		fmt.Fprintf(w, "%s\n  quyết định / decision  %s\n  vị trí / position      %d\n  phạm vi / scope        %s\n", state, printable(d.Decision), d.Position, d.Scope)
		for _, t := range d.Targets {
			gone := "chưa / not yet"
			if t.Executed > 0 {
				gone = fmt.Sprintf("xong / gone, %d", t.Executed)
			}
			fmt.Fprintf(w, "  %s  %d gói / packages, %d dữ kiện / facts  (%s)\n", t.Target, t.Packages, t.Facts, gone)
		}
	}
}

func destroyApplyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "apply DIR",
		Short: "Take out of a copy of a record what the record says is destroyed",
		Long: `Looks up in a copy of a record (a backup, a folder that was put back) what its own decisions have destroyed, and takes it out there too. It needs no
key and signs nothing; no process may have the folder open. What is decided after the copy was made, the copy cannot know: tram backup does that.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataFolder(args[0])
			if err != nil {
				return err
			}
			n, _, err := destroyIn(cmd.Context(), dir, 0)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "đã hủy trong bản sao / destroyed in the copy: %d\n", n)
			return nil
		},
	}
}

// destroyer is the store, if it can take content out.
func destroyer(store events.Store) gateway.Destroyer {
	d, _ := store.(gateway.Destroyer)
	return d
}

// forget has everything that was made of the record lose the words that are gone from it: what was kept of earlier moments is dropped, and the
// views are made anew while they serve. A rebuild that had begun before does not count.
func (a *app) forget(ctx context.Context) error {
	if err := a.past.Forget(); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		err := a.views.Rebuild(ctx, nil)
		if !errors.Is(err, projections.ErrRebuilding) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
