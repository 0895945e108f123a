package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway/rerun"
)

// clusterAnswer is the --json form of a cluster's verification.
type clusterAnswer struct {
	OK       bool          `json:"ok"`
	Origin   string        `json:"origin"`
	Events   uint64        `json:"events"`
	Packages uint64        `json:"packages"`
	Size     uint64        `json:"size"`
	Root     events.Digest `json:"root"`
	Judged   uint64        `json:"signatures_judged"`
	Unproved []string      `json:"unproved"`
	Error    string        `json:"error"`
}

func storeVerifyCommand() *cobra.Command {
	var config, checkpoint string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "verify -c tram.yaml",
		Short: "Kiểm chứng toàn bộ sổ trong cụm / prove the whole record in the cluster",
		Long: `Reads the log in the cluster and everything that it refers to again, from outside: statements, order, versions, facts, evidence, packages, the tree, every
signed head, and lets the rules decide each event again from its recorded basis. It only reads, and works while the nodes run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			if c.Store.Kind != storeESDB {
				return fmt.Errorf("couldn't verify: store.kind is %s; the record in a folder is proved by tram verify", c.Store.Kind)
			}
			var known []byte
			if checkpoint != "" {
				if known, err = readCheckpointFile(checkpoint); err != nil {
					return err
				}
			}
			var progress io.Writer
			if !quiet && !asJSON {
				progress = cmd.ErrOrStderr()
			}
			a, err := verifyCluster(cmd.Context(), c, known, progress)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(a); err != nil {
					return err
				}
			} else {
				a.print(cmd.OutOrStdout())
			}
			if !a.OK {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "configuration of a node of the cluster")
	cmd.Flags().StringVar(&checkpoint, "checkpoint", "", "a checkpoint of this log kept from earlier, or a receipt, which carries one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

func (a *clusterAnswer) print(w io.Writer) {
	if a.OK {
		fmt.Fprintln(w, "ĐÚNG / PROVED")
	} else {
		fmt.Fprintf(w, "SAI / NOT GOOD\n  error      %s\n", a.Error)
	}
	fmt.Fprintf(w, "  log        %s\n  events     %d\n  packages   %d (signatures judged again: %d)\n  head       size %d, root %s\n", a.Origin, a.Events, a.Packages, a.Judged, a.Size, a.Root)
	for _, u := range a.Unproved {
		fmt.Fprintf(w, "  not proved %s\n", u)
	}
}

// verifyCluster proves the log of a cluster. Opening it for reading has compared the order, the tree and every signed head; the rest
// is read here. An error is that it could not be done; what is wrong with the record is in the answer.
func verifyCluster(ctx context.Context, c *Config, known []byte, progress io.Writer) (_ *clusterAnswer, err error) {
	o, closeKeys, err := c.clusterReading()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeKeys()) }()
	a := &clusterAnswer{Origin: c.Origin, Unproved: []string{}}
	s, err := esdbstore.OpenReader(ctx, o)
	if errors.Is(err, esdbstore.ErrNoLog) || ctx.Err() != nil {
		return nil, err
	}
	if err != nil { // what it read contradicts itself
		a.Error = err.Error()
		return a, nil
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	head := s.Head()
	a.Size, a.Root = head.Size, head.Root
	v := &clusterVerifier{s: s, a: a, check: events.NewChecker(c.Origin), packages: map[events.Digest]bool{}, tree: &ledger.Tree{}}
	decided, bad := destruction.Load(ctx, s)
	v.decided = decided.Index()
	if v.rules, err = rerun.New(ctx, rerun.Options{Origin: c.Origin, Record: s, Destroyed: v.gone}); err != nil {
		return nil, err
	}
	if bad == nil {
		bad = v.run(ctx, progress)
	}
	if bad == nil && known != nil {
		bad = v.continues(ctx, known)
	}
	if known == nil {
		a.Unproved = append(a.Unproved, "that nothing was cut from the end: no checkpoint kept from earlier was given")
	}
	if bad != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.Error = bad.Error()
		return a, nil
	}
	report, err := v.rules.Finish(ctx)
	var cut *rerun.Mismatch
	if errors.As(err, &cut) {
		a.Error = cut.Error()
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	a.Judged = report.Packages
	for _, u := range report.Unproved {
		a.Unproved = append(a.Unproved, unprovedText(u).En)
	}
	a.OK = true
	return a, nil
}

type clusterVerifier struct {
	s        *esdbstore.Store
	a        *clusterAnswer
	check    *events.Checker
	rules    *rerun.Rerun
	tree     *ledger.Tree
	packages map[events.Digest]bool
	decided  *destruction.Index
}

// gone says whether a recorded decision covers the content of an event.
func (v *clusterVerifier) gone(e events.Event) bool {
	_, facts := v.decided.Facts(&e)
	_, bytes := v.decided.Package(&e)
	return facts || bytes
}

// clusterStretch is how many events are prepared at a time, on all processors.
const clusterStretch = 256

func (v *clusterVerifier) run(ctx context.Context, progress io.Writer) error {
	bar := moveBar(progress, v.a.Size, "kiểm chứng / verifying")
	defer func() { _ = bar.Finish() }()
	list := make([]events.Event, 0, clusterStretch)
	err := v.s.All(ctx, 0, func(e events.Event) error {
		if list = append(list, e); len(list) < clusterStretch {
			return nil
		}
		err := v.stretch(ctx, list)
		list = list[:0]
		_ = bar.Set64(int64(v.a.Events))
		return err
	})
	if err == nil {
		err = v.stretch(ctx, list)
	}
	if err == nil && (v.a.Events != v.a.Size || v.tree.Root() != v.a.Root) {
		err = fmt.Errorf("the log gives %d events with root %s, its signed head says %d and %s", v.a.Events, v.tree.Root(), v.a.Size, v.a.Root)
	}
	return err
}

// stretch proves events that follow each other.
func (v *clusterVerifier) stretch(ctx context.Context, list []events.Event) error {
	prepared, errs := make([]*rerun.Prepared, len(list)), make([]error, len(list))
	var wg sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := w; i < len(list); i += runtime.GOMAXPROCS(0) {
				if errs[i] = v.beside(ctx, list[i]); errs[i] == nil {
					prepared[i], errs[i] = v.rules.Prepare(ctx, list[i], rerun.Source{})
				}
			}
		})
	}
	wg.Wait()
	for i, e := range list {
		err := v.check.Check(e)
		if err == nil {
			err = errs[i]
		}
		if err == nil && prepared[i] != nil {
			err = v.rules.Apply(ctx, prepared[i])
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Position, err)
		}
		if p := e.Statement.Package; p != nil && !v.packages[p.SHA256] {
			v.packages[p.SHA256] = true
			v.a.Packages++
		}
		v.tree.Append([]events.Digest{ledger.Entry(e.Bytes)})
		v.a.Events++
	}
	return nil
}

// beside reads what an event refers to, and compares it with its digests.
func (v *clusterVerifier) beside(ctx context.Context, e events.Event) error {
	if d := e.Statement.Evidence; d != nil {
		if _, err := v.s.Evidence(ctx, *d); err != nil {
			return err
		}
	}
	m, decided := v.decided.Facts(&e)
	if e.Destroyed && !decided {
		return errors.New("its facts are destroyed, and no decision to destroy them is recorded")
	}
	if decided && m.Executed && e.Facts != nil {
		return errors.New("its facts are there, though their destruction is recorded as carried out")
	}
	if e.Statement.Package == nil {
		return nil
	}
	m, decided = v.decided.Package(&e)
	err := checkStoredPackage(ctx, v.s, *e.Statement.Package, decided && m.Executed)
	if decided && errors.Is(err, esdbstore.ErrDestroyed) {
		return nil // under way
	}
	return err
}

// continues says whether the log has what a checkpoint from earlier says.
func (v *clusterVerifier) continues(ctx context.Context, known []byte) error {
	h, err := v.s.OpenCheckpoint(known)
	if err != nil {
		return err
	}
	if h.Size > v.a.Size {
		return fmt.Errorf("a signed checkpoint has size %d, the log ends at %d: events were cut off", h.Size, v.a.Size)
	}
	if h.Size == 0 {
		return nil
	}
	_, at, err := v.s.Proof(ctx, 0, h.Size)
	if err == nil && at.Root != h.Root {
		err = fmt.Errorf("a signed checkpoint of size %d has root %s, the log had %s: it has two histories", h.Size, h.Root, at.Root)
	}
	return err
}

// packageDigest hashes a stored package.
func packageDigest(p events.PackageReader) (events.Digest, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(p, 0, p.Size())); err != nil {
		return events.Digest{}, fmt.Errorf("couldn't read package: %w", err)
	}
	return events.Digest(h.Sum(nil)), nil
}
