package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

// CheckOptions are what the one who checks believes. Trust and At are required.
type CheckOptions struct {
	Trust *signing.Trust
	// Key is the log's, or the node's certificate. nil: the node's certificate must lead to Trust and name the log's host.
	Key *ledger.Key
	At  time.Time
	// Policy; nil: the default of package verdict.
	Policy *verdict.Policy
	// Revocation finds CRLs and OCSP answers beside those in the container; nil: there are no others.
	Revocation revocation.Source
	// NodeTime believes the node's clock: the time in a proved statement counts as proof that the package existed by then. Else
	// only time-stamps do.
	NodeTime bool
	// Witnesses are whom the reader believes to see one history of the log; nil: cosignatures are not looked at. Its quorum must not be none.
	Witnesses *witness.Policy
	Limits    asice.Limits
}

// Finding is one check with its result.
type Finding struct {
	Part   string         `json:"part"` // entry of the container; "" for the container itself
	ID     string         `json:"id"`
	Result verdict.Result `json:"result"`
	Vi     string         `json:"vi"`
	En     string         `json:"en"`
	Detail string         `json:"detail,omitempty"`
}

// Proof says for one statement what proves it.
type Proof struct {
	Position uint64         `json:"position"`
	Name     string         `json:"event"`
	NodeTime time.Time      `json:"node_time"` // as the node says
	Package  *events.Digest `json:"package,omitempty"`
	// Proved is the earliest time at which it is proved to have stood in the log, by a time-stamp that is believed; null: none.
	Proved *ProvedTime `json:"proved"`
	// Standing is sealed or witnessed; "" if it is not proved that the log holds it.
	Standing  string     `json:"standing"`
	Witnesses *Witnesses `json:"witnesses,omitempty"` // with a policy
}

// Report is what was found. Its JSON form is the answer of `tram evidence check --json`.
type Report struct {
	// Indication: TOTAL-PASSED if everything that can be proved was; TOTAL-FAILED if something was changed, removed or put in, or
	// does not fit; INDETERMINATE if something is not known, for want of trust or of an answer.
	Indication verdict.Indication `json:"indication"`
	Origin     string             `json:"origin,omitempty"`
	Document   string             `json:"document,omitempty"`
	At         time.Time          `json:"at"`
	Made       *time.Time         `json:"made,omitempty"`
	Proofs     []Proof            `json:"proofs"`
	// Standing of the document: that of its statement with the fewest witnesses; "" if one is not proved.
	Standing  string     `json:"standing"`
	Witnesses *Witnesses `json:"witnesses,omitempty"` // of that statement, with a policy
	// Packages are the verdicts on the signatures of the packages, by digest.
	Packages map[string]*verdict.Verdict `json:"packages"`
	// Container is the verdict on the node's signature over the container; null if it could not be judged.
	Container *verdict.Verdict `json:"container"`
	Rests     []string         `json:"rests_on"` // keys and authorities that the proofs lead to
	Findings  []Finding        `json:"findings"`
}

// OK reports whether everything was proved.
func (r *Report) OK() bool { return r.Indication == verdict.TotalPassed }

// checker gathers a report.
type checker struct {
	ctx context.Context
	o   CheckOptions
	r   *Report
	c   *asice.Container
	m   Manifest

	listed  map[string]bool          // in the manifest
	sums    map[string]events.Digest // of the data objects that could be read
	offline *revocation.Offline
	source  revocation.Source
	stamps  map[uint64]*stamp
}

// Check judges a container with nothing but itself and what its caller believes. Whatever is wrong with the container is in
// the Report; an error means that it could not be read at all, or ctx ended. Memory does not grow with the packages.
func Check(ctx context.Context, src signing.Source, o CheckOptions) (*Report, error) {
	switch {
	case o.Trust == nil:
		return nil, errors.New("couldn't check evidence: no trust list")
	case o.At.IsZero():
		return nil, errors.New("couldn't check evidence: no time to judge it at")
	}
	if o.Policy == nil {
		o.Policy = verdict.DefaultPolicy()
	}
	k := &checker{ctx: ctx, o: o, sums: map[string]events.Digest{}, stamps: map[uint64]*stamp{}, offline: revocation.NewOffline(),
		r: &Report{At: o.At.UTC(), Proofs: []Proof{}, Packages: map[string]*verdict.Verdict{}, Rests: []string{}, Findings: []Finding{}}}
	if err := k.run(src); err != nil {
		return nil, err
	}
	k.r.overall()
	k.conclude()
	return k.r, nil
}

func (k *checker) run(src signing.Source) (err error) {
	if k.c, err = asice.Open(src, src.Size(), k.o.Limits); err != nil {
		var refused *asice.Error
		if !errors.As(err, &refused) {
			return err
		}
		k.fail(refused.Entry, idForm, string(refused.Refusal)+": "+refused.Detail)
		return nil
	}
	k.pass("", idForm, "")
	if err := k.digest(); err != nil {
		return err
	}
	if !k.manifest() {
		return nil
	}
	k.files()
	k.followKeys()
	k.gatherRevocation()
	if err := k.signature(); err != nil {
		return err
	}
	k.statementsOfStamps()
	if err := k.judgeStamps(); err != nil {
		return err
	}
	return k.statements()
}

// conclude sums up.
func (k *checker) conclude() {
	k.r.Indication = verdict.TotalPassed
	for _, f := range k.r.Findings {
		switch {
		case f.Result == verdict.Failed:
			k.r.Indication = verdict.TotalFailed
			return
		case f.Result == verdict.Unknown:
			k.r.Indication = verdict.Indeterminate
		}
	}
}

func (k *checker) rests(text string) {
	if !slices.Contains(k.r.Rests, text) {
		k.r.Rests = append(k.r.Rests, text)
	}
}

// digest reads every entry once: size, checksum, SHA-256.
func (k *checker) digest() error {
	for _, e := range k.c.Entries() {
		h := sha256.New()
		err := k.c.Copy(e.Name, func(p []byte) error {
			h.Write(p)
			return k.ctx.Err()
		})
		var refused *asice.Error
		switch {
		case errors.As(err, &refused):
			k.fail(e.Name, idReadable, refused.Detail)
		case err != nil:
			return fmt.Errorf("couldn't read %s: %w", e.Name, err)
		default:
			k.sums[e.Name] = events.Digest(h.Sum(nil))
		}
	}
	return nil
}

// read gives a small entry that was found readable.
func (k *checker) read(name string, limit int64) ([]byte, bool) {
	if _, ok := k.sums[name]; !ok {
		return nil, false
	}
	b, err := k.c.Read(name, limit)
	if err != nil {
		k.fail(name, idReadable, err.Error())
		return nil, false
	}
	return b, true
}

// named reads an entry that the manifest names beside its list of files.
func (k *checker) named(name string, limit int64) ([]byte, bool) {
	if _, there := k.c.Entry(name); !there && !k.listed[name] { // else it was told by files
		k.fail(name, idMissing, ManifestName+" names it")
	}
	return k.read(name, limit)
}

// manifest reads evidence.json, without which nothing else can be compared.
func (k *checker) manifest() bool {
	b, ok := k.read(ManifestName, maxManifest)
	if !ok {
		if _, there := k.c.Entry(ManifestName); !there {
			k.fail(ManifestName, idMissing, "")
		}
		return false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&k.m); err != nil {
		k.fail(ManifestName, idManifest, err.Error())
		return false
	}
	if k.m.Format != Format {
		k.fail(ManifestName, idManifest, fmt.Sprintf("format %q, expected %q", k.m.Format, Format))
		return false
	}
	k.r.Origin, k.r.Document, k.r.Made = k.m.Origin, k.m.Document, &k.m.Made
	return true
}

// files compares what is there with what the manifest lists, in its order.
func (k *checker) files() {
	listed := map[string]bool{ManifestName: true}
	k.listed = listed
	var order []string
	for _, f := range k.m.Files {
		if listed[f.Name] {
			k.fail(f.Name, idManifest, "listed twice")
			continue
		}
		listed[f.Name] = true
		if _, there := k.c.Entry(f.Name); !there {
			k.fail(f.Name, idMissing, "")
			continue
		}
		order = append(order, f.Name)
		if got, ok := k.sums[f.Name]; ok && got != f.SHA256 {
			k.fail(f.Name, idDigest, fmt.Sprintf("SHA-256 is %s, evidence.json says %s", got, f.SHA256))
		}
	}
	order = append(order, ManifestName)
	var there []string
	for _, name := range k.c.Objects() {
		if !listed[name] {
			k.fail(name, idAdded, "evidence.json does not list it")
			continue
		}
		there = append(there, name)
	}
	if !slices.Equal(there, order) {
		for i := range min(len(there), len(order)) {
			if there[i] != order[i] {
				k.fail(there[i], idOrder, fmt.Sprintf("expected %s here", order[i]))
				break
			}
		}
	}
	if err := k.c.CheckList(); err != nil {
		k.fail(asice.ManifestName, idDigest, err.Error())
	}
	for _, name := range k.c.Meta() {
		if name != asice.SignaturesName && name != asice.ManifestName {
			k.fail(name, idAdded, "nothing of that name belongs into META-INF")
		}
	}
}

// gatherRevocation takes the answers of authorities that came along. They are believed only by their own signatures.
func (k *checker) gatherRevocation() {
	for _, f := range k.m.Files {
		sum, ok := named(f.Name, revocationDir, ".der")
		if !ok {
			continue
		}
		b, ok := k.read(f.Name, maxCRL)
		if !ok {
			continue
		}
		if got := k.sums[f.Name]; got.String() != sum {
			k.fail(f.Name, idDigest, fmt.Sprintf("SHA-256 is %s, its name says %s", got, sum))
			continue
		}
		if err := k.offline.Add(f.Name, b); err != nil {
			k.fail(f.Name, idRevocation, err.Error())
		}
	}
	k.source = k.offline
	if k.o.Revocation != nil {
		k.source = verdict.JoinSources(k.offline, k.o.Revocation)
	}
}

// signature judges the node's signature over the container.
func (k *checker) signature() error {
	names := k.c.Signatures()
	if len(names) != 1 || names[0] != asice.SignaturesName {
		k.fail(asice.SignaturesName, idMissing, fmt.Sprintf("%d files with signatures, expected this one", len(names)))
		return nil
	}
	src, _ := k.c.Source(asice.SignaturesName)
	v, err := verdict.Judge(k.ctx, src, verdict.Options{Trust: k.o.Trust, At: k.o.At, Policy: k.partial(), Revocation: k.source,
		Detached: k.c.Detached, MaxReferences: 2*len(k.m.Files) + 16})
	if err != nil {
		return fmt.Errorf("couldn't judge the container's signature: %w", err)
	}
	k.r.Container = v
	k.tellVerdict(asice.SignaturesName, idContainer, v)
	if v.Report() == nil {
		return nil
	}
	for _, name := range k.c.Unsigned(v.Report()) {
		if _, readable := k.sums[name]; readable {
			k.fail(name, idUnsigned, "")
		}
	}
	sigs := v.Report().Signatures
	if len(sigs) != 1 {
		k.fail(asice.SignaturesName, idContainer, fmt.Sprintf("%d signatures, expected the node's one", len(sigs)))
		return nil
	}
	k.signer(&sigs[0])
	return nil
}

// signer sees that the container was signed by the log's node: any other holder of a certificate could else leave
// statements out.
func (k *checker) signer(sig *signing.SignatureResult) {
	c := sig.Certificate
	if c == nil {
		return // told by the verdict
	}
	host, _, _ := strings.Cut(k.m.Origin, "/")
	if err := c.VerifyHostname(host); err != nil {
		k.fail(asice.SignaturesName, idNodeSigner, fmt.Sprintf("the certificate %q does not name %s, the host of the log", c.Subject, host))
		return
	}
	if res := k.o.Trust.CheckFor(c, sig.Certificates, k.o.At, signing.PurposeNode); !res.ChainOK {
		k.unknown(asice.SignaturesName, idNodeSigner, fmt.Sprint(res.Err))
	}
}

// partial is the policy for the file of signatures, which holds nothing that could be covered.
func (k *checker) partial() *verdict.Policy {
	p := *k.o.Policy
	p.Coverage = verdict.CoverReferences
	return &p
}

// tellVerdict notes what a verdict means for the whole.
func (k *checker) tellVerdict(part, id string, v *verdict.Verdict) {
	detail := string(v.Indication)
	if v.SubIndication != "" {
		detail += " " + string(v.SubIndication)
	}
	if all := decisive(v); len(all) > 0 {
		detail += ": " + all[0].En
		if all[0].Detail != "" {
			detail += " (" + all[0].Detail + ")"
		}
	}
	switch v.Indication {
	case verdict.TotalPassed:
		for _, s := range v.Signatures {
			detail += ", " + s.Signer
			if n := len(s.Chain); n > 0 {
				k.rests("authority " + s.Chain[n-1].Subject + " (SHA-256 " + s.Chain[n-1].Fingerprint + ")")
			}
		}
		k.pass(part, id, detail)
	case verdict.TotalFailed:
		k.fail(part, id, detail)
	default:
		k.unknown(part, id, detail)
	}
}

// decisive are the checks that were not passed, of signatures first.
func decisive(v *verdict.Verdict) []verdict.Check {
	var out []verdict.Check
	for _, s := range v.Signatures {
		out = append(out, s.Checks...)
	}
	return slices.DeleteFunc(append(out, v.Checks...), func(c verdict.Check) bool {
		return c.Result != verdict.Failed && c.Result != verdict.Unknown
	})
}

// stream is the stream that the document's statements must name.
func (k *checker) stream() string { return document.StreamPrefix + k.m.Document }

// named takes the part of an entry's name between a folder and an extension.
func named(name, dir, ext string) (string, bool) {
	if len(name) <= len(dir)+len(ext) || name[:len(dir)] != dir || name[len(name)-len(ext):] != ext {
		return "", false
	}
	return name[len(dir) : len(name)-len(ext)], true
}
