package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/adapters/portal"
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

// logVerifiers are the keys of this node's own log: all that its record names, once it is open; before that those at hand.
func (a *app) logVerifiers() []note.Verifier {
	if a.store != nil {
		if out, err := a.keys.logVerifiers(a.c.Origin, a.store); err == nil {
			return out
		}
	}
	out, err := a.keys.heldVerifiers(a.c.Origin)
	if err != nil {
		return nil
	}
	return out
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
