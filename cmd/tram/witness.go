package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/signing"
)

func witnessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Chứng kiến sổ của nhau: khóa / nodes witness each other's logs: key",
		Long: `A node cosigns the heads of other nodes' logs, and has its own cosigned, so that nobody can show two histories or go back in one
(C2SP tlog-witness). The sections witness and witnesses of tram.yaml say by whom and for whom.`,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "key DIR",
		Short: "Print the verifier key of a node's cosignatures, for the configuration of those it witnesses",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(filepath.Join(args[0], "tram.yaml"))
			if err != nil {
				return err
			}
			key, err := cosignerKey(cmd.Context(), c)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), key)
			return nil
		},
	})
	return cmd
}

// makeWitnessKey makes the key that cosigns others' logs.
func makeWitnessKey(o initOptions) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("couldn't make witness key: %w", err)
	}
	return signing.SaveKey(filepath.Join(o.dir, "keys", "witness.pem"), key)
}

// logVerifiers are the keys of this node's own log: those at hand, and all that its record names. Before the record is open (the gate
// at the start is asked then) that is read from its files.
func (a *app) logVerifiers() []note.Verifier {
	if a.store == nil {
		return ownVerifiers(a.c, a.keys, a.log)
	}
	recorded, err := a.keys.logVerifiers(a.c.Origin, a.store)
	return withHeld(a.c, a.keys, a.log, recorded, err)
}

// ownVerifiers are the keys of a node's log by its files: the record, or the published history of the keys where a cluster keeps the record.
func ownVerifiers(c *Config, keys *nodeKeys, log *slog.Logger) []note.Verifier {
	data := c.path(c.Data)
	if there, err := exists(filepath.Join(data, "format")); err == nil && !there {
		published, err := publishedVerifiers(c.base, data, c.Origin)
		return withHeld(c, keys, log, published, err)
	}
	recorded, err := recordVerifiers(data)
	return withHeld(c, keys, log, recorded, err)
}

// withHeld adds the keys at hand: a record that was put back need not name them.
func withHeld(c *Config, keys *nodeKeys, log *slog.Logger, out []note.Verifier, err error) []note.Verifier {
	held, bad := keys.heldVerifiers(c.Origin)
	if err = errors.Join(err, bad); err != nil {
		log.Warn("couldn't find all keys of the log", "error", err)
	}
	for _, v := range held {
		if !slices.ContainsFunc(out, func(o note.Verifier) bool { return o.Name() == v.Name() && o.KeyHash() == v.KeyHash() }) {
			out = append(out, v)
		}
	}
	return out
}

// cosignedCheckpoint is the published checkpoint, if witnesses of the configuration have cosigned it; nil if not.
func cosignedCheckpoint(c *Config, own []note.Verifier) ([]byte, error) {
	policy, err := c.witnessPolicy()
	if policy == nil || err != nil {
		return nil, err
	}
	b, err := tiles.ReadCheckpoint(tiles.OSFiles(filepath.Join(c.path(c.Data), logFolder)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read published checkpoint: %w", err)
	}
	if _, _, err := ledger.OpenCheckpoint(b, c.Origin, own...); err != nil {
		return nil, err
	}
	if v, err := witness.Witnessed(b, policy); err != nil || len(v.Cosignatures) == 0 {
		return nil, err
	}
	return b, nil
}

// recordVerifiers are all keys that the record in a data folder names; none while no key has followed another.
func recordVerifiers(data string) (_ []note.Verifier, err error) {
	r, err := sqlitestore.OpenReader(context.Background(), data)
	if errors.Is(err, sqlitestore.ErrNoHead) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	state, err := logbook.Load(context.Background(), r)
	if err != nil || len(state.Rotations) == 0 {
		return nil, err
	}
	chain, err := state.Chain()
	if err != nil {
		return nil, err
	}
	return chain.Verifiers(), nil
}

// publishedVerifiers are the key in the node's folder and those that followed it by the published history, which proves itself.
func publishedVerifiers(base, data, origin string) ([]note.Verifier, error) {
	known, err := givenLogKey(base, "")
	if err != nil || known == nil {
		return nil, err
	}
	rotations, err := tiles.KeyHistory(os.DirFS(filepath.Join(data, logFolder)))
	if err != nil {
		return nil, err
	}
	key, err := known.Follow(rotations)
	if err != nil {
		return nil, err
	}
	return key.Verifiers(origin)
}

// checks are the alarms against other logs. They stay: what a log has signed it cannot take back.
func (w *watch) checks(ctx context.Context) (out []portal.Check, err error) {
	for _, origin := range w.origins() {
		alarms, err := w.alarms(ctx, origin)
		if err != nil {
			return nil, err
		}
		for _, a := range alarms {
			out = append(out, portal.Check{Name: portal.CheckContradiction, Subject: origin, State: portal.StateBad, Number: float64(a.Size), Unit: portal.UnitCount,
				At: a.Time, Detail: fmt.Sprintf("%s, vị trí / position %d", a.Kind, a.Position)})
		}
	}
	return out, nil
}

// registerWitnessMetrics counts what is asked of witnesses, and shows what an alarm should ring for.
func (a *app) registerWitnessMetrics() error {
	asked := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tram_witness_asked_total",
		Help: "Questions to the witnesses of this node's log, by witness and outcome (ok, failed)."}, []string{"witness", "outcome"})
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	all := []prometheus.Collector{
		gauge("tram_witness_contradictions", "Histories of other logs that were found to contradict each other.", func() float64 {
			checks, err := a.watch.checks(context.Background())
			if err != nil {
				return -1
			}
			return float64(len(checks))
		}),
	}
	if w := a.witnesses; w != nil {
		w.observed = func(name, outcome string) { asked.WithLabelValues(name, outcome).Inc() }
		all = append(all, asked,
			gauge("tram_witnessed_size", "Size of the newest head of this node's log that the quorum has cosigned.", func() float64 { return w.witnessedSize() }),
			gauge("tram_log_accused", "1: a witness has seen more of this node's log, or other; it has stopped.", func() float64 {
				if w.stopped() != nil {
					return 1
				}
				return 0
			}))
	}
	for _, c := range all {
		if err := a.metrics.Register(c); err != nil {
			return fmt.Errorf("couldn't register metric: %w", err)
		}
	}
	return nil
}

// witnessedSize is that of the newest head with the quorum behind it.
func (w *logWitnesses) witnessedSize() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return float64(w.satisfied)
}
