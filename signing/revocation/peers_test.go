//go:build peers

package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// openssl runs it and gives what it prints; it must be there.
func openssl(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is missing")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) save(dir, name, kind string, ders ...[]byte) {
	w.tb.Helper()
	var b bytes.Buffer
	for _, der := range ders {
		w.must(pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}))
	}
	w.must(os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644))
}

// TestOpensslVerify has `openssl verify -crl_check_all -attime` and our Checker judge the same chains by the same CRLs at the same times.
func TestOpensslVerify(t *testing.T) {
	w := newWorld(t)
	sub := func(d time.Duration) time.Time { return day.Add(d) }
	leaf := func(at time.Duration, reason int) trialca.Revoked {
		return trialca.Revoked{Serial: w.leaf.SerialNumber, At: sub(at), Reason: reason}
	}
	mid := trialca.Revoked{Serial: w.mid.Certificate.SerialNumber, At: sub(-hour), Reason: revocation.CACompromise}
	stranger, err := trialca.New("CA cấp chứng thư", seeded("stranger"), func() time.Time { return day.AddDate(-1, 0, 0) })
	w.must(err)
	list := func(ca *trialca.Authority, this, next time.Duration, entries ...trialca.Revoked) []byte {
		return w.crl(ca, trialca.CRLOptions{ThisUpdate: sub(this), NextUpdate: sub(next), Entries: entries})
	}
	rootCRL := list(w.root, -hour, week)
	extended := func(e pkix.Extension) []byte {
		return w.crl(w.mid, trialca.CRLOptions{ThisUpdate: sub(-hour), NextUpdate: sub(week), Extra: []pkix.Extension{e}})
	}
	years := 20 * 365 * 24 * hour
	for _, c := range []struct {
		name string
		at   time.Duration
		crls [][]byte
		want revocation.Status
		// What openssl says where it differs: it does not look at later CRLs, and takes a delta for the whole list.
		differs string
	}{
		{"good", 0, [][]byte{rootCRL, list(w.mid, -hour, week)}, revocation.Good, ""},
		{"another revoked", 0, [][]byte{rootCRL, list(w.mid, -hour, week, mid)}, revocation.Good, ""},
		{"revoked", 0, [][]byte{rootCRL, list(w.mid, -hour, week, leaf(-2*hour, 1))}, revocation.Revoked, ""},
		{"held", 0, [][]byte{rootCRL, list(w.mid, -hour, week, leaf(-2*hour, 6))}, revocation.Suspended, ""},
		{"removed", 0, [][]byte{rootCRL, list(w.mid, -hour, week, leaf(-2*hour, 8))}, revocation.Good, ""},
		{"no CRL", 0, [][]byte{rootCRL}, revocation.Unknown, ""},
		{"no CRL for the authority", 0, [][]byte{list(w.mid, -hour, week)}, revocation.Unknown, ""},
		{"the authority revoked", 0, [][]byte{list(w.root, -hour, week, mid), list(w.mid, -hour, week)}, revocation.Revoked, ""},
		{"stale", 0, [][]byte{rootCRL, list(w.mid, -3*hour, -hour)}, revocation.Unknown, ""},
		{"by another of the same name", 0, [][]byte{rootCRL, list(stranger, -hour, week)}, revocation.Unknown, ""},
		{"two, the newer good", 0, [][]byte{rootCRL, list(w.mid, -2*hour, week), list(w.mid, -hour, week)}, revocation.Good, ""},
		{"delta alone", 0, [][]byte{rootCRL, extended(extension(t, []int{2, 5, 29, 27}, true, big.NewInt(1)))}, revocation.Unknown, "leaf.pem: OK"},
		{"critical extension", 0, [][]byte{rootCRL, extended(extension(t, []int{2, 25, 1947231, 1}, true, 1))}, revocation.Unknown, ""},
		{"for users", 0, [][]byte{rootCRL, extended(scopeOf(set(1)))}, revocation.Good, ""},
		{"for authorities", 0, [][]byte{rootCRL, extended(scopeOf(set(2)))}, revocation.Unknown, ""},
		{"another distribution point", 0, [][]byte{rootCRL, extended(scopeOf(point("http://crl.example/x")))}, revocation.Unknown, ""},
		{"a day later", 24 * hour, [][]byte{rootCRL, list(w.mid, -hour, week)}, revocation.Good, ""},
		{"two weeks later", 2 * week, [][]byte{rootCRL, list(w.mid, -hour, week)}, revocation.Unknown, ""},
		{"long lasting", 0, [][]byte{list(w.root, -hour, years), list(w.mid, -hour, years)}, revocation.Good, ""},
		{"a CRL from after the time", -2 * hour, [][]byte{list(w.root, -3*hour, week), list(w.mid, -hour, week)}, revocation.Good, "CRL is not yet valid"},
		{"revoked after the time", -2 * hour, [][]byte{list(w.root, -3*hour, week), list(w.mid, -hour, week, leaf(-90*time.Minute, 1))}, revocation.Good, "CRL is not yet valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			w.save(dir, "root.pem", "CERTIFICATE", w.root.Certificate.Raw)
			w.save(dir, "mid.pem", "CERTIFICATE", w.mid.Certificate.Raw)
			w.save(dir, "leaf.pem", "CERTIFICATE", w.leaf.Raw)
			w.save(dir, "crls.pem", "X509 CRL", c.crls...)
			at := sub(c.at)
			out, err := openssl(t, dir, "verify", "-CAfile", "root.pem", "-untrusted", "mid.pem", "-CRLfile", "crls.pem", "-crl_check_all", "-attime", fmt.Sprint(at.Unix()), "leaf.pem")
			theirs := err == nil
			k := revocation.Checker{Source: revocation.NewOffline(c.crls...)}
			st := k.Chain(context.Background(), w.chain(), at, revocation.Freshness{})
			if st.Status() != c.want {
				t.Errorf("ours says %s, want %s", st.Status(), c.want)
			}
			if c.differs != "" {
				if c.name == "delta alone" && !theirs && strings.Contains(out, "unable to get certificate CRL") {
					return // later versions of openssl don't take it for the whole list either
				}
				if theirs == (st.Status() == revocation.Good) || !strings.Contains(out, c.differs) {
					t.Errorf("openssl was to differ by %q: %s", c.differs, out)
				}
				return
			}
			if theirs != (st.Status() == revocation.Good) {
				t.Errorf("openssl says %v, ours %s: %s", theirs, st.Status(), out)
			}
			if said := strings.Contains(out, "certificate revoked"); said != (c.want == revocation.Revoked || c.want == revocation.Suspended) {
				t.Errorf("openssl: %s; want revoked only for %s", out, c.want)
			}
		})
	}
}

// TestOpensslTrust has both judge chains at times, without revocation.
func TestOpensslTrust(t *testing.T) {
	w := newWorld(t)
	w.root.Places = trialca.Places{}
	trust, err := signing.NewTrust([]*x509.Certificate{w.root.Certificate}, true)
	w.must(err)
	deep, err := w.mid.Intermediate("quá sâu", trialca.Options{})
	w.must(err)
	_, deepLeaf := w.issue(deep, trialca.Leaf{}, nil)
	named, err := w.root.Intermediate("chỉ gov.example", trialca.Options{Change: func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"gov.example"}, true
	}})
	w.must(err)
	_, inside := w.issue(named, trialca.Leaf{Hosts: []string{"a.gov.example"}}, nil)
	_, outside := w.issue(named, trialca.Leaf{Hosts: []string{"a.example"}}, nil)
	stranger, err := trialca.New("CA cấp chứng thư", seeded("stranger"), func() time.Time { return day.AddDate(-1, 0, 0) })
	w.must(err)
	_, alien := w.issue(stranger, trialca.Leaf{}, nil)
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		with []*x509.Certificate
		at   time.Time
	}{
		{"good", w.leaf, []*x509.Certificate{w.mid.Certificate}, day},
		{"without the middle", w.leaf, nil, day},
		{"before", w.leaf, []*x509.Certificate{w.mid.Certificate}, day.AddDate(-2, 0, 0)},
		{"after", w.leaf, []*x509.Certificate{w.mid.Certificate}, day.AddDate(2, 0, 0)},
		{"long after", w.leaf, []*x509.Certificate{w.mid.Certificate}, day.AddDate(20, 0, 0)},
		{"too deep", deepLeaf, []*x509.Certificate{deep.Certificate, w.mid.Certificate}, day},
		{"inside the names", inside, []*x509.Certificate{named.Certificate}, day},
		{"outside the names", outside, []*x509.Certificate{named.Certificate}, day},
		{"by another of the same name", alien, []*x509.Certificate{w.mid.Certificate, stranger.Certificate}, day},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			w.save(dir, "root.pem", "CERTIFICATE", w.root.Certificate.Raw)
			w.save(dir, "leaf.pem", "CERTIFICATE", c.cert.Raw)
			args := []string{"verify", "-CAfile", "root.pem", "-attime", fmt.Sprint(c.at.Unix())}
			if len(c.with) > 0 {
				var ders [][]byte
				for _, x := range c.with {
					ders = append(ders, x.Raw)
				}
				w.save(dir, "with.pem", "CERTIFICATE", ders...)
				args = append(args, "-untrusted", "with.pem")
			}
			out, err := openssl(t, dir, append(args, "leaf.pem")...)
			res := trust.Check(c.cert, c.with, c.at)
			if (err == nil) != (res.Refusal == signing.Accepted) {
				t.Errorf("openssl: %v %s; ours: %q %v", err, out, res.Refusal, res.Err)
			}
		})
	}
}

// TestOpensslReadsOurs: our CRLs and OCSP responses, read by openssl.
func TestOpensslReadsOurs(t *testing.T) {
	for _, k := range []trialca.KeyType{trialca.P256, trialca.P384, trialca.RSA2048} {
		w := newWorld(t)
		ca, err := w.root.Intermediate("CA khóa khác", trialca.Options{Key: k})
		w.must(err)
		_, cert := w.issue(ca, trialca.Leaf{Name: "Sở Y tế"}, nil)
		key, responder := w.issue(ca, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP, Key: k, Lifetime: 100 * 365 * 24 * hour}, nil)
		dir := t.TempDir()
		w.save(dir, "ca.pem", "CERTIFICATE", ca.Certificate.Raw)
		w.save(dir, "both.pem", "CERTIFICATE", w.root.Certificate.Raw, ca.Certificate.Raw)
		w.save(dir, "cert.pem", "CERTIFICATE", cert.Raw)
		w.save(dir, "crl.pem", "X509 CRL", w.crl(ca, trialca.CRLOptions{ThisUpdate: day, Number: big.NewInt(77), Entries: []trialca.Revoked{{Serial: cert.SerialNumber, At: day, Reason: 1, InvalidSince: day.Add(-hour)}}}))
		out, err := openssl(t, dir, "crl", "-in", "crl.pem", "-CAfile", "ca.pem", "-noout", "-text")
		if err != nil || !strings.Contains(out, "verify OK") || !strings.Contains(out, "Key Compromise") || !strings.Contains(out, "Invalidity Date") || !strings.Contains(out, "77") ||
			!strings.Contains(strings.ToLower(out), cert.SerialNumber.Text(16)) {
			t.Errorf("openssl crl: %v\n%s", err, out)
		}
		// Its client against our responder, by POST and with a nonce; by the clock of the machine, which openssl goes by.
		now := time.Now().UTC().Truncate(time.Second)
		for _, rec := range []revocation.Record{{Status: revocation.Good}, {Status: revocation.Revoked, At: now.Add(-hour), Reason: revocation.Superseded}, {}} {
			s := httptest.NewServer(http.StripPrefix("/ocsp", w.answering(ca, key, responder, now, hour, rec)))
			out, err := openssl(t, dir, "ocsp", "-sha256", "-issuer", "ca.pem", "-cert", "cert.pem", "-url", s.URL+"/ocsp", "-CAfile", "both.pem")
			s.Close()
			want := "cert.pem: " + rec.Status.String()
			if err != nil || !strings.Contains(out, "Response verify OK") || !strings.Contains(out, want) || strings.Contains(out, "WARNING") || rec.Status == revocation.Revoked && !strings.Contains(out, "superseded") {
				t.Errorf("openssl ocsp: %v\n%s, want %q", err, out, want)
			}
		}
	}
}

// TestOpensslResponder: our client against openssl's responder.
func TestOpensslResponder(t *testing.T) {
	w := newWorld(t)
	now := time.Now().UTC().Truncate(time.Second)
	life := 100 * 365 * 24 * hour
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	w.must(err)
	w.must(l.Close())
	w.mid.Places = trialca.Places{OCSP: "http://127.0.0.1:" + port}
	_, good := w.issue(w.mid, trialca.Leaf{Name: "tốt", Lifetime: life}, nil)
	_, revoked := w.issue(w.mid, trialca.Leaf{Name: "thu hồi", Lifetime: life}, nil)
	_, held := w.issue(w.mid, trialca.Leaf{Name: "tạm ngừng", Lifetime: life}, nil)
	_, absent := w.issue(w.mid, trialca.Leaf{Name: "không biết", Lifetime: life}, nil)
	key, responder := w.issue(w.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP, Lifetime: life}, nil)
	dir := t.TempDir()
	w.save(dir, "mid.pem", "CERTIFICATE", w.mid.Certificate.Raw)
	w.save(dir, "ocsp.pem", "CERTIFICATE", responder.Raw)
	w.must(signing.SaveKey(filepath.Join(dir, "ocsp.key"), key))
	at := now.Add(-hour)
	line := func(state, when string, c *x509.Certificate) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\tunknown\t/CN=x\n", state, "991231235959Z", when, strings.ToUpper(evenHex(c.SerialNumber)))
	}
	w.must(os.WriteFile(filepath.Join(dir, "index.txt"), []byte(line("V", "", good)+line("R", at.Format("060102150405Z")+",keyCompromise", revoked)+line("R", at.Format("060102150405Z")+",certificateHold", held)), 0o644))
	cmd := exec.Command("openssl", "ocsp", "-index", "index.txt", "-port", port, "-CA", "mid.pem", "-rsigner", "ocsp.pem", "-rkey", "ocsp.key", "-nmin", "5")
	cmd.Dir = dir
	output, err := cmd.StderrPipe()
	w.must(err)
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	ready := make([]byte, 256) // it says that it waits for connections
	if _, err := output.Read(ready); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]revocation.OnlineOptions{"GET": {}, "POST with nonce": {Nonce: seeded("nonce")}} {
		o.Now, o.AllowPrivate = time.Now, true
		s := revocation.NewOnline(o)
		for _, c := range []struct {
			cert   *x509.Certificate
			status revocation.Status
			reason int
		}{{good, revocation.Good, 0}, {revoked, revocation.Revoked, revocation.KeyCompromise}, {held, revocation.Suspended, revocation.CertificateHold}, {absent, revocation.Unknown, 0}} {
			got, err := s.Find(context.Background(), c.cert, w.mid.Certificate, now)
			if err != nil || len(got) != 1 || got[0].Status != c.status || got[0].Reason != c.reason || c.reason != 0 && !got[0].At.Equal(at) || !got[0].Signer.Equal(responder) || !got[0].NoCheck {
				t.Errorf("%s: %s: %+v, %v, want %s", name, c.cert.Subject, got, err, c.status)
			}
		}
	}
}

func evenHex(n *big.Int) string {
	s := n.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}
