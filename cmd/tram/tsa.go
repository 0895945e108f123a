package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/signing/keystore"
	"github.com/tram-exchange/tram/signing/tsp"
)

// errNoRealTSA is what keeps a trial authority from being taken for one.
var errNoRealTSA = errors.New(`couldn't start time-stamping authority: this one is for trying out only; say --trial to run it.
Its clock is that of this machine, nobody has audited it, and whoever has its key can date back. For documents that count, use a licensed authority`)

// tsaOptions are the flags of tram tsa.
type tsaOptions struct {
	key, cert, listen, policy, readyFile string
	accuracy                             time.Duration
	trial, pss                           bool
}

func tsaCommand() *cobra.Command {
	var o tsaOptions
	cmd := &cobra.Command{
		Use:   "tsa",
		Short: "Cấp dấu thời gian để thử nghiệm / give time-stamps, for trying out only",
		Long: `Runs a small time-stamping authority (RFC 3161) for trials. It answers POST requests of application/timestamp-query on every path.
The certificate must be for time-stamping alone (critical extended key usage); further ones in its file are sent along.
  tram tsa --trial --key tsa.pem --cert tsa.crt --listen 127.0.0.1:3161`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), func(url string) { fmt.Fprintln(cmd.OutOrStdout(), url) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.key, "key", "", "private key: a PEM file, or pkcs12:…, pkcs11:… (required)")
	fs.StringVar(&o.cert, "cert", "", "its certificate and those of its issuers, PEM; left out: those that come with the key")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:3161", "address to listen on")
	fs.StringVar(&o.policy, "policy", tsp.TrialPolicy, "object identifier of the policy")
	fs.DurationVar(&o.accuracy, "accuracy", time.Second, "accuracy that the tokens state")
	fs.BoolVar(&o.pss, "pss", false, "RSASSA-PSS instead of PKCS#1 v1.5, with an RSA key")
	fs.StringVar(&o.readyFile, "ready-file", "", "write the address to this file, as JSON, once it is served")
	fs.BoolVar(&o.trial, "trial", false, "yes, this is for trying out")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

// run serves until ctx ends. ready is told the URL.
func (o *tsaOptions) run(ctx context.Context, ready func(url string)) error {
	if !o.trial {
		return errNoRealTSA
	}
	tokens := keystore.NewTokens()
	defer tokens.Close()
	authority, key, err := o.open(ctx, tokens)
	if err != nil {
		return err
	}
	defer key.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("couldn't listen: %w", err)
	}
	url := "http://" + l.Addr().String() + "/"
	if o.readyFile != "" {
		if err := writeReady(o.readyFile, map[string]string{"tsa": url}); err != nil {
			l.Close()
			return err
		}
	}
	ready(url)
	s := &http.Server{Handler: authority, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(grace)
	})
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("couldn't serve: %w", err)
	}
	return nil
}

// open opens the key and makes the authority. The caller closes the key.
func (o *tsaOptions) open(ctx context.Context, tokens *keystore.Tokens) (*tsp.Authority, *keystore.Key, error) {
	ref, err := keystore.ParseRef(o.key)
	if err != nil {
		return nil, nil, err
	}
	key, err := keystore.Open(ctx, ref, keystore.Options{Purpose: keystore.TSA, Chain: o.cert, Prompt: prompt, Tokens: tokens})
	if err != nil {
		return nil, nil, err
	}
	a, err := tsp.NewAuthority(key.Signer, key.Chain, tsp.Options{Policy: o.policy, Accuracy: o.accuracy, PSS: o.pss})
	if err != nil {
		return nil, nil, errors.Join(err, key.Close())
	}
	return a, key, nil
}
