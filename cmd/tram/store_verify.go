package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/gateway/rerun"
)

func storeVerifyCommand() *cobra.Command {
	var o verifyOptions
	var show verifyOutput
	var config string
	cmd := &cobra.Command{
		Use:   "verify -c tram.yaml",
		Short: "Kiểm chứng toàn bộ sổ trong cụm / prove the whole record in the cluster",
		Long: `Reads the log in the cluster and everything that it refers to again, from outside: statements, order, versions, facts, evidence, packages, the tree, every
signed head, time-stamps, and lets the rules decide each event again from its recorded basis; then the node's published log and registers. It only reads, and
works while the nodes run. "tram verify -c tram.yaml" is the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			if c.Store.Kind != storeESDB {
				return fmt.Errorf("couldn't verify: store.kind is %s; the record in a folder is proved by tram verify", c.Store.Kind)
			}
			return show.prove(cmd, c.Origin, func(ctx context.Context, progress verifyProgress) (*verifyAnswer, error) {
				return verifyCluster(ctx, c, nil, o, progress)
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&config, "config", "c", "tram.yaml", "configuration of a node of the cluster")
	fs.StringVar(&o.checkpointFile, "checkpoint", "", "a checkpoint of this log kept from earlier, or a receipt, which carries one")
	fs.StringVar(&o.policyFile, "policy", "", "witness policy (C2SP tlog-policy) that the published checkpoint must satisfy")
	fs.BoolVar(&o.noViews, "no-views", false, "do not build the registers again and compare them")
	show.register(fs)
	return cmd
}

// verifyConfigured is what tram verify -c does: the record of a node, wherever it lies, by the node's own key.
func verifyConfigured(c *Config) func(context.Context, verifyOptions, verifyProgress) (*verifyAnswer, error) {
	return func(ctx context.Context, o verifyOptions, progress verifyProgress) (*verifyAnswer, error) {
		if c.Store.Kind == storeESDB {
			return verifyCluster(ctx, c, nil, o, progress)
		}
		o.dir = c.path(c.Data)
		if o.keyFile == "" {
			keys, err := loadKeys(c)
			if err != nil {
				return nil, err
			}
			o.keyFile, err = keys.logVerifierKey(c.Origin)
			if err := errors.Join(err, keys.close()); err != nil {
				return nil, err
			}
		}
		return runVerification(ctx, o, progress)
	}
}

// clusterVerification is one verification of the log of a cluster and of what a node has made of it.
type clusterVerification struct {
	c        *Config
	o        verifyOptions
	from     esdbstore.Options
	progress verifyProgress
	policy   *witness.Policy
	answer   *verifyAnswer
}

// verifyCluster proves the log of a cluster. Opening it for reading has compared the order, the tree and every signed head; the rest
// is read here. Then what this node publishes and shows is compared with it. An error is that it could not be done; what is wrong is in
// the answer. keys are the node's own, nil: they are loaded.
func verifyCluster(ctx context.Context, c *Config, keys *nodeKeys, o verifyOptions, progress verifyProgress) (*verifyAnswer, error) {
	o, progress = o.withDefaults(progress)
	if o.stateFile != "" || o.problems > 1 || o.keyFile != "" {
		return nil, errors.New("couldn't verify the log of a cluster with --resume, --all or --key: it is read wholly, up to the first bad thing, by the key of the configuration")
	}
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	v := &clusterVerification{c: c, o: o, progress: progress, policy: o.policy, answer: newVerifyAnswer(c.Origin, program, o.now())}
	if v.from, err = c.readingBy(keys); err != nil {
		return nil, err
	}
	v.answer.Origin, v.answer.Key = c.Origin, v.from.Key
	if o.policyFile != "" {
		if v.policy, err = readPolicy(o.policyFile); err != nil {
			return nil, err
		}
	}
	if err := v.record(ctx); err != nil {
		return nil, err
	}
	if v.answer.OK { // what is derived from the record is compared with a record that is good
		if err := v.derived(ctx); err != nil {
			return nil, err
		}
	}
	v.answer.Finished = o.now().UTC().Truncate(time.Second)
	return v.answer, nil
}

// open opens the log again, as it stands by then.
func (v *clusterVerification) open(ctx context.Context) (savedRecord, error) {
	return esdbstore.OpenReader(ctx, v.from)
}

// record proves the record itself.
func (v *clusterVerification) record(ctx context.Context) (err error) {
	a := v.answer
	var known []byte
	if v.o.checkpointFile != "" {
		if known, err = readCheckpointFile(v.o.checkpointFile); err != nil {
			return err
		}
	} else {
		a.unproved(noOlderHead)
	}
	s, err := esdbstore.OpenReader(ctx, v.from)
	if errors.Is(err, esdbstore.ErrNoLog) || ctx.Err() != nil {
		return err
	}
	if err != nil { // what it read contradicts itself
		a.bad(&verifyProblem{Kind: "log", Reason: err.Error()})
		return nil
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	head := s.Head()
	a.Size, a.Root, a.Signed, a.Log = head.Size, head.Root, head.Size, newVerifyLog(s.Log())
	r := &clusterVerifier{s: s, a: a, workers: v.o.workers, check: events.NewChecker(v.c.Origin), packages: map[events.Digest]bool{}, tree: &ledger.Tree{}}
	decided, bad := destruction.Load(ctx, s)
	r.decided = decided.Index()
	if r.rules, err = rerun.New(ctx, rerun.Options{Origin: v.c.Origin, Record: s, Destroyed: r.gone}); err != nil {
		return err
	}
	if bad == nil {
		bad = r.run(ctx, v.progress)
	}
	if bad == nil && known != nil {
		bad = r.continues(ctx, known)
	}
	if bad != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.bad(clusterProblem(bad))
		return nil
	}
	if len(decided.Decisions) > 0 {
		a.Destroyed = &destroyedAnswer{Facts: r.factsGone, Packages: r.packagesGone, Decisions: destroyedDecisions(decided)}
	}
	report, err := r.rules.Finish(ctx)
	var cut *rerun.Mismatch
	if errors.As(err, &cut) {
		a.bad(clusterProblem(cut))
		return nil
	}
	if err != nil {
		return err
	}
	a.Judged, a.Rules = report.Packages, &rulesAnswer{Events: report.Events, Appends: report.Appends}
	for _, u := range report.Unproved {
		a.unproved(unprovedText(u))
	}
	return nil
}

// derived compares time-stamps, the published log and the registers of this node with the record.
func (v *clusterVerification) derived(ctx context.Context) (err error) {
	a, data := v.answer, v.c.path(v.c.Data)
	var bad *verifyProblem
	if a.Stamps, bad, err = verifyStamps(ctx, v.open); err != nil {
		return err
	}
	a.bad(bad)
	key, err := ledger.ParseKey([]byte(v.from.Key))
	if err != nil {
		return err
	}
	record, err := v.open(ctx)
	if err != nil {
		return err
	}
	verifiers, _, err := recordedKeys(ctx, record, &key)
	if err := errors.Join(err, record.Close()); err != nil {
		return err
	}
	if a.Published, bad, err = verifyPublished(ctx, data, v.open, verifiers, v.policy, v.progress); err != nil {
		return err
	}
	a.bad(bad)
	switch {
	case a.Published == nil && bad == nil:
		a.unproved(unpublishedText(data))
	case v.policy == nil:
		a.unproved(noPolicyGiven)
	}
	return a.compareViews(ctx, v.o.noViews, data, v.open, v.progress)
}

// atEvent is what is wrong with an event.
type atEvent struct {
	position uint64
	err      error
}

func (e *atEvent) Error() string { return fmt.Sprintf("event %d: %v", e.position, e.err) }
func (e *atEvent) Unwrap() error { return e.err }

func clusterProblem(bad error) *verifyProblem {
	p := &verifyProblem{Kind: "log", Reason: bad.Error()}
	var at *atEvent
	if errors.As(bad, &at) {
		p.Kind, p.Position = "event", &at.position
	}
	var rule *rerun.Mismatch
	if errors.As(bad, &rule) {
		p.Kind, p.Position, p.Reason = kindRules, &rule.Position, rule.Error()
		if rule.Rule == "signature" || rule.Rule == "revocation" {
			p.Kind = "signature"
		}
	}
	return p
}

type clusterVerifier struct {
	s        *esdbstore.Store
	a        *verifyAnswer
	workers  int // 0: all processors
	check    *events.Checker
	rules    *rerun.Rerun
	tree     *ledger.Tree
	packages map[events.Digest]bool
	decided  *destruction.Index

	mu                      sync.Mutex
	factsGone, packagesGone uint64
}

// gone says whether a recorded decision covers the content of an event.
func (v *clusterVerifier) gone(e events.Event) bool {
	_, facts := v.decided.Facts(&e)
	_, bytes := v.decided.Package(&e)
	return facts || bytes
}

// clusterStretch is how many events are prepared at a time, on all processors.
const clusterStretch = 256

func (v *clusterVerifier) run(ctx context.Context, progress verifyProgress) error {
	list := make([]events.Event, 0, clusterStretch)
	err := v.s.All(ctx, 0, func(e events.Event) error {
		if list = append(list, e); len(list) < clusterStretch {
			return nil
		}
		err := v.stretch(ctx, list)
		list = list[:0]
		progress(stageJudge, int64(v.a.Events), int64(v.a.Size))
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
	workers := cmp.Or(v.workers, runtime.GOMAXPROCS(0))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(list); i += workers {
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
			return &atEvent{e.Position, err}
		}
		if p := e.Statement.Package; p != nil && !v.packages[p.SHA256] {
			v.packages[p.SHA256] = true
			v.a.Packages++
			v.a.Bytes += int64(p.Length)
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
	if e.Destroyed {
		v.gone1(&v.factsGone)
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
	if err == nil && decided && m.Executed {
		v.gone1(&v.packagesGone)
	}
	return err
}

// gone1 counts one thing that is destroyed.
func (v *clusterVerifier) gone1(n *uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*n++
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
