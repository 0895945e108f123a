package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing/trialca"
)

const vectorDir = "../../testdata/gateway"

// vector is one file of testdata/gateway: see its README.md.
type vector struct {
	name   string
	expect string // "accepted" or "3001 signature-missing 422"
	node   string
	steps  []vectorStep
	detail []string
	field  string
}

// vectorStep is one request.
type vectorStep struct {
	as, certificate string
	method, path    string
	headers         []string
	build           []vectorLine // package, body, change, sign, vouch, flip
	send            string
	hold            bool
	repeat          int
	handover        string
	route           bool // before it
}

type vectorLine struct{ key, value string }

func readVector(t testing.TB, file string) *vector {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v := &vector{name: strings.TrimSuffix(filepath.Base(file), ".txt")}
	step := vectorStep{method: "POST", path: "/v1/packages", repeat: 1}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		key, value, ok := strings.Cut(s.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		if !ok {
			t.Fatalf("%s: no key in %q", v.name, s.Text())
		}
		switch key {
		case "about":
		case "expect":
			v.expect = value
		case "node":
			v.node = value
		case "detail":
			v.detail = append(v.detail, value)
		case "field":
			v.field = value
		case "as":
			step.as = value
		case "certificate":
			step.certificate = value
		case "request":
			step.method, step.path, _ = strings.Cut(value, " ")
		case "header":
			name, val, _ := strings.Cut(value, ":")
			step.headers = append(step.headers, name, strings.TrimSpace(val))
		case "package", "body", "change", "sign", "vouch", "flip":
			step.build = append(step.build, vectorLine{key, value})
		case "send":
			step.send = value
		case "hold":
			step.hold = true
		case "repeat":
			if step.repeat, err = strconv.Atoi(value); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
		case "handover":
			step.handover = value
		case "route":
			step.route = true
		case "then":
			v.steps = append(v.steps, step)
			step = vectorStep{as: step.as, method: "POST", path: "/v1/packages", repeat: 1}
		default:
			t.Fatalf("%s: unknown key %q", v.name, key)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	v.steps = append(v.steps, step)
	return v
}

func readVectors(t testing.TB) []*vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", vectorDir, err)
	}
	var out []*vector
	for _, f := range files {
		out = append(out, readVector(t, f))
	}
	return out
}

// Every number of the published list has a vector, and no vector has a number that is not in the list.
func TestEveryRefusalHasAVector(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range readVectors(t) {
		seen[v.expect] = true
		if !strings.HasPrefix(v.name, "good-") && !strings.HasPrefix(v.name, v.expect[:4]+"-") {
			t.Errorf("%s expects %s", v.name, v.expect)
		}
	}
	listed := map[string]bool{"accepted": true}
	for _, e := range gateway.Catalogue() {
		key := fmt.Sprintf("%d %s %d", e.Code, e.ID, e.HTTP)
		listed[key] = true
		if !seen[key] && !withoutVector(e.Code) {
			t.Errorf("%s has no vector", key)
		}
	}
	for key := range seen {
		if !listed[key] {
			t.Errorf("a vector expects %s, which the list doesn't have", key)
		}
	}
}

// withoutVector: these are not given at the door, but to who works at the portal (package office has a test of each).
func withoutVector(code int) bool {
	return code == gateway.CodeActInterrupted || code == gateway.CodeCustodyNone || code == gateway.CodeNumberContended
}

// Every vector goes through the real door: TLS, authentication, limits, reader, verifier, decider, store.
func TestVectors(t *testing.T) {
	shared := map[string]*world{}
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			var w *world
			if len(v.steps) == 1 && v.expect != "accepted" && shareable(v.node) {
				if w = shared[v.node]; w == nil {
					w = nodeIn(sharedT{t}, v.node)
					shared[v.node] = w
				}
				w.t = t
			} else {
				w = nodeIn(t, v.node)
			}
			v.run(t, w)
		})
	}
	for _, w := range shared {
		w.close()
	}
}

func (v *vector) run(t *testing.T, w *world) {
	var last answer
	var b []byte
	for i := range v.steps {
		st := &v.steps[i]
		if st.route {
			w.step()
		}
		b = w.build(v.name, st.build)
		if i == len(v.steps)-1 {
			break
		}
		if a := w.request(st, b); a.status >= 300 {
			t.Fatalf("step %d: status %d: %s", i+1, a.status, a.body)
		}
	}
	st := &v.steps[len(v.steps)-1]
	before := w.inside()
	for range st.repeat {
		last = w.request(st, b)
	}
	after := w.inside()
	if v.expect == "accepted" {
		if last.status >= 300 {
			t.Fatalf("status %d: %s", last.status, last.body)
		}
		return
	}
	p := last.problem(t)
	if got := fmt.Sprintf("%d %s %d", p.Code, p.ID, p.Status); got != v.expect {
		t.Fatalf("refused with %s (field %s, details %q), expected %s", got, p.Field, p.Details, v.expect)
	}
	for _, d := range v.detail {
		if !slices.ContainsFunc(p.Details, func(s string) bool { return strings.Contains(s, d) }) {
			t.Errorf("details %q don't name %q", p.Details, d)
		}
	}
	if !strings.HasSuffix(p.Field, v.field) {
		t.Errorf("field %q, expected …%s", p.Field, v.field)
	}
	if p.Request == "" || last.header.Get("X-Request-Id") != p.Request {
		t.Errorf("request id %q, header %q", p.Request, last.header.Get("X-Request-Id"))
	}
	w.mustHoldNothingOf(b, before, after, p.Code)
}

var placeholder = regexp.MustCompile(`\{\{([^{}]+)\}\}`)

// build makes the bytes of a step.
func (w *world) build(name string, lines []vectorLine) []byte {
	w.t.Helper()
	var b []byte
	for _, l := range lines {
		value := strings.ReplaceAll(l.value, `\n`, "\n")
		switch l.key {
		case "package":
			var err error
			if b, err = os.ReadFile(filepath.Join(vectorDir, value)); err != nil {
				w.t.Fatal(err)
			}
		case "body":
			b = []byte(w.fill(value))
		case "change":
			was, is, ok := strings.Cut(value, " => ")
			if !ok {
				was, ok = strings.CutSuffix(value, " =>")
			}
			if !ok || !bytes.Contains(b, []byte(was)) {
				w.t.Fatalf("%s: %q is not in what has been built", name, was)
			}
			b = bytes.Replace(b, []byte(was), []byte(w.fill(is)), 1)
		case "flip":
			b = flip(w.t, b, value)
		case "sign":
			b = w.signAs(b, value)
		case "vouch":
			b = w.vouch(b, value)
		}
	}
	return b
}

// flip changes the first letter of the text of an element, so that base64 stays base64.
func flip(t testing.TB, b []byte, element string) []byte {
	t.Helper()
	i := bytes.Index(b, []byte(element+">"))
	if i < 0 {
		t.Fatalf("no %s", element)
	}
	i += len(element) + 1
	for b[i] == '\n' || b[i] == ' ' {
		i++
	}
	out := bytes.Clone(b)
	if out[i] == 'A' {
		out[i] = 'B'
	} else {
		out[i] = 'A'
	}
	return out
}

// fill replaces {{…}}.
func (w *world) fill(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(m string) string {
		word := m[2 : len(m)-2]
		if what, times, ok := strings.Cut(word, "*"); ok {
			n, err := strconv.Atoi(times)
			if err != nil {
				w.t.Fatal(err)
			}
			switch what {
			case "nest":
				return strings.Repeat("<edXML:a>", n) + strings.Repeat("</edXML:a>", n)
			case "places":
				return strings.Repeat("<edXML:Place>"+strings.Repeat("x", 5000)+"</edXML:Place>", n)
			}
			return strings.Repeat(what, n)
		}
		name, rest, _ := strings.Cut(word, " ")
		switch name {
		case "byte":
			n, err := strconv.ParseUint(rest, 16, 8)
			if err != nil {
				w.t.Fatal(err)
			}
			return string([]byte{byte(n)})
		case "zip-bomb":
			return zipBomb(w.t)
		case "zip":
			return zipEntry(w.t, rest, false)
		case "zip-encrypted":
			return zipEntry(w.t, "a.txt", true)
		case "entry":
			return w.firstEntry("recipient")
		case "incoming":
			return arrivalKey(rest)
		case "taken":
			return w.lastTaken
		case "sha256":
			return w.lastPackage
		case "document-sha256":
			return w.lastDocument
		case "certificate":
			return base64.StdEncoding.EncodeToString(w.key(rest).cert.Raw)
		case "issued": // a certificate that nobody has enrolled yet, by the authority of persons
			_, cert := w.issue(w.people, trialca.Leaf{Name: "Thử " + rest, OrgCode: codeSender, Use: trialca.Sign})
			return base64.StdEncoding.EncodeToString(cert.Raw)
		case "authority":
			return base64.StdEncoding.EncodeToString(map[string]*trialca.Authority{"trial": w.ca, "people": w.people, "other": w.other}[rest].Certificate.Raw)
		}
		w.t.Fatalf("unknown placeholder %s", m)
		return ""
	})
}
