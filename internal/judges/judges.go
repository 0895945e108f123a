// Package judges lets tests ask independent implementations what they think of our signatures: here the EU's Digital Signature Service
// (DSS), a Java library, which knows XAdES, ASiC and PAdES at every level. Only tests tagged peers use it, and where Java or Maven
// is missing they fail.
//
// One Java process serves all requests of a test, because starting it takes longer than most answers. Its program and the
// list of its libraries stand in testdata/judges/dss; Maven fetches the libraries once, into the user's cache folder.
package judges

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Judge is a running DSS. Safe for concurrent use; it answers one request at a time.
type Judge struct {
	mu     sync.Mutex
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
}

// DSS starts the judge, and ends it with the test. It fails the test where Java or Maven is missing, or the libraries
// cannot be fetched.
func DSS(t testing.TB) *Judge {
	t.Helper()
	classes, err := build()
	if err != nil {
		t.Fatalf("couldn't build the judge (EU DSS): %v", err)
	}
	cmd := exec.Command("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", filepath.Join(classes, "*")+string(os.PathListSeparator)+classes, "Judge")
	j := &Judge{stderr: new(tail)}
	cmd.Stderr = j.stderr
	if j.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	j.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatalf("couldn't start the judge (Java): %v", err)
	}
	t.Cleanup(func() {
		j.in.Close()
		stop := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer stop.Stop()
		_ = cmd.Wait() // it was asked to end; how it did is of no interest
	})
	return j
}

// tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - 8<<10; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// build returns a folder with the libraries and the compiled program, made on first use.
func build() (string, error) {
	source, err := sources()
	if err != nil {
		return "", err
	}
	pom, err := os.ReadFile(filepath.Join(source, "pom.xml"))
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(filepath.Join(source, "Judge.java"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	base := filepath.Join(cache, "tram-judges")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	libraries := filepath.Join(base, "dss-lib-"+digest(pom))
	err = once(libraries, func(dir string) error {
		return run("mvn", "-q", "-B", "-f", filepath.Join(source, "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	if err != nil {
		return "", err
	}
	classes := filepath.Join(base, "dss-"+digest(pom, program))
	return classes, once(classes, func(dir string) error {
		jars, err := filepath.Glob(filepath.Join(libraries, "*.jar"))
		if err != nil || len(jars) == 0 {
			return fmt.Errorf("no libraries in %s: %w", libraries, err)
		}
		for _, jar := range jars {
			if err := os.Link(jar, filepath.Join(dir, filepath.Base(jar))); err != nil {
				return err
			}
		}
		return run("javac", "-nowarn", "-encoding", "UTF-8", "-cp", filepath.Join(dir, "*"), "-d", dir, filepath.Join(source, "Judge.java"))
	})
}

// sources finds testdata/judges/dss: tests run in the folder of their package.
func sources() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		at := filepath.Join(dir, "testdata", "judges", "dss")
		if _, err := os.Stat(filepath.Join(at, "pom.xml")); err == nil {
			return at, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("testdata/judges/dss is in no folder above the working one")
		}
		dir = up
	}
}

// once makes a folder unless it is there; whoever is first of several processes wins.
func once(dir string, fill func(dir string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return nil
		}
		return err
	}
	return nil
}

func run(name string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("couldn't run %s: %w\n%s", name, err, out.Bytes())
	}
	return nil
}

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// fields are the values of an answer or request.
type field struct{ key, value string }

var (
	escaper   = strings.NewReplacer("%", "%25", "\t", "%09", "\n", "%0A", "\r", "%0D")
	unescaper = strings.NewReplacer("%25", "%", "%09", "\t", "%0A", "\n", "%0D", "\r")
)

// ask sends one request and waits for the answer.
func (j *Judge) ask(command string, request []field) ([]field, error) {
	var b strings.Builder
	b.WriteString(command)
	for _, f := range request {
		b.WriteString("\t" + f.key + "=" + escaper.Replace(f.value))
	}
	b.WriteString("\n")
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := io.WriteString(j.in, b.String()); err != nil {
		return nil, fmt.Errorf("couldn't ask the judge: %w\n%s", err, j.stderr)
	}
	line, err := j.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("couldn't read the judge's answer: %w\n%s", err, j.stderr)
	}
	parts := strings.Split(strings.TrimRight(line, "\n"), "\t")
	var answer []field
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(p, "=")
		answer = append(answer, field{k, unescaper.Replace(v)})
	}
	if parts[0] != "ok" {
		var why []string
		for _, f := range answer {
			why = append(why, f.value)
		}
		return nil, fmt.Errorf("the judge couldn't %s: %s", command, strings.Join(why, " / "))
	}
	return answer, nil
}
