package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// trialStamp names key and certificate of the trial time-stamping authority below keys.
const trialStamp = "trial-tsa"

// trialRecords is what a node's trial authority has revoked: trial-revoked.json in the node's folder.
type trialRecords struct {
	file string
}

// trialRecord is one line of it. Released holds are taken out.
type trialRecord struct {
	Serial  string    `json:"serial"` // hex
	Subject string    `json:"subject"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
}

// reasons by name, without those that no trial needs.
func reasonOf(name string) (int, error) {
	var names []string
	for r := revocation.Unspecified; r <= revocation.AACompromise; r++ {
		n := revocation.ReasonName(r)
		if n == name {
			return r, nil
		}
		if !strings.HasPrefix(n, "reason ") {
			names = append(names, n)
		}
	}
	return 0, fmt.Errorf("unknown reason %q, want one of %s", name, strings.Join(names, ", "))
}

func (t trialRecords) load() ([]trialRecord, error) {
	b, err := os.ReadFile(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []trialRecord
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read what was revoked: %w", err)
	}
	return all, nil
}

// revoke writes a revocation down, or takes a hold back with removeFromCRL. What is revoked for good stays so.
func (t trialRecords) revoke(c *x509.Certificate, at time.Time, reason int) error {
	all, err := t.load()
	if err != nil {
		return err
	}
	serial, kept := c.SerialNumber.Text(16), make([]trialRecord, 0, len(all)+1)
	held := false
	for _, r := range all {
		switch {
		case r.Serial != serial:
			kept = append(kept, r)
		case r.Reason != revocation.ReasonName(revocation.CertificateHold):
			return fmt.Errorf("couldn't change %s: it was revoked on %s (%s)", c.Subject, r.At.Format(time.RFC3339), r.Reason)
		default:
			held, at = true, r.At // it counts as revoked from the hold on
		}
	}
	if reason == revocation.RemoveFromCRL {
		if !held {
			return fmt.Errorf("couldn't release %s: it is not suspended", c.Subject)
		}
	} else {
		kept = append(kept, trialRecord{serial, c.Subject.String(), at.UTC().Truncate(time.Second), revocation.ReasonName(reason)})
	}
	b, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't write what was revoked: %w", err)
	}
	return writeBytes(t.file, append(b, '\n'))
}

// entries are the records as a CRL lists them.
func (t trialRecords) entries() ([]trialca.Revoked, error) {
	all, err := t.load()
	if err != nil {
		return nil, err
	}
	list := make([]trialca.Revoked, 0, len(all))
	for _, r := range all {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		reason, err := reasonOf(r.Reason)
		if !ok || err != nil {
			return nil, fmt.Errorf("couldn't read what was revoked: %s: serial number %q, reason %q", t.file, r.Serial, r.Reason)
		}
		list = append(list, trialca.Revoked{Serial: serial, At: r.At, Reason: reason})
	}
	return list, nil
}

// lookup is what the OCSP responder knows. A trial authority keeps no list of what it has issued: what is not revoked is good.
func (t trialRecords) lookup(serial *big.Int) (revocation.Record, error) {
	list, err := t.entries()
	if err != nil {
		return revocation.Record{}, err
	}
	for _, r := range list {
		if r.Serial.Cmp(serial) == 0 {
			status := revocation.Revoked
			if r.Reason == revocation.CertificateHold {
				status = revocation.Suspended
			}
			return revocation.Record{Status: status, At: r.At, Reason: r.Reason}, nil
		}
	}
	return revocation.Record{Status: revocation.Good}, nil
}

// trialOffice is a node's trial authority with its records.
type trialOffice struct {
	mu      sync.Mutex // over ca
	ca      *trialca.Authority
	records trialRecords
	dir     string // the node's folder
	trust   string
}

func openTrialOffice(dir string) (*trialOffice, error) {
	c, err := loadConfig(filepath.Join(dir, "tram.yaml"))
	if err != nil {
		return nil, err
	}
	ca, err := openTrialCA(c)
	if err != nil {
		return nil, err
	}
	return &trialOffice{ca: ca, records: trialRecords{filepath.Join(c.base, "trial-revoked.json")}, dir: c.base, trust: c.path(c.Trust)}, nil
}

// crl signs the list of this moment.
func (o *trialOffice) crl(now time.Time) ([]byte, error) {
	list, err := o.records.entries()
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ca.CRL(now, list...)
}

// trialPlaces are where tram trial serve answers about certificates.
func trialPlaces(base string) trialca.Places {
	base = strings.TrimSuffix(base, "/")
	return trialca.Places{CRL: base + "/ca.crl", OCSP: base + "/ocsp", Issuer: base + "/ca.crt"}
}

// stamps opens the trial time-stamping authority, which is made the first time. Its certificate names the authority's places, and is
// issued anew if they have moved.
func (o *trialOffice) stamps() (*tsp.Authority, error) {
	base := filepath.Join(o.dir, "keys", trialStamp)
	leaf := trialca.Leaf{Name: "Dấu thời gian thử nghiệm", Use: trialca.TimeStamp}
	if _, err := os.Stat(base + ".crt"); errors.Is(err, fs.ErrNotExist) {
		key, cert, err := o.ca.Issue(leaf)
		if err != nil {
			return nil, err
		}
		if err := writePair(filepath.Dir(base), trialStamp, key, cert); err != nil {
			return nil, err
		}
	}
	key, err := signing.LoadKey(base + ".pem")
	if err != nil {
		return nil, err
	}
	certs, err := signing.LoadCertificates(base + ".crt")
	if err != nil {
		return nil, err
	}
	if at := o.ca.Places.OCSP; at != "" && !slices.Contains(certs[0].OCSPServer, at) {
		if certs[0], err = o.ca.IssueFor(leaf, key.Public()); err != nil {
			return nil, err
		}
		certs = certs[:1]
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs[0].Raw})
		if err := writeBytes(base+".crt", block); err != nil {
			return nil, err
		}
	}
	return tsp.NewAuthority(key, append(certs, o.ca.Certificate), tsp.Options{Now: time.Now, Rand: rand.Reader})
}

// handler serves the CRL, OCSP, the authority's certificate and time-stamps.
func (o *trialOffice) handler(log *slog.Logger) (http.Handler, error) {
	key, cert, err := o.ca.Issue(trialca.Leaf{Name: "OCSP thử nghiệm", Use: trialca.OCSP})
	if err != nil {
		return nil, err
	}
	responder, err := o.ca.Responder(key, cert, o.records.lookup)
	if err != nil {
		return nil, err
	}
	stamps, err := o.stamps()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ca.crl", func(w http.ResponseWriter, _ *http.Request) {
		der, err := o.crl(time.Now())
		if err != nil {
			log.Error("couldn't sign CRL", "error", err)
			http.Error(w, "no CRL", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/pkix-crl")
		_, _ = w.Write(der) // the client may have gone
	})
	mux.HandleFunc("GET /ca.crt", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pkix-cert")
		_, _ = w.Write(o.ca.Certificate.Raw)
	})
	mux.Handle("/ocsp", responder)
	mux.Handle("/ocsp/", http.StripPrefix("/ocsp", responder))
	mux.Handle("/tsa", stamps)
	return mux, nil
}

func trialRevokeCommand() *cobra.Command {
	var reason, at string
	cmd := &cobra.Command{
		Use:   "revoke DIR CERTIFICATE",
		Short: "Revoke or suspend a certificate of a node's trial authority",
		Long: `Writes down in DIR, the folder that tram init --trial has made, that the certificate is revoked. tram trial crl and tram trial serve tell it to others.
--reason certificateHold suspends it, --reason removeFromCRL releases it again. What is revoked for good stays so.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := openTrialOffice(args[0])
			if err != nil {
				return err
			}
			certs, err := signing.LoadCertificates(args[1])
			if err != nil {
				return err
			}
			c := certs[0]
			if err := c.CheckSignatureFrom(o.ca.Certificate); err != nil {
				return fmt.Errorf("couldn't revoke %s: it is not of this trial authority: %w", c.Subject, err)
			}
			code, err := reasonOf(reason)
			if err != nil {
				return err
			}
			when := time.Now()
			if at != "" {
				if when, err = momentOf(at); err != nil {
					return err
				}
			}
			if err := o.records.revoke(c, when, code); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", c.Subject, reason)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "unspecified", "why, as RFC 5280 calls it: keyCompromise, cessationOfOperation, certificateHold, removeFromCRL, …")
	cmd.Flags().StringVar(&at, "at", "", "since when: a moment (2026-11-22T08:00:00+07:00) or a day (default: now)")
	return cmd
}

func trialCRLCommand() *cobra.Command {
	var out, at string
	cmd := &cobra.Command{
		Use:   "crl DIR",
		Short: "Sign the list of what a node's trial authority has revoked, good for a week",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := openTrialOffice(args[0])
			if err != nil {
				return err
			}
			now := time.Now()
			if at != "" {
				if now, err = momentOf(at); err != nil {
					return err
				}
			}
			der, err := o.crl(now)
			if err != nil {
				return err
			}
			if out == "" {
				out = filepath.Join(o.trust, "trial-ca.crl")
			}
			block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
			if err := writeBytes(out, block); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write, PEM (default: trial-ca.crl in the node's trust folder)")
	cmd.Flags().StringVar(&at, "at", "", "its date: a moment or a day (default: now)")
	return cmd
}

func trialServeCommand() *cobra.Command {
	var listen, readyFile string
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Serve CRL, OCSP and time-stamps of a node's trial authority over plain HTTP",
		Long: `Serves /ca.crl, /ocsp, /ca.crt and /tsa for the trial authority of DIR, the folder that tram init --trial has made, until it is interrupted.
Certificates name these places if they were made with tram trial agency --services http://ADDRESS.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := openTrialOffice(args[0])
			if err != nil {
				return err
			}
			log := newLogger(cmd.ErrOrStderr(), "text")
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("couldn't listen: %w", err)
			}
			o.ca.Places = trialPlaces("http://" + l.Addr().String())
			h, err := o.handler(log)
			if err != nil {
				return errors.Join(err, l.Close())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "http://%s\n", l.Addr())
			if readyFile != "" {
				if err := writeWhole(readyFile, func(w io.Writer) error { _, err := fmt.Fprintf(w, "http://%s\n", l.Addr()); return err }); err != nil {
					return errors.Join(err, l.Close())
				}
			}
			return serveUntilDone(cmd.Context(), l, h)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8318", "address")
	cmd.Flags().StringVar(&readyFile, "ready-file", "", "write the URL to this file once it is served")
	return cmd
}

// serveUntilDone serves until ctx ends, and lets requests that are under way finish.
func serveUntilDone(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("couldn't serve: %w", err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(limit); err != nil {
		return fmt.Errorf("couldn't stop serving: %w", err)
	}
	return nil
}
