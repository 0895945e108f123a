package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

func exportCommand() *cobra.Command {
	var config, level, output string
	var offline bool
	cmd := &cobra.Command{
		Use:   "export DOCUMENT",
		Short: "Xuất bản sao có bổ sung dấu thời gian / a copy of a stored package at a higher signature level",
		Long: `Writes a copy of a stored package whose XAdES signatures are augmented to B-T, B-LT or B-LTA, with the answers about revocation that the
node has kept and a time-stamp of the configured authority. The stored package is never changed: without --level, or with B-B, the copy is
the package byte for byte.

Only XAdES signatures can be augmented. One that a later signature covers (a person's under the organisation's) stays as it is. For
plain XML signatures "tram evidence" keeps everything that proves them, beside the package.

DOCUMENT is the document's key, its number (112/BC-UBND) or DocumentId, or a package's SHA-256 or its file. The node may run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, ok := xades.ParseLevel(level)
			if !ok {
				return fmt.Errorf("couldn't read --level %q: want B-B, B-T, B-LT or B-LTA", level)
			}
			ctx := cmd.Context()
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			return writeNewOr(cmd.OutOrStdout(), output, func(w io.Writer) error { return exportPackage(ctx, c, args[0], l, offline, w) })
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	fs.StringVar(&level, "level", string(xades.LevelB), "B-B (as stored), B-T, B-LT or B-LTA")
	fs.StringVarP(&output, "output", "o", "", "file to write; - is standard output (required)")
	fs.BoolVar(&offline, "offline", false, "ask no CRL or OCSP server: take what the node has kept and the lists in its folder")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

func exportPackage(ctx context.Context, c *Config, doc string, level xades.Level, offline bool, w io.Writer) (err error) {
	record, err := c.openRecord(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	e, err := packageEvent(ctx, record, doc)
	if err != nil {
		return err
	}
	p, err := record.OpenPackage(ctx, e.Statement.Package.SHA256)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if level == xades.LevelB {
		if _, err := io.Copy(w, io.NewSectionReader(p, 0, p.Size())); err != nil {
			return fmt.Errorf("couldn't copy package: %w", err)
		}
		return nil
	}
	keys, err := loadKeys(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keys.close()) }()
	trust, err := trustOfRecord(ctx, record, keys.trust, c.Trial)
	if err != nil {
		return err
	}
	o := xades.AugmentOptions{Level: level, Trust: trust, Now: time.Now, SkipCovered: true}
	if o.Stamper, err = configuredStamper(c, keys, trust); err != nil {
		return err
	}
	kept, err := keptAnswers(ctx, record, e)
	if err != nil {
		return err
	}
	if o.Revocation, err = answers(c, offline, kept); err != nil {
		return err
	}
	return xades.Augment(ctx, w, p, o)
}

// packageEvent is the event that recorded the document's package, or the one that names the given package.
func packageEvent(ctx context.Context, record savedRecord, doc string) (found events.Event, err error) {
	key, named, err := findDocument(ctx, record, doc)
	if err != nil {
		return found, err
	}
	err = record.Stream(ctx, document.StreamPrefix+key, 0, func(e events.Event) error {
		if p := e.Statement.Package; p != nil && found.Statement.Package == nil && (named == nil || p.SHA256 == *named) {
			found = e
		}
		return nil
	})
	if err == nil && found.Statement.Package == nil {
		err = fmt.Errorf("couldn't find a package of document %s: %w", doc, events.ErrNotFound)
	}
	return found, err
}

// keptAnswers are the CRLs and OCSP responses that the node judged the package by.
func keptAnswers(ctx context.Context, record savedRecord, e events.Event) (*revocation.Offline, error) {
	if e.Statement.Evidence == nil {
		return revocation.NewOffline(), nil
	}
	b, err := record.Evidence(ctx, *e.Statement.Evidence)
	if err != nil {
		return nil, err
	}
	stored, err := gateway.DecodeEvidence(b)
	if err != nil {
		return nil, err
	}
	var raws [][]byte
	for _, answer := range stored.Answers() {
		raw, err := record.Evidence(ctx, answer)
		if err != nil {
			return nil, err
		}
		raws = append(raws, raw)
	}
	return revocation.NewOffline(raws...), nil
}

// configuredStamper gives time-stamps by the configured authorities; a trial node without any stamps with its own key.
func configuredStamper(c *Config, keys *nodeKeys, trust *signing.Trust) (tsp.Stamper, error) {
	if len(c.Timestamp.Services) > 0 {
		return newStamper(c, func() *signing.Trust { return trust }, nil)
	}
	if !c.Trial {
		return nil, errors.New("couldn't make a time-stamp: the configuration names no time-stamp authority (timestamp.services)")
	}
	lease, err := keys.lease(keystore.TSA, time.Now())
	if err != nil {
		return nil, fmt.Errorf("couldn't make a time-stamp: the configuration names no time-stamp authority, and the trial node has no key for one: %w", err)
	}
	return tsp.NewAuthority(lease.Signer, []*x509.Certificate{lease.Chain[0]}, tsp.Options{})
}
