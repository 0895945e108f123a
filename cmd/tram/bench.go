package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/signing/trialca"
)

// benchRow is one figure. Ratio says how much of the limit is reached, whichever way the unit points: 1 is as good as the
// limit, and more is better. Limit, ratio and target are null where there is none.
type benchRow struct {
	Name    string   `json:"name"`
	Value   float64  `json:"value"`
	Unit    string   `json:"unit"`
	Limit   *float64 `json:"limit"`
	Ratio   *float64 `json:"ratio"`
	LimitIs string   `json:"limit_is,omitempty"`
	Target  *float64 `json:"target"`
}

// benchReport is bench.json.
type benchReport struct {
	Time       time.Time  `json:"time"`
	Version    string     `json:"version"`
	Go         string     `json:"go"`
	Processors int        `json:"processors"`
	Notes      []string   `json:"notes"`
	Rows       []benchRow `json:"rows"`
}

type benchOptions struct {
	dir, out, profile string
	soak              time.Duration
	senders           int // 0: all figures
	scale             float64
	json, signatures  bool
	growth, onlyViews bool
}

func benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Đo tốc độ trên máy này / measure speed on this machine, against limits of the same run",
		Long: `Starts a real node as a process of its own, sends distinct signed packages to it over HTTPS on loopback, and prints each figure beside
the most that this machine could do, measured in the same run: machines differ, and drift. Senders and node share the processors.
With --soak the load of 256 senders is held for so long, signed (with P-256) as it is sent.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBench(cmd, o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.dir, "dir", "", "folder for the node's data (default: a temporary one beside the working folder's disk, removed at the end)")
	fs.StringVarP(&o.out, "output", "o", "bench.json", "file for the figures; empty: none")
	fs.DurationVar(&o.soak, "soak", 0, "hold the load for so long instead")
	fs.IntVar(&o.senders, "senders", 0, "measure only hand-ins, by so many senders (16, 64 or 256)")
	fs.BoolVar(&o.signatures, "signatures", false, "measure only the verification of signatures, without a node")
	fs.BoolVar(&o.growth, "growth", false, "measure only how a record of up to 1,000,000 events is appended, integrated and verified, and questions to up to 1,000,000 documents, without a node (minutes)")
	fs.BoolVar(&o.onlyViews, "views", false, "measure only questions to the views, without a node; with --growth of up to 1,000,000 documents")
	fs.Float64Var(&o.scale, "scale", 1, "how much to send, against the usual")
	fs.BoolVar(&o.json, "json", false, "print the figures as JSON")
	fs.StringVar(&o.profile, "profile", "", "folder for CPU profiles of the node")
	return cmd
}

// bench is one run of the command.
type bench struct {
	benchOptions
	site   *benchSite
	work   string
	say    io.Writer // progress
	report benchReport

	viewsHeld float64 // MiB of memory at the first of viewsSizes
}

func runBench(cmd *cobra.Command, o benchOptions) (err error) {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("couldn't find this program: %w", err)
	}
	b := &bench{benchOptions: o, work: o.dir, say: cmd.ErrOrStderr()}
	if b.work == "" {
		// Not the system's folder for temporary files, which may be memory: there nothing is durable.
		if b.work, err = os.MkdirTemp(".", ".bench-"); err != nil {
			return fmt.Errorf("couldn't make folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	}
	b.report = benchReport{Time: time.Now().UTC().Truncate(time.Second), Version: version(), Go: runtime.Version(), Processors: runtime.NumCPU(),
		Notes: []string{"TLS 1.3 on loopback; senders and node share the processors"}}
	if o.signatures || o.growth || o.onlyViews {
		b.report.Notes = nil
		if err := os.MkdirAll(b.work, 0o700); err != nil {
			return fmt.Errorf("couldn't make folder: %w", err)
		}
		measure := b.verify
		switch {
		case o.onlyViews:
			measure = func(ctx context.Context) error { return b.views(ctx, viewsSizes[len(viewsSizes)-1]) }
			if !o.growth {
				measure = func(ctx context.Context) error { return b.views(ctx, viewsSizes[1]) }
			}
		case o.growth:
			measure = b.grown
		}
		if err := measure(cmd.Context()); err != nil {
			return err
		}
		return b.publish(cmd.OutOrStdout())
	}
	fmt.Fprintf(b.say, "making a node and %d agencies …\n", benchAgencies)
	key := trialca.RSA2048
	if o.soak > 0 {
		key = trialca.P256 // see hold
	}
	if b.site, err = newBenchSite(cmd.Context(), b.work, exe, key); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.site.stop()) }()
	measure := b.measure
	if o.soak > 0 {
		measure = b.hold
	}
	if err := measure(cmd.Context()); err != nil {
		return err
	}
	return b.publish(cmd.OutOrStdout())
}

// grown measures what must not depend on how much there is.
func (b *bench) grown(ctx context.Context) error {
	if err := b.growthRows(ctx, growthSizes[len(growthSizes)-1]); err != nil {
		return err
	}
	return b.views(ctx, viewsSizes[len(viewsSizes)-1])
}

// measure takes every figure.
func (b *bench) measure(ctx context.Context) error {
	steps := []func(context.Context) error{b.accept, b.replay, b.prove, b.memory, b.verify,
		func(ctx context.Context) error { return b.growthRows(ctx, growthSizes[1]) },
		func(ctx context.Context) error { return b.views(ctx, viewsSizes[1]) }}
	if b.senders > 0 {
		steps = steps[:1]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// acceptRuns are the crowds that are sent, with how many packages each hands in, and how long signing them may take: on
// a busy machine there are fewer.
var acceptRuns = []struct {
	senders, packages int
	signing           time.Duration
}{{16, 6000, 10 * time.Second}, {64, 10000, 15 * time.Second}, {256, 24000, 30 * time.Second}}

// accept measures hand-ins from the first byte to the register.
func (b *bench) accept(ctx context.Context) error {
	key, ok := b.site.units[0].id.key.(*rsa.PrivateKey)
	if !ok {
		return fmt.Errorf("couldn't measure: key is a %T, want RSA", b.site.units[0].id.key)
	}
	warm, err := b.site.makeMany(ctx, 800, time.Minute, nil)
	if err != nil {
		return err
	}
	if _, err := b.send(ctx, 64, warm); err != nil {
		return err
	}
	for _, run := range acceptRuns {
		if b.senders > 0 && b.senders != run.senders {
			continue
		}
		n := max(run.senders, int(float64(run.packages)*b.scale))
		bar := b.bar(n, fmt.Sprintf("signing %d packages", n))
		packages, err := b.site.makeMany(ctx, n, run.signing, func(done int) { _ = bar.Set(done) })
		_ = bar.Finish()
		if err != nil {
			return err
		}
		if b.profile != "" {
			if err := b.restart(ctx, filepath.Join(b.profile, fmt.Sprintf("accept-%d.prof", run.senders))); err != nil {
				return err
			}
		}
		fmt.Fprintf(b.say, "%d senders hand in %d packages …\n", run.senders, len(packages))
		r, err := b.send(ctx, run.senders, packages)
		if err != nil {
			return err
		}
		limit, err := acceptLimit(ctx, b.work, key, packages, int(r.group+0.5), 2*time.Second)
		if err != nil {
			return err
		}
		b.accepted(run.senders, r, limit, run.senders == 256)
	}
	return nil
}

// accepted writes the rows of one run.
func (b *bench) accepted(senders int, r *loadResult, limit float64, targeted bool) {
	name := fmt.Sprintf("accept, %d senders", senders)
	rate := benchRow{Name: name, Value: r.rate(), Unit: "packages/s"}
	if limit > 0 {
		ratio := r.rate() / limit
		rate.Limit, rate.Ratio = &limit, &ratio
		rate.LimitIs = fmt.Sprintf("all processors: SHA-256 and RSA-2048 verify of the same %d bytes, appended and synced %.0f at a time", r.bytesEach, r.group)
	}
	rows := []benchRow{rate, ms(name+": receipt p50", quantile(r.took, 0.5)), ms(name+": receipt p99", quantile(r.took, 0.99))}
	if len(r.lags) > 0 {
		rows = append(rows, ms(name+": in the register after, p50", quantile(r.lags, 0.5)), ms(name+": in the register after, p99", quantile(r.lags, 0.99)))
	}
	rows = append(rows, benchRow{Name: name + ": packages a commit", Value: r.group, Unit: "packages"},
		benchRow{Name: name + ": processor time of the node", Value: float64(r.processor.Microseconds()) / float64(r.packages), Unit: "µs/package"},
		benchRow{Name: name + ": processor time of the senders", Value: float64(r.sending.Microseconds()) / float64(r.packages), Unit: "µs/package"})
	if targeted {
		for row, target := range map[int]float64{0: 5000, 2: 100, 4: 500} {
			if row < len(rows)-3 {
				rows[row].Target = &target
			}
		}
	}
	b.report.Rows = append(b.report.Rows, rows...)
}

func ms(name string, d time.Duration) benchRow {
	return benchRow{Name: name, Value: float64(d.Microseconds()) / 1000, Unit: "ms"}
}

// send runs a load and proves the receipts of a sample.
func (b *bench) send(ctx context.Context, senders int, packages []benchPackage) (*loadResult, error) {
	l, err := newLoad(b.site, senders)
	if err != nil {
		return nil, err
	}
	l.fixed(packages)
	r, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	return r, b.site.prove(r.receipts)
}

// prove checks receipts with the log's public key.
func (s *benchSite) prove(receipts []benchReceipt) error {
	b, err := os.ReadFile(s.keyFile())
	if err != nil {
		return fmt.Errorf("couldn't read verifier key: %w", err)
	}
	key, err := ledger.ParseKey(b)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		got, _, err := ledger.CheckReceipt(r.receipt, key)
		if err != nil {
			return err
		}
		if p := got.Statement.Package; p == nil || p.SHA256.String() != string(r.sum) {
			return fmt.Errorf("couldn't use receipt: it is about package %v, expected %s", p, r.sum)
		}
	}
	return nil
}

// handIn hands one package in through the ordinary client.
func (s *benchSite) handIn(ctx context.Context, p benchPackage) error {
	_, err := s.units[p.agency].api.sendReader(ctx, bytes.NewReader(p.body), int64(len(p.body)))
	return err
}

// restart starts the node again, with a profile of the new process if a file is given.
func (b *bench) restart(ctx context.Context, profile string) error {
	if err := b.site.stop(); err != nil {
		return err
	}
	b.site.flags = nil
	if profile != "" {
		abs, err := filepath.Abs(profile)
		if err != nil {
			return err
		}
		b.site.flags = []string{"--cpu-profile", abs}
	}
	return b.site.start(ctx)
}

func (b *bench) replay(ctx context.Context) error {
	fmt.Fprintln(b.say, "reading the log again into empty views …")
	if err := b.site.stop(); err != nil {
		return err
	}
	r, err := replay(ctx, b.site.config)
	if err != nil {
		return err
	}
	ratio, target := r.view/r.read, 100_000.0
	b.report.Rows = append(b.report.Rows, benchRow{Name: fmt.Sprintf("replay of %d events into all views", r.events), Value: r.view, Unit: "events/s",
		Limit: &r.read, Ratio: &ratio, Target: &target, LimitIs: "the same events read and decoded, one after the other"})
	return b.restart(ctx, "")
}

func (b *bench) memory(ctx context.Context) error {
	fmt.Fprintln(b.say, "handing in a package of 100 MB …")
	extra, took, err := b.site.extraMemory(ctx, 100_000_000)
	if err != nil {
		return err
	}
	limit := 64.0
	value := float64(extra) / (1 << 20)
	ratio := limit / max(value, 1)
	b.report.Rows = append(b.report.Rows,
		benchRow{Name: "package of 100 MB: extra memory at the peak", Value: value, Unit: "MiB", Limit: &limit, Ratio: &ratio, Target: &limit,
			LimitIs: "what the design allows"},
		ms("package of 100 MB: until the receipt", took))
	return nil
}

func (b *bench) bar(n int, what string) *progressbar.ProgressBar {
	w := b.say
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		w = io.Discard
	}
	return progressbar.NewOptions(n, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(progressEvery))
}

// publish prints the table and writes the file.
func (b *bench) publish(w io.Writer) error {
	j, err := json.MarshalIndent(b.report, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't encode figures: %w", err)
	}
	j = append(j, '\n')
	if b.out != "" {
		if err := os.WriteFile(b.out, j, 0o644); err != nil {
			return fmt.Errorf("couldn't write figures: %w", err)
		}
	}
	if b.json {
		_, err := w.Write(j)
		return err
	}
	b.report.print(w)
	return nil
}

func (r *benchReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %s, %d processors\n\n", r.Version, r.Go, r.Processors)
	width := 0
	for _, row := range r.Rows {
		width = max(width, len([]rune(row.Name)))
	}
	for _, row := range r.Rows {
		line := fmt.Sprintf("%-*s %10s %-10s", width, row.Name, figure(row.Value), row.Unit)
		if row.Limit != nil && row.Ratio != nil {
			line += fmt.Sprintf("  limit %9s  %s %6.2f", figure(*row.Limit), ratioBar(*row.Ratio), *row.Ratio)
		}
		if row.Target != nil {
			line += fmt.Sprintf("  target %s", figure(*row.Target))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	said := map[string]bool{"": true}
	fmt.Fprintln(w)
	for _, row := range r.Rows {
		if !said[row.LimitIs] {
			fmt.Fprintf(w, "  limit of %s: %s\n", row.Name, row.LimitIs)
			said[row.LimitIs] = true
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}

// figure is a number with three or four digits that matter.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// ratioBar draws a ratio up to 1.
func ratioBar(ratio float64) string {
	const cells = 10
	full := min(cells, int(ratio*cells+0.5))
	return strings.Repeat("█", full) + strings.Repeat("░", cells-full)
}
