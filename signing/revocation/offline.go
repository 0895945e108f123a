package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// maxOffline bounds the CRLs and OCSP responses of one Offline.
const maxOffline = 4096

// Offline are CRLs and OCSP responses at hand: embedded in a document, or in a folder. Add and Certify must not be called while it is
// used; apart from that it is safe for concurrent use.
type Offline struct {
	lists     map[string][]offlineList     // by issuer, DER of the name
	responses map[string][]offlineResponse // by serial number
	seen      map[[32]byte]bool
	helpers   []*x509.Certificate
	problems  []error
}

type offlineList struct {
	*list
	source string
}

type offlineResponse struct {
	*response
	source string
}

// NewOffline takes CRLs and OCSP responses in DER, in any order. What cannot be read is left out and told by Problems.
func NewOffline(raws ...[]byte) *Offline {
	o := &Offline{lists: make(map[string][]offlineList), responses: make(map[string][]offlineResponse), seen: make(map[[32]byte]bool)}
	for _, raw := range raws {
		if err := o.Add("embedded", raw); err != nil {
			o.problems = append(o.problems, err)
		}
	}
	return o
}

// Problems tells what was given but could not be read.
func (o *Offline) Problems() []error { return o.problems }

// Empty reports whether there is nothing at all.
func (o *Offline) Empty() bool { return len(o.lists) == 0 && len(o.responses) == 0 }

// Certify adds certificates that may help: those of OCSP responders and of keys that only sign CRLs. They are believed only
// through the issuer of the certificate in question.
func (o *Offline) Certify(certs ...*x509.Certificate) {
	for _, c := range certs {
		if c != nil && len(o.helpers) < maxOffline && (c.KeyUsage&x509.KeyUsageCRLSign != 0 || isResponder(c)) {
			o.helpers = append(o.helpers, c)
		}
	}
}

func isResponder(c *x509.Certificate) bool {
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageOCSPSigning {
			return true
		}
	}
	return false
}

// Add reads a CRL or an OCSP response in DER. The bytes must not change afterwards. Source tells people where they are from.
func (o *Offline) Add(source string, raw []byte) error {
	sum := sha256.Sum256(raw)
	if o.seen[sum] {
		return nil
	}
	if len(o.seen) >= maxOffline {
		return fmt.Errorf("couldn't read %s: more than %d CRLs and OCSP responses", source, maxOffline)
	}
	r, rerr := parseOCSP(raw)
	if rerr == nil {
		for _, serial := range r.serials() {
			o.responses[serial] = append(o.responses[serial], offlineResponse{r, source})
		}
		o.seen[sum] = true
		return nil
	}
	l, lerr := parseCRL(raw)
	if lerr != nil {
		var status ocspStatus
		if errors.As(rerr, &status) {
			return fmt.Errorf("%s: %w", source, rerr)
		}
		return fmt.Errorf("couldn't read %s: neither CRL (%w) nor OCSP response (%w)", source, lerr, rerr)
	}
	o.lists[string(l.issuer)] = append(o.lists[string(l.issuer)], offlineList{l, source})
	o.seen[sum] = true
	return nil
}

// serials are those that the response is about, each once.
func (r *response) serials() []string {
	var all []string
	seen := make(map[string]bool, len(r.single))
	for _, s := range r.single {
		if k := string(s.serial); !seen[k] {
			seen[k] = true
			all = append(all, k)
		}
	}
	return all
}

// Find implements Source.
func (o *Offline) Find(ctx context.Context, cert, issuer *x509.Certificate, _ time.Time) ([]Answer, error) {
	var all []Answer
	var errs []error
	take := func(a *Answer, err error, source string) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", source, err))
		}
		if a != nil {
			a.Source = source
			all = append(all, *a)
		}
	}
	for _, r := range o.responses[string(serialOf(cert.SerialNumber))] {
		a, err := r.find(cert, issuer, o.helpers)
		take(a, err, r.source)
	}
	for _, l := range o.lists[string(cert.RawIssuer)] {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		a, err := l.find(cert, issuer, o.helpers)
		take(a, err, l.source)
	}
	return all, errors.Join(errs...)
}

// Speaks reports whether there is a CRL in the name of this issuer, believed or not: whether revocation of its certificates is to be expected here.
func (o *Offline) Speaks(issuer *x509.Certificate) bool {
	return len(o.lists[string(issuer.RawSubject)]) > 0
}

var rehashedCRL = regexp.MustCompile(`^[0-9a-f]{8}\.r[0-9]+$`)

// LoadFolder reads the CRLs and OCSP responses of a folder: files named *.crl (or as c_rehash names them) and *.pem with CRLs in PEM or DER,
// *.ocsp, *.ors with OCSP responses in DER; and the certificates of *.pem, *.crt and *.cer, which may have signed them. Other files are ignored.
// A file that cannot be read is an error that names it.
func LoadFolder(dir string) (*Offline, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read folder of revocation lists: %w", err)
	}
	o := NewOffline()
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := o.loadFile(filepath.Join(dir, e.Name()), e.Name()); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *Offline) loadFile(path, name string) error {
	ext := strings.ToLower(filepath.Ext(name))
	lists := ext == ".crl" || rehashedCRL.MatchString(name)
	switch {
	case lists, ext == ".ocsp", ext == ".ors", ext == ".pem", ext == ".crt", ext == ".cer":
	default:
		return nil
	}
	b, err := readBounded(path, MaxCRL*3/2) // PEM is a third longer
	if err != nil {
		return fmt.Errorf("couldn't read revocation list: %w", err)
	}
	blocks := 0
	for rest := b; ; blocks++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "X509 CRL":
			if err := o.Add(name, block.Bytes); err != nil {
				return err
			}
		case "CERTIFICATE":
			if c, err := x509.ParseCertificate(block.Bytes); err == nil { // others report what is wrong with it
				o.Certify(c)
			}
		}
	}
	if blocks > 0 {
		return nil
	}
	if lists || ext == ".ocsp" || ext == ".ors" {
		return o.Add(name, b)
	}
	if c, err := x509.ParseCertificate(b); err == nil {
		o.Certify(c)
	}
	return nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, limit is %d", path, st.Size(), limit)
	}
	return os.ReadFile(path)
}
