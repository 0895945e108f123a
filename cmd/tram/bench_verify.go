package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// verifyKeys are what the documents are signed with.
var verifyKeys = []struct {
	name string
	key  trialca.KeyType
}{{"RSA-2048", trialca.RSA2048}, {"P-256", trialca.P256}}

// verifyRounds is how often ours, the limit and xmlsec1 take turns, so that the machine is the same for all of them; the fastest
// turn of each counts, since all that disturbs makes slower. xmlsec1 has no more turns than the second number: each is a process.
const verifyRounds, xmlsecRounds = 12, 4

// verified is how long one document takes to verify, by whom. 0: not measured.
type verified struct {
	name, key, file string
	size            int
	tram, limit     time.Duration
	xmlsec1         time.Duration
	santuario       time.Duration
}

// verify measures signatures: ours against the least work there is, and against xmlsec1 and Santuario with the same files.
func (b *bench) verify(ctx context.Context) error {
	fmt.Fprintln(b.say, "verifying signatures …")
	ca, err := trialca.New("CA bench", rand.Reader, time.Now)
	if err != nil {
		return err
	}
	trust, err := signing.NewTrust([]*x509.Certificate{ca.Certificate}, true)
	if err != nil {
		return err
	}
	roots := filepath.Join(b.work, "roots.pem")
	if err := signing.SaveCertificates(roots, trust.Certificates()); err != nil {
		return err
	}
	var all []*verified
	for _, k := range verifyKeys {
		key, cert, err := ca.Issue(trialca.Leaf{Name: "bench", Key: k.key})
		if err != nil {
			return err
		}
		loads, err := signing.Workloads(key, []*x509.Certificate{cert}, trust, time.Now())
		if err != nil {
			return err
		}
		for i := range loads {
			w := &loads[i]
			v := &verified{name: w.Name, key: k.name, size: len(w.Document), file: filepath.Join(b.work, k.name+"-"+w.Name+".xml")}
			if err := os.WriteFile(v.file, w.Document, 0o600); err != nil {
				return err
			}
			if err := b.verifyOne(ctx, v, w, key, roots); err != nil {
				return err
			}
			all = append(all, v)
		}
	}
	if err := santuarioTimes(ctx, b.work, all); err != nil {
		b.report.Notes = append(b.report.Notes, "Santuario: "+err.Error())
	}
	for _, v := range all {
		b.verifyRows(v)
	}
	return nil
}

// verifyOne measures ours, the limit and xmlsec1 in turns, and takes the fastest of each.
func (b *bench) verifyOne(ctx context.Context, v *verified, w *signing.Workload, key crypto.Signer, roots string) error {
	least, err := leastWork(key, w.Document)
	if err != nil {
		return err
	}
	xmlsec, noXmlsec := exec.LookPath("xmlsec1")
	if noXmlsec != nil {
		b.note("xmlsec1: not installed")
	}
	var theirs xmlsecTimes
	for round := range verifyRounds {
		t, err := each(time.Second/20, w.Verify)
		if err != nil {
			return err
		}
		faster(&v.tram, t)
		if t, err = each(time.Second/20, least); err != nil {
			return err
		}
		faster(&v.limit, t)
		if noXmlsec == nil && round < xmlsecRounds {
			if noXmlsec = theirs.turn(ctx, xmlsec, v.file, roots, v.size); noXmlsec != nil {
				b.note(fmt.Sprintf("%s of %s: %v", v.name, v.key, noXmlsec))
			}
		}
	}
	v.xmlsec1 = theirs.each()
	return nil
}

func (b *bench) note(s string) {
	if !slices.Contains(b.report.Notes, s) {
		b.report.Notes = append(b.report.Notes, s)
	}
}

// leastWork is what no verifier can do without: SHA-256 of the bytes and one operation with the public key.
func leastWork(key crypto.Signer, doc []byte) (func() error, error) {
	sum := sha256.Sum256(doc)
	value, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		return func() error {
			sum := sha256.Sum256(doc)
			return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], value)
		}, nil
	case *ecdsa.PublicKey:
		return func() error {
			sum := sha256.Sum256(doc)
			if !ecdsa.VerifyASN1(pub, sum[:], value) {
				return errors.New("couldn't verify own value")
			}
			return nil
		}, nil
	}
	return nil, fmt.Errorf("couldn't measure: key is a %T", key.Public())
}

// faster keeps the shorter of two times; zero is none.
func faster(best *time.Duration, t time.Duration) {
	if *best == 0 || t < *best {
		*best = t
	}
}

// xmlsecTimes are the fastest processes of xmlsec1 that verified a document once, and once more often by times.
type xmlsecTimes struct {
	one, many time.Duration
	times     int
}

// turn asks xmlsec1 to verify the document once in one process, and many times in another.
func (x *xmlsecTimes) turn(ctx context.Context, program, file, roots string, size int) error {
	x.times = min(200, max(5, 4_000_000/size))
	run := func(best *time.Duration, n int) error {
		start := time.Now()
		out, err := exec.CommandContext(ctx, program, "--verify", "--repeat", strconv.Itoa(n), "--trusted-pem", roots, file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("couldn't measure xmlsec1: %w: %s", err, lastLine(out))
		}
		faster(best, time.Since(start))
		return nil
	}
	if err := run(&x.one, 1); err != nil {
		return err
	}
	return run(&x.many, x.times+1)
}

// each is what one verification takes without the start of the process; 0 if there was none.
func (x *xmlsecTimes) each() time.Duration {
	if x.one == 0 || x.many == 0 {
		return 0
	}
	return (x.many - x.one) / time.Duration(x.times)
}

// Where Debian's libxml-security-java puts Apache Santuario.
var santuarioJars = []string{"/usr/share/java/xmlsec.jar", "/usr/share/java/slf4j-api.jar", "/usr/share/java/slf4j-nop.jar", "/usr/share/java/commons-codec.jar"}

//go:embed bench_santuario.java
var santuarioProgram []byte

var errNoSantuario = errors.New("not installed")

// santuarioTimes has Apache Santuario verify all the files in one warm Java process.
func santuarioTimes(ctx context.Context, dir string, all []*verified) error {
	javac, err := exec.LookPath("javac")
	java, err2 := exec.LookPath("java")
	if _, err3 := os.Stat(santuarioJars[0]); err != nil || err2 != nil || err3 != nil {
		return errNoSantuario
	}
	source := filepath.Join(dir, "Bench.java")
	if err := os.WriteFile(source, santuarioProgram, 0o600); err != nil {
		return err
	}
	path := strings.Join(santuarioJars, ":")
	if out, err := exec.CommandContext(ctx, javac, "-nowarn", "-encoding", "UTF-8", "-cp", path, "-d", dir, source).CombinedOutput(); err != nil {
		return fmt.Errorf("couldn't compile: %w: %.300s", err, out)
	}
	args := []string{"-cp", path + ":" + dir, "Bench"}
	for _, v := range all {
		args = append(args, v.file)
	}
	out, err := exec.CommandContext(ctx, java, args...).Output()
	if err != nil {
		return fmt.Errorf("couldn't measure: %w", err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != len(all) {
		return fmt.Errorf("couldn't measure: %d figures for %d files: %.300s", len(lines), len(all), out)
	}
	for i, line := range lines {
		ns, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return fmt.Errorf("couldn't measure %s: %w", all[i].file, err)
		}
		all[i].santuario = time.Duration(ns)
	}
	return nil
}

// verifyRows adds the figures of one document.
func (b *bench) verifyRows(v *verified) {
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	var target, tenth *float64
	limit, ratio := us(v.limit), float64(v.limit)/float64(v.tram)
	if v.key == "RSA-2048" {
		switch v.name {
		case "20KB":
			target = new(70.0)
		case "10MB":
			target = new(limit / 0.6)
		case "230KB":
			tenth = new(us(v.xmlsec1) / 10)
		}
	}
	what := fmt.Sprintf("verify %s (%d bytes), %s", v.name, v.size, v.key)
	b.report.Rows = append(b.report.Rows, benchRow{Name: what, Value: us(v.tram), Unit: "µs", Limit: &limit, Ratio: &ratio, Target: target,
		LimitIs: "SHA-256 of the bytes and one public-key operation, on one processor"})
	for _, p := range []struct {
		name, is string
		took     time.Duration
		target   *float64
	}{{"xmlsec1", "xmlsec1 --verify --repeat of the same file, parsing included", v.xmlsec1, tenth},
		{"Santuario", "Apache Santuario in a warm JVM, the same file, parsing included", v.santuario, nil}} {
		if p.took > 0 {
			b.report.Rows = append(b.report.Rows, benchRow{Name: "  against " + p.name, Value: us(v.tram), Unit: "µs", Limit: new(us(p.took)),
				Ratio: new(float64(p.took) / float64(v.tram)), Target: p.target, LimitIs: p.is})
		}
	}
}

// lastLine is what a program said at the end.
func lastLine(out []byte) string {
	s := strings.TrimSpace(string(out))
	return s[strings.LastIndexByte(s, '\n')+1:]
}
