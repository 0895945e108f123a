package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// augmentFlags say what is needed to go beyond level B-B.
type augmentFlags struct {
	level, trustDir  string
	tsa, alsoTSA     []string
	offline, private bool
}

func (f *augmentFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.tsa, "tsa", nil, "URL of a time-stamping authority; more of them are asked when one doesn't answer")
	fs.StringArrayVar(&f.alsoTSA, "also-tsa", nil, "URL of one more authority that makes a time-stamp of its own; may be repeated")
	fs.StringVar(&f.trustDir, "trust", "", "folder of certificates of trusted authorities and their CRLs")
	fs.BoolVar(&f.offline, "offline", false, "take revocation data from the document and the --trust folder only")
	fs.BoolVar(&f.private, "private-network", false, "let certificates name CRLs and OCSP responders at private addresses")
}

// options reads what the flags name.
func (f *augmentFlags) options() (o xades.AugmentOptions, err error) {
	level, ok := xades.ParseLevel(f.level)
	switch {
	case !ok:
		return o, fmt.Errorf("couldn't read --level %q: want B-B, B-T, B-LT or B-LTA", f.level)
	case f.trustDir == "" && level.Reaches(xades.LevelLT):
		return o, fmt.Errorf("couldn't reach level %s without --trust", level)
	case len(f.tsa) == 0:
		return o, fmt.Errorf("couldn't reach level %s without --tsa", level)
	}
	o = xades.AugmentOptions{Level: level, Now: time.Now}
	if f.trustDir != "" {
		if err := f.trust(&o); err != nil {
			return o, err
		}
	}
	if o.Stamper, err = timeStampClient(f.tsa); err != nil {
		return o, err
	}
	for _, url := range f.alsoTSA {
		also, err := timeStampClient([]string{url})
		if err != nil {
			return o, err
		}
		o.Also = append(o.Also, also)
	}
	return o, nil
}

// trust reads the folder of --trust.
func (f *augmentFlags) trust(o *xades.AugmentOptions) (err error) {
	if o.Trust, err = signing.LoadTrust(f.trustDir, true); err != nil {
		return err
	}
	folder, err := revocation.LoadFolder(f.trustDir)
	if err != nil {
		return err
	}
	o.Revocation = folder
	if !f.offline {
		o.Revocation = revocation.Join(folder, revocation.NewOnline(revocation.OnlineOptions{Now: time.Now, AllowPrivate: f.private}))
	}
	return nil
}

func timeStampClient(urls []string) (*tsp.Client, error) {
	var services []tsp.ServiceConfig
	for _, u := range urls {
		services = append(services, tsp.ServiceConfig{URL: u})
	}
	return tsp.NewClient(services, tsp.ClientOptions{})
}

func augmentCommand() *cobra.Command {
	var f augmentFlags
	var out string
	var skip bool
	var only []int
	cmd := &cobra.Command{
		Use:   "augment FILE",
		Short: "Bổ sung dấu thời gian và dữ liệu kiểm tra vào chữ ký / add time-stamps and validation data to signatures",
		Long: `Makes a copy of a signed document whose XAdES signatures have a higher level. Nothing that is signed is changed, and FILE itself stays as it
is. Signatures that have the level already stay as they are, but for B-LTA, which is renewed: run it again before the certificates of the last
time-stamp expire.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			for _, n := range only {
				o.Signatures = append(o.Signatures, n-1)
			}
			o.SkipCovered = skip
			src, err := signing.OpenFile(args[0])
			if err != nil {
				return err
			}
			defer src.Close()
			write := func(w io.Writer) error { return xades.Augment(cmd.Context(), w, src, o) }
			if out == "-" {
				return write(cmd.OutOrStdout())
			}
			if out == "" {
				out = args[0] + ".augmented.xml"
			}
			return writeWhole(out, write)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.level, "level", string(xades.LevelA), "B-T, B-LT or B-LTA")
	fs.StringVarP(&out, "output", "o", "", "augmented file; - is standard output (default FILE.augmented.xml)")
	fs.BoolVar(&skip, "skip-covered", false, "leave alone signatures that a later one covers, which nothing can be added to")
	fs.IntSliceVar(&only, "signature", nil, "number of a signature, from 1; default all")
	f.register(fs)
	return cmd
}

// xadesFlags are what `tram sign` has for XAdES.
type xadesFlags struct {
	augmentFlags
	roles                []string
	policyID, policyFile string
	city, at, commitment string
}

func (x *xadesFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&x.level, "level", "", "XAdES level: B-B, B-T, B-LT or B-LTA; default is a plain XML signature")
	fs.StringArrayVar(&x.roles, "role", nil, "XAdES: role that the signer claims, such as \"Giám đốc\"; may be repeated")
	fs.StringVar(&x.policyID, "policy-id", "", "XAdES: identifier of the signature policy (OID or URI), or \"implied\"")
	fs.StringVar(&x.policyFile, "policy-file", "", "XAdES: that policy, whose SHA-256 is signed")
	fs.StringVar(&x.city, "place", "", "XAdES: where it is signed")
	fs.StringVar(&x.commitment, "commitment", "", "XAdES: origin or approval")
	fs.StringVar(&x.at, "time", "", "XAdES: signing time to claim (RFC 3339; default now)")
	x.augmentFlags.register(fs)
}

var commitments = map[string]string{"": "", "origin": xades.ProofOfOrigin, "approval": xades.ProofOfApproval}

// complete fills in what the signer says.
func (x *xadesFlags) complete(o *xades.SignOptions) (err error) {
	o.SigningTime, o.ClaimedRoles = time.Now(), x.roles
	if x.at != "" {
		if o.SigningTime, err = time.Parse(time.RFC3339, x.at); err != nil {
			return fmt.Errorf("couldn't read --time: %w", err)
		}
	}
	if x.city != "" {
		o.Place = &xades.Place{City: x.city}
	}
	var ok bool
	if o.Commitment, ok = commitments[x.commitment]; !ok {
		return fmt.Errorf("couldn't read --commitment %q: want origin or approval", x.commitment)
	}
	switch {
	case x.policyID == "implied":
		o.Policy = &xades.PolicyID{Implied: true}
	case x.policyID != "":
		if x.policyFile == "" {
			return errors.New("couldn't name a policy without --policy-file: its digest is signed")
		}
		b, err := os.ReadFile(x.policyFile)
		if err != nil {
			return fmt.Errorf("couldn't read policy: %w", err)
		}
		o.Policy = &xades.PolicyID{ID: x.policyID, Hash: crypto.SHA256, Digest: tsp.HashOf(crypto.SHA256, b)}
	}
	return nil
}

// sign makes a plain signature, or a XAdES one of the level.
func (x *xadesFlags) sign(ctx context.Context, w io.Writer, src signing.Source, key crypto.Signer, chain []*x509.Certificate, o xades.SignOptions) error {
	if x.level == "" {
		return signing.SignTo(ctx, w, src, key, chain, o.SignOptions)
	}
	if err := x.complete(&o); err != nil {
		return err
	}
	if x.level == string(xades.LevelB) {
		return xades.Sign(ctx, w, src, key, chain, o)
	}
	ao, err := x.options()
	if err != nil {
		return err
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("couldn't make an Id: %w", err)
	}
	o.ID = "S-" + hex.EncodeToString(id[:])
	ao.IDs = []string{o.ID}
	return withSpool(src.Size(), func(spool io.Writer) error { return xades.Sign(ctx, spool, src, key, chain, o) },
		func(signed signing.Source) error { return xades.Augment(ctx, w, signed, ao) })
}

// maxInMemory is how large a document may be that is kept in memory between two steps.
const maxInMemory = 16 << 20

// withSpool keeps what write writes, in memory or in a file that nobody else can read, for read.
func withSpool(size int64, write func(io.Writer) error, read func(signing.Source) error) error {
	if size <= maxInMemory {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		return read(signing.BytesSource(b.Bytes()))
	}
	f, err := os.CreateTemp("", "tram-*")
	if err != nil {
		return fmt.Errorf("couldn't make temporary file: %w", err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	src, err := signing.OpenFile(f.Name())
	if err != nil {
		return err
	}
	defer src.Close()
	return read(src)
}
