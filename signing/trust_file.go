package signing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// TrustFile is the name of the file in a trust folder that says which authority is trusted for what, and when:
//
//	authorities:
//	  - file: ca-cong-vu.crt        # every certificate of this file
//	    kind: state                 # state, public, trial or other
//	    purposes: [organisation]    # organisation, person, time-stamp, node; left out: all
//	    from: 2020-01-01            # trusted from this day or moment (RFC 3339); left out: always
//	    until: 2030-12-31           # trusted to the end of this day (+07:00), or before this moment; left out: always
//
// Where it exists it names every certificate file of the folder, some perhaps several times; one that it does not name is an
// error, so that nothing is trusted by accident. Without it every file is trusted for everything.
const TrustFile = "trust.yaml"

// maxTrustFile bounds TrustFile, in bytes.
const maxTrustFile = 1 << 20

// trustZone is the zone of days without one.
var trustZone = time.FixedZone("+07:00", 7*3600)

// LoadTrust reads the authorities of a folder: every file named *.pem, *.crt, *.cer or *.der, or as c_rehash names them, PEM (any
// number of certificates) or DER (one), and TrustFile if there is one. A PEM file of nothing but CRLs is none of them. Other files are ignored.
func LoadTrust(dir string, trial bool) (*Trust, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read trust directory: %w", err)
	}
	var files []string
	for _, e := range entries {
		if isTrustFile(e) {
			files = append(files, e.Name())
		}
	}
	b, err := readBounded(filepath.Join(dir, TrustFile), maxTrustFile)
	if errors.Is(err, fs.ErrNotExist) {
		return loadAll(dir, files, trial)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read trust list: %w", err)
	}
	return loadListed(dir, files, b, trial)
}

var rehashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

func isTrustFile(e fs.DirEntry) bool {
	if e.IsDir() {
		return false
	}
	switch strings.ToLower(filepath.Ext(e.Name())) {
	case ".pem", ".crt", ".cer", ".der":
		return true
	}
	return rehashed.MatchString(e.Name())
}

func loadAll(dir string, files []string, trial bool) (*Trust, error) {
	var all []Authority
	seen := make(map[string]bool)
	for _, name := range files {
		list, err := loadAuthorities(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if !seen[string(a.Certificate.Raw)] { // c_rehash makes a second name for each
				seen[string(a.Certificate.Raw)] = true
				all = append(all, a)
			}
		}
	}
	return NewTrustList(all, trial)
}

// loadAuthorities gives the certificates of a file, none if it holds CRLs only.
func loadAuthorities(path string) ([]Authority, error) {
	certs, err := LoadCertificates(path)
	if err != nil {
		if b, rerr := readBounded(path, maxPEM); rerr == nil && bytes.Contains(b, []byte("-----BEGIN X509 CRL-----")) && !bytes.Contains(b, []byte("-----BEGIN CERTIFICATE-----")) {
			return nil, nil
		}
		return nil, err
	}
	list := make([]Authority, len(certs))
	for i, c := range certs {
		list[i].Certificate = c
	}
	return list, nil
}

// trustYAML is TrustFile.
type trustYAML struct {
	Authorities []authorityYAML `yaml:"authorities"`
}

type authorityYAML struct {
	File     yamlText      `yaml:"file"`
	Kind     yamlText      `yaml:"kind"`
	Purposes []yamlPurpose `yaml:"purposes"`
	From     yamlMoment    `yaml:"from"`
	Until    yamlMoment    `yaml:"until"`
}

// lineError is an error at a line of TrustFile.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// yamlText is a text that knows where it stands.
type yamlText struct {
	text string
	line int
}

func (y *yamlText) UnmarshalYAML(n ast.Node) error {
	y.line = lineOf(n)
	switch n := n.(type) {
	case *ast.StringNode:
		y.text = n.Value
	case ast.ScalarNode: // a name such as 1234 is a text too
		y.text = n.GetToken().Value
	default:
		return &lineError{y.line, errors.New("not a text")}
	}
	if y.text == "" {
		return &lineError{y.line, errors.New("empty")}
	}
	return nil
}

type yamlPurpose struct{ purpose Purpose }

func (y *yamlPurpose) UnmarshalYAML(n ast.Node) error {
	var t yamlText
	if err := t.UnmarshalYAML(n); err != nil {
		return err
	}
	for _, p := range Purposes() {
		if t.text == string(p) {
			y.purpose = p
			return nil
		}
	}
	return &lineError{t.line, fmt.Errorf("unknown purpose %q, want one of %q", t.text, Purposes())}
}

// yamlMoment is a day, or a moment with its zone.
type yamlMoment struct {
	time time.Time
	day  bool
}

func (y *yamlMoment) UnmarshalYAML(n ast.Node) error {
	var t yamlText
	if err := t.UnmarshalYAML(n); err != nil {
		return err
	}
	var err error
	if y.time, err = time.ParseInLocation(time.DateOnly, t.text, trustZone); err == nil {
		y.day = true
		return nil
	}
	if y.time, err = time.Parse(time.RFC3339, t.text); err != nil {
		return &lineError{t.line, fmt.Errorf("%q is neither a day (2026-11-22) nor a moment (2026-11-22T08:00:00+07:00)", t.text)}
	}
	return nil
}

func loadListed(dir string, files []string, b []byte, trial bool) (*Trust, error) {
	path := filepath.Join(dir, TrustFile)
	var y trustYAML
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.DisallowUnknownField()).Decode(&y); err != nil && !errors.Is(err, io.EOF) { // EOF: no entry at all
		return nil, trustError(path, err)
	}
	unnamed := make(map[string]bool, len(files))
	for _, f := range files {
		unnamed[f] = true
	}
	var all []Authority
	for _, a := range y.Authorities {
		if a.File.text == "" {
			return nil, fmt.Errorf("couldn't read trust list %s: an authority without file", path)
		}
		list, err := a.load(dir, trial)
		if err != nil {
			return nil, fmt.Errorf("couldn't read trust list %s: line %d: %w", path, a.File.line, err)
		}
		delete(unnamed, a.File.text)
		all = append(all, list...)
	}
	for _, f := range files {
		if unnamed[f] {
			if list, err := loadAuthorities(filepath.Join(dir, f)); err == nil && len(list) == 0 {
				continue // CRLs
			}
			return nil, fmt.Errorf("couldn't read trust list %s: it does not say what %s is trusted for", path, f)
		}
	}
	return NewTrustList(all, trial)
}

func (y authorityYAML) load(dir string, trial bool) ([]Authority, error) {
	if y.File.text != filepath.Base(y.File.text) || y.File.text == ".." || y.File.text == "." {
		return nil, fmt.Errorf("%q is not the name of a file in the same folder", y.File.text)
	}
	list, err := loadAuthorities(filepath.Join(dir, y.File.text))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%q has no certificate", y.File.text)
	}
	for i := range list {
		a := &list[i]
		a.Kind, a.From, a.Until = AuthorityKind(y.Kind.text), y.From.time, y.Until.time
		if y.Until.day {
			a.Until = a.Until.AddDate(0, 0, 1)
		}
		for _, p := range y.Purposes {
			a.Purposes = append(a.Purposes, p.purpose)
		}
		if err := a.check(trial); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// trustError gives an error of the YAML reader one form: file, line, reason.
func trustError(path string, err error) error {
	var ours *lineError
	if errors.As(err, &ours) {
		return fmt.Errorf("couldn't read trust list %s: %w", path, ours)
	}
	var theirs yaml.Error
	if errors.As(err, &theirs) && theirs.GetToken() != nil && theirs.GetToken().Position != nil {
		return fmt.Errorf("couldn't read trust list %s: line %d: %s", path, theirs.GetToken().Position.Line, theirs.GetMessage())
	}
	return fmt.Errorf("couldn't read trust list %s: %w", path, err)
}
