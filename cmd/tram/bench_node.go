package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// benchAgencies is how many organisations send in a benchmark. With 256 senders each has 32 of them, which is within
// what a node grants one client at once.
const benchAgencies = 8

// benchPackage is one package on its way in.
type benchPackage struct {
	agency int
	body   []byte
}

// benchSite is a node for measuring, with the agencies that send through it.
type benchSite struct {
	*demoNode
	dir    string // of everything; the node is below
	units  []*office
	tokens []string
	made   atomic.Int64 // documents made, for their numbers
}

// newBenchSite makes a node without limits of request rates, and agencies with keys of the type. The node runs when it returns.
func newBenchSite(ctx context.Context, dir, exe string, key trialca.KeyType) (*benchSite, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, "node")
	if err := initNode(initOptions{
		dir: folder, origin: "do.tram.example/log", name: "Trạm đo", listen: address, trial: true, minFreeMiB: 256, requestsPerMinute: -1,
	}); err != nil {
		return nil, err
	}
	s := &benchSite{dir: dir, demoNode: &demoNode{org: "H99", name: "Trạm đo", exe: exe}}
	if s.config, err = loadConfig(filepath.Join(folder, "tram.yaml")); err != nil {
		return nil, err
	}
	if s.ca, err = openTrialCA(s.config); err != nil {
		return nil, err
	}
	if s.admin, err = adminIdentity(s.config); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, s.enrol(ctx, key)
}

// enrol lets the agencies in.
func (s *benchSite) enrol(ctx context.Context, key trialca.KeyType) error {
	var ops []schemas.Operation
	for i := range benchAgencies {
		o := &office{code: fmt.Sprintf("H99.%02d", i+1), name: fmt.Sprintf("Đơn vị đo %d", i+1), node: s.demoNode}
		o.dir = filepath.Join(s.dir, "agencies", o.code)
		more, id, err := trialAgency{code: o.code, name: o.name, key: key}.enrol(s.ca, o.dir)
		if err != nil {
			return err
		}
		if o.api, err = s.client(filepath.Join(o.dir, "token")); err != nil {
			return err
		}
		o.id = id
		ops = append(ops, more...)
		s.units = append(s.units, o)
		s.tokens = append(s.tokens, o.api.token)
	}
	_, err := s.change(ctx, "Đơn vị đo / agencies of the benchmark", ops...)
	return err
}

// make writes and signs one document from one agency to another, with an attachment of so many bytes that nothing
// compresses.
func (s *benchSite) make(agency int, attachment []byte) (benchPackage, error) {
	n := s.made.Add(1)
	from, to := s.units[agency], s.units[(agency+1)%len(s.units)]
	now := time.Now()
	d := &schemas.Document{
		From: from.organisation(), To: []schemas.Organisation{{ID: to.code, Name: to.name}},
		Code:         schemas.DocumentCode{Number: fmt.Sprint(n), Notation: "BC-DV"},
		Promulgation: schemas.Promulgation{Place: "Bắc Giang", Date: schemas.DateOf(now.In(vietnam))},
		Type:         schemas.DocumentType{Type: "2", Name: "Báo cáo"},
		Subject:      fmt.Sprintf("Báo cáo kết quả công tác cải cách hành chính, lần thứ %d", n),
		Content:      "Kính gửi báo cáo kèm theo để tổng hợp.",
		Signer:       schemas.Signer{Position: "Giám đốc", FullName: "Nguyễn Văn Đo"},
		ToPlaces:     []string{to.name},
		Other:        schemas.OtherInfo{PageAmount: "2", PromulgationAmount: "2"},
	}
	d.DocumentID = fmt.Sprintf("%s,%s,%s", from.code, d.Promulgation.Date, d.Code)
	file := schemas.FileBytes("bao-cao.bin", "application/octet-stream", attachment)
	file.Raw = true
	unsigned, layout, err := schemas.MarshalDocument(d, []schemas.File{file}, schemas.WriteOptions{Time: now})
	if err != nil {
		return benchPackage{}, err
	}
	signed, err := signing.Sign(unsigned, from.id.key, from.id.chain, signing.SignOptions{At: layout.SignatureSlot})
	return benchPackage{agency: agency, body: bytes.Clone(signed)}, err
}

// usualAttachment makes the whole package about 20 KB.
func usualAttachment() ([]byte, error) {
	b := make([]byte, 10<<10)
	_, err := rand.Read(b)
	return b, err
}

// makeMany makes n usual packages, evenly over the agencies, with all processors; fewer when that takes longer than d.
func (s *benchSite) makeMany(ctx context.Context, n int, d time.Duration, progress func(done int)) ([]benchPackage, error) {
	attachment, err := usualAttachment()
	if err != nil {
		return nil, err
	}
	out := make([]benchPackage, n)
	end := time.Now().Add(d)
	var next, done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.NumCPU() {
		g.Go(func() error {
			for {
				if ctx.Err() != nil || !time.Now().Before(end) {
					return ctx.Err()
				}
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				p, err := s.make(i%len(s.units), attachment)
				if err != nil {
					return err
				}
				out[i] = p
				done.Add(1)
				if progress != nil && i%256 == 0 {
					progress(i)
				}
			}
		})
	}
	err = g.Wait()
	return out[:done.Load()], err // each place that was taken is filled
}

// processor is the processor time that the node's process has used.
func (s *benchSite) processor() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("couldn't read the node's processor time: %w", err)
	}
	// After the name in brackets: state is the first, user and system time the 12th and 13th, in hundredths of a second.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("couldn't read the node's processor time: %d fields", len(fields))
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, fmt.Errorf("couldn't read the node's processor time: %w", err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// memory reads a value like VmRSS or VmHWM (the peak) of the node's process, in bytes.
func (s *benchSite) memory(name string) (int64, error) {
	return processMemory(s.process.Process.Pid, name)
}

func processMemory(pid int, name string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("couldn't read the memory of a process: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			var kib int64
			_, err := fmt.Sscanf(rest, "%d kB", &kib)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("couldn't find %s among the figures of a process", name)
}

// ownProcessor is the processor time that this process has used: that of the senders.
func ownProcessor() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("couldn't read processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// profileTo starts a CPU profile, if a file is given.
func profileTo(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't write profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}
