//go:build peers

package schemas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// xmllint judges files by a schema: the set of those it calls valid.
func xmllint(t *testing.T, schema string, files []string) map[string]bool {
	t.Helper()
	valid := map[string]bool{}
	for len(files) > 0 {
		n := min(len(files), 400)
		cmd := exec.Command("xmllint", append([]string{"--noout", "--nonet", "--huge", "--schema", schema}, files[:n]...)...)
		var out bytes.Buffer
		cmd.Stderr = &out
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatalf("couldn't run xmllint: %v", err)
		}
		judged := 0
		for _, line := range strings.Split(out.String(), "\n") {
			if f, ok := strings.CutSuffix(line, " validates"); ok {
				valid[f] = true
				judged++
			} else if strings.HasSuffix(line, " fails to validate") {
				judged++
			}
			if strings.Contains(line, "Schemas parser error") {
				t.Fatalf("xmllint does not take our schema: %s", line)
			}
		}
		if judged == 0 {
			t.Fatalf("xmllint judged nothing: %.500s", out.String())
		}
		files = files[n:]
	}
	return valid
}

// pastXML is what our schema stage says, or ok=false if the document did not get that far.
func pastXML(b []byte, g *grammar) (valid, ok bool, err error) {
	err = validate(context.Background(), ReceivedBytes(b), g)
	var r *Refusal
	if errors.As(err, &r) {
		return false, r.Stage == StageSchema, err
	}
	return true, true, err
}

// The reader and xmllint agree on every vector and on thousands of mutations of them, for every published schema.
func TestSchemaAgreesWithXmllint(t *testing.T) {
	schemaDir := t.TempDir()
	if err := os.CopyFS(schemaDir, Files()); err != nil {
		t.Fatal(err)
	}
	vectors := readVectors(t)
	for _, c := range []struct {
		file  string
		g     *grammar
		ns    string
		times int
	}{{FileAccept, acceptGrammar(), NamespaceEdXML, 30}, {FileEmit, emitGrammar(), NamespaceEdXML, 10}, {FileTram, tramGrammar(), NamespaceTram, 200}} {
		t.Run(c.file, func(t *testing.T) {
			dir := t.TempDir()
			r := rand.New(rand.NewPCG(20251122, uint64(len(c.file))))
			names := elementNames(c.g)
			docs := map[string][]byte{}
			add := func(name string, b []byte) { docs[filepath.Join(dir, name+".xml")] = b }
			for _, v := range vectors {
				add(v.name, v.bytes)
				if len(v.bytes) > 20000 || !bytes.Contains(v.bytes, []byte(c.ns)) {
					continue
				}
				for i := range c.times {
					add(fmt.Sprintf("%s-%d", v.name, i), mutate(r, v.bytes, names))
				}
			}
			if c.file == FileEmit {
				for i := range 500 {
					add(fmt.Sprintf("written-%d", i), mutate(r, samplePackage(t, 20, i%2 == 0), names))
				}
				add("written", samplePackage(t, 20, false))
			}
			if c.file == FileTram {
				for i, b := range append(everyAct(t, 4), everyOfficeOperation(t, 20)...) {
					add(fmt.Sprintf("act-%d", i), b)
					for j := range 25 {
						add(fmt.Sprintf("act-%d-%d", i, j), mutate(r, b, names))
					}
				}
			}
			compareWithXmllint(t, filepath.Join(schemaDir, c.file), c.g, docs)
		})
	}
}

// everyAct is so many packages of every kind of act, as the writer makes them.
func everyAct(t *testing.T, times int) (all [][]byte) {
	packages := rapid.Custom(func(t *rapid.T) (some [][]byte) {
		for _, act := range genActs(t) {
			h, a, files := genAction(t, act)
			b, _, err := MarshalDossierAction(h, a, files)
			if err != nil {
				t.Fatal(err)
			}
			some = append(some, b)
		}
		return some
	})
	for i := range times {
		all = append(all, packages.Example(i)...)
	}
	return all
}

// everyOfficeOperation is so many changes with an operation of every kind on an agency's own part of the directory.
func everyOfficeOperation(t *testing.T, times int) (all [][]byte) {
	changes := rapid.Custom(func(t *rapid.T) []byte {
		b, _, err := MarshalDirectoryChange(genHeader(t, KindDirectoryChange), DirectoryChange{Operations: genOfficeOperations(t)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
	for i := range times {
		all = append(all, changes.Example(i))
	}
	return all
}

func compareWithXmllint(t *testing.T, schema string, g *grammar, docs map[string][]byte) {
	var files []string
	for f, b := range docs {
		if _, ok, _ := pastXML(b, g); ok {
			if err := os.WriteFile(f, b, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	theirs := xmllint(t, schema, files)
	valid, wrong := 0, 0
	for _, f := range files {
		ours, _, err := pastXML(docs[f], g)
		if ours {
			valid++
		}
		if ours != theirs[f] {
			if wrong++; wrong <= 10 {
				t.Errorf("%s: ours says valid=%v (%v), xmllint valid=%v\n%.6000s", filepath.Base(f), ours, err, theirs[f], docs[f])
			}
		}
	}
	t.Logf("%d documents compared, %d valid, %d not, %d did not reach the schema", len(files), valid, len(files)-valid, len(docs)-len(files))
	if valid < 1 || len(files)-valid < 100 {
		t.Errorf("too few documents on one side: %d valid of %d", valid, len(files))
	}
	if wrong > 0 {
		t.Errorf("%d disagreements", wrong)
	}
}

// What the writer makes is valid for xmllint too.
func TestWrittenPackagesForXmllint(t *testing.T) {
	schemaDir := t.TempDir()
	if err := os.CopyFS(schemaDir, Files()); err != nil {
		t.Fatal(err)
	}
	f := filepath.Join(t.TempDir(), "written.xml")
	if err := os.WriteFile(f, samplePackage(t, 5000, false), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, schema := range []string{FileEmit, FileAccept} {
		if !xmllint(t, filepath.Join(schemaDir, schema), []string{f})[f] {
			t.Errorf("%s does not take a written package", schema)
		}
	}
}
