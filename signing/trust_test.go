package signing_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// authority makes a root with so many levels below it.
func authority(tb testing.TB, name string, o trialca.Options) *trialca.Authority {
	tb.Helper()
	ca, err := trialca.NewWith(name, seeded(tb.Name()+name), func() time.Time { return day }, o)
	if err != nil {
		tb.Fatal(err)
	}
	return ca
}

func below(tb testing.TB, ca *trialca.Authority, name string, o trialca.Options) *trialca.Authority {
	tb.Helper()
	mid, err := ca.Intermediate(name, o)
	if err != nil {
		tb.Fatal(err)
	}
	return mid
}

func listOf(tb testing.TB, entries ...signing.Authority) *signing.Trust {
	tb.Helper()
	trust, err := signing.NewTrustList(entries, true)
	if err != nil {
		tb.Fatal(err)
	}
	return trust
}

func TestPurposes(t *testing.T) {
	root := authority(t, "gốc", trialca.Options{Below: 1})
	orgs, persons := below(t, root, "cơ quan", trialca.Options{}), below(t, root, "cá nhân", trialca.Options{})
	stamps := authority(t, "dấu thời gian", trialca.Options{})
	org, person := issue(t, orgs, trialca.Leaf{Name: "Sở Nội vụ"}), issue(t, persons, trialca.Leaf{Name: "Nguyễn Thị Hạnh"})
	tsa, plain := issue(t, stamps, trialca.Leaf{Name: "TSA", Use: trialca.TimeStamp}), issue(t, stamps, trialca.Leaf{Name: "không phải TSA"})
	ocsp := issue(t, orgs, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP})
	trust := listOf(t, signing.Authority{Certificate: root.Certificate},
		signing.Authority{Certificate: orgs.Certificate, Purposes: []signing.Purpose{signing.PurposeOrganisation}, Kind: signing.AuthorityTrial},
		signing.Authority{Certificate: persons.Certificate, Purposes: []signing.Purpose{signing.PurposePerson}},
		signing.Authority{Certificate: stamps.Certificate, Purposes: []signing.Purpose{signing.PurposeTimeStamp}})
	for _, c := range []struct {
		name    string
		cert    *x509.Certificate
		purpose signing.Purpose
		want    signing.Refusal
		near    *x509.Certificate // the listed authority nearest to it
	}{
		{"organisation", org.cert, signing.PurposeOrganisation, signing.Accepted, orgs.Certificate},
		{"organisation as anything", org.cert, signing.PurposeAny, signing.Accepted, orgs.Certificate},
		{"organisation as person", org.cert, signing.PurposePerson, signing.UntrustedCertificate, nil},
		{"person", person.cert, signing.PurposePerson, signing.Accepted, persons.Certificate},
		{"person as organisation", person.cert, signing.PurposeOrganisation, signing.UntrustedCertificate, nil},
		{"person as node", person.cert, signing.PurposeNode, signing.UntrustedCertificate, nil},
		{"time-stamp", tsa.cert, signing.PurposeTimeStamp, signing.Accepted, stamps.Certificate},
		{"time-stamp by an ordinary certificate", plain.cert, signing.PurposeTimeStamp, signing.WrongKeyUsage, nil},
		{"time-stamp by an organisation", org.cert, signing.PurposeTimeStamp, signing.WrongKeyUsage, nil},
		{"document by a time-stamp authority", tsa.cert, signing.PurposeOrganisation, signing.WrongKeyUsage, nil},
		{"document by an OCSP responder", ocsp.cert, signing.PurposeOrganisation, signing.WrongKeyUsage, nil},
		{"receipt by a time-stamp authority", tsa.cert, signing.PurposeNode, signing.WrongKeyUsage, nil},
		{"authority itself", orgs.Certificate, signing.PurposeOrganisation, signing.WrongKeyUsage, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time from memory
				res := trust.CheckFor(c.cert, nil, day, c.purpose)
				if res.Refusal != c.want || res.ChainOK != (c.want == signing.Accepted) || res.ValidityOK != res.ChainOK || len(res.Chain) == 0 {
					t.Fatalf("%+v, want %q", res, c.want)
				}
				if c.want != signing.Accepted {
					if res.Err == nil || c.want == signing.UntrustedCertificate && !errors.Is(res.Err, signing.ErrWrongPurpose) {
						t.Errorf("error %v, want ErrWrongPurpose", res.Err)
					}
					continue
				}
				if res.Authority == nil || !res.Authority.Certificate.Equal(c.near) || res.Anchor == nil || res.Anchor.Kind != signing.AuthorityTrial || !res.Anchor.Certificate.Equal(res.Chain[len(res.Chain)-1]) {
					t.Errorf("authority %+v, anchor %+v", res.Authority, res.Anchor)
				}
			}
		})
	}
}

// TestTrustedTimes: an authority is trusted for a time of its own, apart from the validity of its certificate.
func TestTrustedTimes(t *testing.T) {
	ca := authority(t, "CA", trialca.Options{NotBefore: day.AddDate(-3, 0, 0)})
	l := issue(t, ca, trialca.Leaf{NotBefore: day.AddDate(-2, 0, 0), Lifetime: 4 * 365 * 24 * time.Hour})
	from, until := day.AddDate(-1, 0, 0), day.AddDate(1, 0, 0)
	orgs, persons := []signing.Purpose{signing.PurposeOrganisation}, []signing.Purpose{signing.PurposePerson}
	trust := listOf(t, signing.Authority{Certificate: ca.Certificate, From: from, Until: until, Purposes: orgs}, signing.Authority{Certificate: ca.Certificate, From: until, Purposes: persons})
	if n := len(trust.Authorities()); n != 2 {
		t.Fatalf("%d entries, want 2", n)
	}
	for _, c := range []struct {
		at      time.Time
		purpose signing.Purpose
		want    signing.Refusal
		err     error
	}{
		{from.Add(-time.Second), signing.PurposeOrganisation, signing.UntrustedCertificate, signing.ErrNotTrustedThen},
		{from, signing.PurposeOrganisation, signing.Accepted, nil},
		{until.Add(-time.Second), signing.PurposeOrganisation, signing.Accepted, nil},
		{until, signing.PurposeOrganisation, signing.UntrustedCertificate, signing.ErrNotTrustedThen},
		{until.Add(-time.Second), signing.PurposePerson, signing.UntrustedCertificate, signing.ErrNotTrustedThen},
		{until, signing.PurposePerson, signing.Accepted, nil},
		{until, signing.PurposeAny, signing.Accepted, nil},
		{until, signing.PurposeNode, signing.UntrustedCertificate, signing.ErrWrongPurpose},
		{l.cert.NotAfter.Add(time.Second), signing.PurposePerson, signing.ExpiredCertificate, nil},
	} {
		res := trust.CheckFor(l.cert, nil, c.at, c.purpose)
		if res.Refusal != c.want || c.err != nil && !errors.Is(res.Err, c.err) {
			t.Errorf("at %s for %q: %q, %v, want %q, %v", c.at, c.purpose, res.Refusal, res.Err, c.want, c.err)
		}
	}
}

// TestListedWithoutIssuer: who lists an authority and not the one above it believes it; who lists both asks both.
func TestListedWithoutIssuer(t *testing.T) {
	root := authority(t, "gốc", trialca.Options{Below: 2})
	mid := below(t, root, "giữa", trialca.Options{Below: 1})
	ca := below(t, mid, "CA", trialca.Options{})
	other := authority(t, "gốc", trialca.Options{Below: 2, Key: trialca.P384}) // the name of root, another key
	l := issue(t, ca, trialca.Leaf{})
	orgs, persons := []signing.Purpose{signing.PurposeOrganisation}, []signing.Purpose{signing.PurposePerson}
	along := []*x509.Certificate{ca.Certificate, mid.Certificate, root.Certificate}
	for _, c := range []struct {
		name   string
		list   []signing.Authority
		others []*x509.Certificate
		want   signing.Refusal
		anchor *x509.Certificate
	}{
		{"issuing only", []signing.Authority{{Certificate: ca.Certificate}}, nil, signing.Accepted, ca.Certificate},
		{"issuing only, those above come along", []signing.Authority{{Certificate: ca.Certificate}}, along, signing.Accepted, ca.Certificate},
		{"middle only", []signing.Authority{{Certificate: mid.Certificate}}, along, signing.Accepted, mid.Certificate},
		{"middle only, issuing missing", []signing.Authority{{Certificate: mid.Certificate}}, nil, signing.UntrustedCertificate, nil},
		{"middle and issuing", []signing.Authority{{Certificate: ca.Certificate}, {Certificate: mid.Certificate}}, nil, signing.Accepted, mid.Certificate},
		{"root and issuing, middle missing", []signing.Authority{{Certificate: ca.Certificate}, {Certificate: root.Certificate}}, nil, signing.Accepted, ca.Certificate},
		{"middle and another of its issuer's name", []signing.Authority{{Certificate: mid.Certificate}, {Certificate: other.Certificate}}, along, signing.Accepted, mid.Certificate},
		{"another of the root's name", []signing.Authority{{Certificate: other.Certificate}}, along, signing.UntrustedCertificate, nil},
		{"for something else", []signing.Authority{{Certificate: ca.Certificate, Purposes: persons}}, along, signing.UntrustedCertificate, nil},
		{"not trusted then", []signing.Authority{{Certificate: ca.Certificate, Until: day}}, along, signing.UntrustedCertificate, nil},
		{"its issuer is for something else", []signing.Authority{{Certificate: ca.Certificate, Purposes: orgs}, {Certificate: mid.Certificate, Purposes: persons}}, along, signing.UntrustedCertificate, nil},
		{"its issuer is not trusted any more", []signing.Authority{{Certificate: ca.Certificate}, {Certificate: mid.Certificate, Until: day}}, along, signing.UntrustedCertificate, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := listOf(t, c.list...)
			for range 2 {
				res := trust.CheckFor(l.cert, c.others, day, signing.PurposeOrganisation)
				if res.Refusal != c.want || c.anchor != nil && (res.Anchor == nil || !res.Anchor.Certificate.Equal(c.anchor) || !res.Chain[len(res.Chain)-1].Equal(c.anchor)) {
					t.Fatalf("%q (%v), anchor %+v", res.Refusal, res.Err, res.Anchor)
				}
			}
		})
	}
}

func TestTrustListRefuses(t *testing.T) {
	ca := authority(t, "CA", trialca.Options{})
	l := issue(t, ca, trialca.Leaf{})
	for name, a := range map[string]signing.Authority{
		"nothing":         {},
		"no authority":    {Certificate: l.cert},
		"unknown kind":    {Certificate: ca.Certificate, Kind: "best"},
		"trial as state":  {Certificate: ca.Certificate, Kind: signing.AuthorityState},
		"unknown purpose": {Certificate: ca.Certificate, Purposes: []signing.Purpose{"all"}},
		"empty time":      {Certificate: ca.Certificate, From: day, Until: day},
	} {
		if _, err := signing.NewTrustList([]signing.Authority{a}, true); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestCrossSigned: an authority with two certificates for one key, under two roots that are trusted at different times.
func TestCrossSigned(t *testing.T) {
	a, b := authority(t, "A", trialca.Options{Below: 1}), authority(t, "B", trialca.Options{Below: 1})
	ca := below(t, a, "CA", trialca.Options{})
	crossed, err := b.Cross(ca, trialca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := issue(t, ca, trialca.Leaf{})
	orgs, persons := []signing.Purpose{signing.PurposeOrganisation}, []signing.Purpose{signing.PurposePerson}
	trust := listOf(t, signing.Authority{Certificate: a.Certificate, Until: day, Purposes: orgs}, signing.Authority{Certificate: b.Certificate, From: day, Purposes: orgs},
		signing.Authority{Certificate: b.Certificate, Purposes: persons})
	others := []*x509.Certificate{ca.Certificate, crossed.Certificate}
	for range 2 {
		for _, c := range []struct {
			at   time.Time
			p    signing.Purpose
			want *x509.Certificate
		}{{day.Add(-time.Minute), signing.PurposeOrganisation, a.Certificate}, {day, signing.PurposeOrganisation, b.Certificate}, {day.Add(-time.Minute), signing.PurposePerson, b.Certificate}} {
			res := trust.CheckFor(l.cert, others, c.at, c.p)
			if res.Refusal != signing.Accepted || !res.Anchor.Certificate.Equal(c.want) {
				t.Errorf("at %s for %q: %q (%v), want the chain to %s", c.at, c.p, res.Refusal, res.Err, c.want.Subject)
			}
		}
	}
	// A root that got a new certificate for its old key: what was signed in the old one's time and after it both lead somewhere.
	old := authority(t, "gốc", trialca.Options{NotBefore: day.AddDate(-9, 0, 0), Lifetime: 9 * 365 * 24 * time.Hour})
	renewed, err := old.Cross(old, trialca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l = issue(t, renewed, trialca.Leaf{NotBefore: day.AddDate(0, -6, 0)})
	trust = listOf(t, signing.Authority{Certificate: old.Certificate}, signing.Authority{Certificate: renewed.Certificate})
	for _, at := range []time.Time{day.AddDate(0, -5, 0), day, day.AddDate(0, -5, 0)} {
		if res := trust.Check(l.cert, nil, at); res.Refusal != signing.Accepted {
			t.Errorf("at %s: %q, %v", at, res.Refusal, res.Err)
		}
	}
}

func TestChainRules(t *testing.T) {
	root := authority(t, "gốc", trialca.Options{Below: 1})
	mid := below(t, root, "giữa", trialca.Options{})
	tooDeep, err := mid.Intermediate("quá sâu", trialca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	named := below(t, root, "chỉ gov.example", trialca.Options{Change: func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"gov.example"}, true
	}})
	gone := authority(t, "hết hạn", trialca.Options{NotBefore: day.AddDate(-2, 0, 0), Lifetime: 365 * 24 * time.Hour})
	ofGone := issue(t, gone, trialca.Leaf{NotBefore: day.AddDate(-2, 0, 1)})
	l := issue(t, mid, trialca.Leaf{})
	notCA := issue(t, mid, trialca.Leaf{Name: "không phải CA"})
	false1, err := trialca.New("giữa", seeded("false"), func() time.Time { return day })
	if err != nil {
		t.Fatal(err)
	}
	trust := trustIn(t, root, gone)
	for _, c := range []struct {
		name   string
		cert   *x509.Certificate
		others []*x509.Certificate
		want   signing.Refusal
	}{
		{"by the book", l.cert, []*x509.Certificate{mid.Certificate}, signing.Accepted},
		{"with rubbish along", l.cert, []*x509.Certificate{nil, l.cert, false1.Certificate, mid.Certificate, mid.Certificate, root.Certificate}, signing.Accepted},
		{"below the path length", issue(t, tooDeep, trialca.Leaf{}).cert, []*x509.Certificate{tooDeep.Certificate, mid.Certificate}, signing.UntrustedCertificate},
		{"within the name constraints", issue(t, named, trialca.Leaf{Hosts: []string{"a.gov.example"}}).cert, []*x509.Certificate{named.Certificate}, signing.Accepted},
		{"outside the name constraints", issue(t, named, trialca.Leaf{Hosts: []string{"a.com.example"}}).cert, []*x509.Certificate{named.Certificate}, signing.UntrustedCertificate},
		{"by an authority of the same name", issue(t, false1, trialca.Leaf{}).cert, []*x509.Certificate{mid.Certificate, false1.Certificate}, signing.UntrustedCertificate},
		{"by no authority", notCA.cert, nil, signing.UntrustedCertificate},
		{"anchor expired", ofGone.cert, nil, signing.ExpiredCertificate},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				if res := trust.Check(c.cert, c.others, day); res.Refusal != c.want {
					t.Errorf("%q (%v), want %q", res.Refusal, res.Err, c.want)
				}
			}
		})
	}
	// What was seen before makes no difference.
	if res := trust.Check(l.cert, nil, day); res.Refusal != signing.UntrustedCertificate {
		t.Errorf("%q without the authority in between, which had come along before", res.Refusal)
	}
	if res := trust.Check(ofGone.cert, nil, day); res.Err == nil || !strings.Contains(res.Err.Error(), "hết hạn") {
		t.Errorf("error %v, want one that names the expired anchor", res.Err)
	}
}

func TestTrustFile(t *testing.T) {
	state, persons := authority(t, "A", trialca.Options{}), authority(t, "B", trialca.Options{})
	org, person := issue(t, state, trialca.Leaf{}), issue(t, persons, trialca.Leaf{})
	crl, err := state.CRL(day)
	if err != nil {
		t.Fatal(err)
	}
	folder := func(t *testing.T, list string) string {
		dir := t.TempDir()
		for name, b := range map[string][]byte{"a.crt": signing.MarshalCertificates([]*x509.Certificate{state.Certificate}), "b.cer": persons.Certificate.Raw,
			"crl.pem": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl}), "a.crl": crl, signing.TrustFile: []byte(list)} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	const good = `# ai được tin
authorities:
  - file: a.crt
    kind: trial
    purposes: [organisation, node]
    from: 2026-01-01
    until: 2026-11-22
  - file: b.cer
    purposes:
      - person
    from: 2026-11-22T07:00:00Z
`
	trust, err := signing.LoadTrust(folder(t, good), true)
	if err != nil {
		t.Fatal(err)
	}
	lastDay := time.Date(2026, 11, 22, 23, 59, 59, 0, time.FixedZone("", 7*3600))
	for _, c := range []struct {
		cert *x509.Certificate
		at   time.Time
		p    signing.Purpose
		want signing.Refusal
	}{
		{org.cert, day, signing.PurposeOrganisation, signing.Accepted},
		{org.cert, lastDay, signing.PurposeNode, signing.Accepted},
		{org.cert, lastDay.Add(time.Second), signing.PurposeNode, signing.UntrustedCertificate},
		{org.cert, day, signing.PurposePerson, signing.UntrustedCertificate},
		{person.cert, day, signing.PurposePerson, signing.Accepted},
		{person.cert, day.Add(-61 * time.Minute), signing.PurposePerson, signing.UntrustedCertificate},
		{person.cert, day.Add(-60 * time.Minute), signing.PurposePerson, signing.Accepted},
	} {
		if res := trust.CheckFor(c.cert, nil, c.at, c.p); res.Refusal != c.want {
			t.Errorf("%s at %s for %q: %q (%v), want %q", c.cert.Issuer, c.at, c.p, res.Refusal, res.Err, c.want)
		}
	}
	if _, err := signing.LoadTrust(folder(t, good), false); !errors.Is(err, signing.ErrTrialAuthority) {
		t.Errorf("where trials are not allowed: %v", err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown purpose":     {"node]", "nodes]", `line 5: unknown purpose "nodes"`},
		"unknown kind":        {"kind: trial", "kind: best", "line 3"},
		"trial as state":      {"kind: trial", "kind: state", "line 3"},
		"unknown field":       {"kind: trial", "kinds: trial", "line 4"},
		"twice":               {"kind: trial", "kind: trial\n    kind: trial", "line 5"},
		"not a day":           {"2026-01-01", "2026-02-31", "line 6"},
		"in another order":    {"2026-01-01", "2027-01-01", "line 3"},
		"no file":             {"file: a.crt", "kind: trial", "line"},
		"not there":           {"a.crt", "c.crt", "line 3"},
		"in another folder":   {"a.crt", "../a.crt", "line 3"},
		"CRLs only":           {"a.crt", "crl.pem", "line 3"},
		"without a file name": {"  - file: a.crt\n    kind: trial", "  - kind: trial", "an authority without file"},
		"one file unnamed":    {good[strings.Index(good, "  - file: b.cer"):], "", "b.cer"},
		"not YAML":            {"purposes: [organisation, node]", "purposes: [organisation", "line"},
		"a list as text":      {"kind: trial", "kind: [trial]", "line 4"},
		"empty":               {good, "", "a.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, strings.Replace(good, c.old, c.new, 1))
			_, err := signing.LoadTrust(dir, true)
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, signing.TrustFile)) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names the file and %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %v", err)
			}
		})
	}
}

// TestTrustFolderWithCRLs: a folder as openssl's c_rehash leaves it, with lists between the certificates.
func TestTrustFolderWithCRLs(t *testing.T) {
	ca := authority(t, "A", trialca.Options{})
	crl, err := ca.CRL(day)
	if err != nil {
		t.Fatal(err)
	}
	list, cert := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl}), signing.MarshalCertificates([]*x509.Certificate{ca.Certificate})
	dir := t.TempDir()
	for name, b := range map[string][]byte{"ca.pem": append(list, cert...), "0a1b2c3d.0": cert, "0a1b2c3d.r0": list, "crl.pem": list, "a.crl": crl} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	trust, err := signing.LoadTrust(dir, true)
	if err != nil || len(trust.Authorities()) != 1 {
		t.Fatalf("%v, %d authorities, want 1", err, len(trust.Authorities()))
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.pem"), append(list, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.LoadTrust(dir, true); err == nil || !strings.Contains(err.Error(), "bad.pem") {
		t.Errorf("error %v, want one that names bad.pem", err)
	}
}

// FuzzTrust gives trust building odd certificates and odd company: it never panics, and never trusts without a path to the anchor.
func FuzzTrust(f *testing.F) {
	root := authority(f, "gốc", trialca.Options{Below: 1})
	mid := below(f, root, "giữa", trialca.Options{})
	stranger, err := trialca.NewWith("gốc", seeded("stranger"), func() time.Time { return day }, trialca.Options{Below: 1})
	if err != nil {
		f.Fatal(err)
	}
	l, alien := issue(f, mid, trialca.Leaf{}), issue(f, stranger, trialca.Leaf{})
	tsa := issue(f, mid, trialca.Leaf{Use: trialca.TimeStamp})
	f.Add(l.cert.Raw, mid.Certificate.Raw, int64(0), byte(0))
	f.Add(alien.cert.Raw, stranger.Certificate.Raw, int64(0), byte(1))
	f.Add(tsa.cert.Raw, mid.Certificate.Raw, int64(86400*4000), byte(3))
	f.Add(root.Certificate.Raw, root.Certificate.Raw, int64(-86400*400), byte(2))
	genuine := map[string]bool{string(l.cert.RawTBSCertificate): true, string(tsa.cert.RawTBSCertificate): true, string(mid.Certificate.RawTBSCertificate): true, string(root.Certificate.RawTBSCertificate): true}
	f.Fuzz(func(t *testing.T, der, other []byte, seconds int64, p byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		var others []*x509.Certificate
		if o, err := x509.ParseCertificate(other); err == nil {
			others = append(others, o, mid.Certificate)
		}
		trust := listOf(t, signing.Authority{Certificate: root.Certificate, Until: day.AddDate(1, 0, 0)})
		purposes := append(signing.Purposes(), signing.PurposeAny)
		at := day.Add(time.Duration(seconds%(1<<31)) * time.Second)
		first := trust.CheckFor(c, others, at, purposes[int(p)%len(purposes)])
		if second := trust.CheckFor(c, others, at, purposes[int(p)%len(purposes)]); second.Refusal != first.Refusal {
			t.Fatalf("%q first, %q the second time", first.Refusal, second.Refusal)
		}
		if first.Refusal == signing.Accepted {
			if !genuine[string(c.RawTBSCertificate)] {
				t.Fatalf("%s was trusted", c.Subject)
			}
			if !first.ChainOK || !first.ValidityOK || !first.Chain[len(first.Chain)-1].Equal(root.Certificate) || at.Before(c.NotBefore) || at.After(c.NotAfter) || !at.Before(day.AddDate(1, 0, 0)) {
				t.Fatalf("trusted by %+v at %s", first, at)
			}
		} else if first.ChainOK && first.ValidityOK || first.Err == nil {
			t.Fatalf("refused as %q with %+v", first.Refusal, first)
		}
	})
}

func BenchmarkCheckFor(b *testing.B) {
	root := authority(b, "gốc", trialca.Options{Below: 1})
	mid := below(b, root, "giữa", trialca.Options{})
	l := issue(b, mid, trialca.Leaf{})
	trust := listOf(b, signing.Authority{Certificate: root.Certificate, Purposes: signing.Purposes()}, signing.Authority{Certificate: mid.Certificate, Purposes: signing.Purposes(), From: day})
	b.ReportAllocs()
	for b.Loop() {
		if res := trust.CheckFor(l.cert, nil, day, signing.PurposeOrganisation); res.Refusal != signing.Accepted {
			b.Fatal(res.Err)
		}
	}
}

// BenchmarkVerifyChain verifies a small document that carries its whole chain, as many do.
func BenchmarkVerifyChain(b *testing.B) {
	root := authority(b, "gốc", trialca.Options{Below: 1})
	mid := below(b, root, "giữa", trialca.Options{})
	l := issue(b, mid, trialca.Leaf{})
	loads, err := signing.Workloads(l.key, []*x509.Certificate{l.cert, mid.Certificate, root.Certificate}, trustIn(b, root), day)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := loads[0].Verify(); err != nil {
			b.Fatal(err)
		}
	}
}
