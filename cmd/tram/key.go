package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
)

// keyFlags name one key on the command line.
type keyFlags struct {
	ref, chain, config string
}

// open opens the key for a purpose (empty: whatever its certificate allows). A PIN whose source isn't named is asked for.
func (f keyFlags) open(cmd *cobra.Command, p keystore.Purpose) (*keystore.Key, error) {
	ref, o, err := f.options()
	if err != nil {
		return nil, err
	}
	o.Purpose = p
	key, err := keystore.Open(cmd.Context(), ref, o)
	if err != nil {
		return nil, err
	}
	if len(key.Chain) == 0 && p != keystore.Log {
		return nil, errors.Join(fmt.Errorf("couldn't use key %s: it has no certificate", ref), key.Close())
	}
	return key, nil
}

func (f keyFlags) options() (keystore.Ref, keystore.Options, error) {
	ref, err := keystore.ParseRef(f.ref)
	if err != nil {
		return ref, keystore.Options{}, err
	}
	o := keystore.Options{}
	if f.config != "" {
		c, err := loadConfig(f.config)
		if err != nil {
			return ref, o, err
		}
		if o, err = c.keyOptions(nil); err != nil {
			return ref, o, err
		}
		o.Base = "" // what stands on the command line is relative to the working folder
	}
	o.Chain, o.Prompt = f.chain, prompt
	return ref, o, nil
}

// prompt asks for a secret at the terminal, without showing it. Without a terminal there is none.
func prompt(what string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", nil
	}
	fmt.Fprintf(os.Stderr, "%s: ", what)
	b, err := term.ReadPassword(fd)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("couldn't read from terminal: %w", err)
	}
	return string(b), nil
}

func keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Khóa ký: liệt kê, thử, tạo, nhập chứng thư, xin chứng thư, thay khóa / keys: list, check, make, certify, rotate",
		Long: `A key is named by one reference everywhere: a PEM file; pkcs12:FILE; pkcs11:token=…;object=…?module-path=… (RFC 7512); or
remote:SERVICE/CREDENTIAL. PINs and passwords come from pin-source=file:PATH (mode 0600) or pin-source=env:NAME, or are asked for. See docs/keys.md.`,
	}
	cmd.AddCommand(keyListCommand(), keyCheckCommand(), keyGenerateCommand(), keyImportCommand(), keyCSRCommand(), keyRotateCommand())
	return cmd
}

// keyLine is a key of the list, as JSON.
type keyLine struct {
	Purpose   string     `json:"purpose"`
	Holder    string     `json:"holder,omitempty"`
	Ref       string     `json:"ref"`
	Standing  string     `json:"standing"`
	Algorithm string     `json:"algorithm,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Location  string     `json:"location,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	DaysLeft  *int       `json:"days_left,omitempty"`
	Error     string     `json:"error,omitempty"`
}

func newKeyLine(i keystore.Info, now time.Time) keyLine {
	l := keyLine{Purpose: string(i.Purpose), Holder: i.Holder, Ref: i.Ref.String(), Standing: string(i.Standing), Algorithm: i.Algorithm,
		Subject: i.Subject, Location: i.Location}
	if !i.NotAfter.IsZero() {
		days := int(i.NotAfter.Sub(now).Hours() / 24)
		l.NotBefore, l.NotAfter, l.DaysLeft = &i.NotBefore, &i.NotAfter, &days
	}
	if i.Err != nil {
		l.Error = i.Err.Error()
	}
	return l
}

var standingWords = map[keystore.Standing]string{
	keystore.Active: "đang dùng", keystore.Next: "sắp dùng", keystore.Previous: "dự phòng", keystore.Ended: "hết hạn", keystore.Broken: "không mở được",
}

func keyListCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the keys of a configuration: purpose, holder, validity, where they live", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			infos, err := listKeys(cmd.Context(), c)
			if err != nil {
				return err
			}
			now := time.Now()
			var lines []keyLine
			bad := false
			for _, i := range infos {
				lines = append(lines, newKeyLine(i, now))
				bad = bad || i.Standing == keystore.Broken
			}
			out := cmd.OutOrStdout()
			if asJSON {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				err = enc.Encode(lines)
			} else {
				err = printKeys(out, infos, lines)
			}
			if err == nil && bad {
				return errSilent
			}
			return err
		}}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// listKeys opens every key of a configuration, closes them and tells what they were.
func listKeys(ctx context.Context, c *Config) ([]keystore.Info, error) {
	entries, err := c.keyEntries()
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].Required = false // one that cannot be opened is a line, not the end
	}
	tokens := keystore.NewTokens()
	o, err := c.keyOptions(tokens)
	if err != nil {
		return nil, err
	}
	ring, err := keystore.NewKeyring(ctx, entries, keystore.RingOptions{Open: o})
	if err != nil {
		return nil, errors.Join(err, tokens.Close())
	}
	infos := ring.List(time.Now())
	return infos, errors.Join(ring.Close(), tokens.Close())
}

func printKeys(out io.Writer, infos []keystore.Info, lines []keyLine) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PURPOSE\tHOLDER\tSTANDING\tKEY\tUNTIL\tDAYS\tSUBJECT\tWHERE")
	for i, l := range lines {
		until, days := "-", "-"
		if l.NotAfter != nil {
			until, days = local(*l.NotAfter), fmt.Sprint(*l.DaysLeft)
		}
		where := l.Location
		if where == "" {
			where = l.Ref
		}
		fmt.Fprintf(w, "%s\t%s\t%s / %s\t%s\t%s\t%s\t%s\t%s\n", l.Purpose, dash(l.Holder), standingWords[infos[i].Standing], l.Standing, dash(l.Algorithm), until, days, dash(l.Subject), where)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, l := range lines {
		if l.Error != "" {
			fmt.Fprintf(out, "! %s\n", l.Error)
		}
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func keyCheckCommand() *cobra.Command {
	var f keyFlags
	var purpose string
	cmd := &cobra.Command{Use: "check REF", Short: "Sign a test value with a key and verify it with its certificate", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ref = args[0]
			ref, o, err := f.options()
			if err != nil {
				return err
			}
			if purpose != "" {
				if o.Purpose, err = keystore.ParsePurpose(purpose); err != nil {
					return err
				}
			}
			key, err := keystore.Open(cmd.Context(), ref, o)
			if err != nil {
				return err
			}
			defer key.Close()
			took, err := tryKey(cmd.Context(), key)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Ký thử được / signs: %s, %s, %s\n", key.Description(), key.Location, took.Round(time.Microsecond))
			if len(key.Chain) > 0 {
				fmt.Fprintf(out, "%s\n%s – %s (%d ngày / days left)\n", key.Chain[0].Subject, local(key.NotBefore), local(key.NotAfter), int(time.Until(key.NotAfter).Hours()/24))
			} else {
				fmt.Fprintln(out, "Chưa có chứng thư / no certificate")
			}
			fmt.Fprintf(out, "Dùng được cho / may sign as: %v\n", key.Purposes)
			return nil
		}}
	keyFlagsOf(cmd, &f)
	cmd.Flags().StringVar(&purpose, "purpose", "", "refuse a key that isn't for this purpose")
	return cmd
}

func keyFlagsOf(cmd *cobra.Command, f *keyFlags) {
	cmd.Flags().StringVar(&f.chain, "cert", "", "its certificate, PEM (default: where the key is)")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration with the signing services of remote: keys")
}

// tryKey signs something that nobody could take for a document or a checkpoint of a log, and verifies it.
func tryKey(ctx context.Context, key *keystore.Key) (time.Duration, error) {
	var nonce [32]byte
	if _, err := io.ReadFull(rand.Reader, nonce[:]); err != nil {
		return 0, fmt.Errorf("couldn't make test value: %w", err)
	}
	msg := []byte("tram key check\n0\n" + base64.StdEncoding.EncodeToString(nonce[:]) + "\n")
	opts := crypto.Hash(0)
	pub := key.Signer.Public()
	if key.Description() != "Ed25519" {
		sum := sha256.Sum256(msg)
		msg, opts = sum[:], crypto.SHA256
	}
	begun := time.Now()
	sig, err := keystore.WithContext(ctx, key.Signer).Sign(rand.Reader, msg, opts)
	if err != nil {
		return 0, err
	}
	took := time.Since(begun)
	if len(key.Chain) > 0 {
		pub = key.Chain[0].PublicKey
	}
	return took, keystore.VerifyDigest(pub, msg, sig, opts)
}

func keyGenerateCommand() *cobra.Command {
	var f keyFlags
	var kind string
	cmd := &cobra.Command{Use: "generate REF", Short: "Make a new key: a PEM file, or inside a PKCS#11 token", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ref = args[0]
			ref, o, err := f.options()
			if err != nil {
				return err
			}
			switch ref.Kind() {
			case keystore.PEM:
				key, err := keystore.Generate(keystore.KeyType(kind))
				if err != nil {
					return err
				}
				if err := signing.SaveKey(ref.Path(), key); err != nil {
					return err
				}
			case keystore.PKCS11:
				if ref, err = keystore.GenerateInToken(cmd.Context(), ref, keystore.KeyType(kind), o); err != nil {
					return err
				}
			default:
				return fmt.Errorf("couldn't make key in %s: keys are made in PEM files and tokens; a PKCS#12 file is made from one by tram key import --from", ref)
			}
			fmt.Fprintln(cmd.OutOrStdout(), ref.Text())
			return nil
		}}
	cmd.Flags().StringVar(&kind, "type", string(keystore.P256), fmt.Sprintf("one of %v; ed25519 only for a log, in a file", keystore.KeyTypes()))
	return cmd
}

func keyImportCommand() *cobra.Command {
	var f keyFlags
	var from string
	var legacy bool
	cmd := &cobra.Command{
		Use:   "import REF CERTIFICATES.pem",
		Short: "Put the issued certificate to its key: into the token, or as NAME.crt beside NAME.pem",
		Long: `Puts the certificate that the authority has issued, and its intermediates, to the key they belong to. With a pkcs12: reference and --from
a new PKCS#12 file is made of the key of another reference and the certificates.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ref = args[0]
			ref, o, err := f.options()
			if err != nil {
				return err
			}
			chain, err := signing.LoadCertificates(args[1])
			if err != nil {
				return err
			}
			switch ref.Kind() {
			case keystore.PEM:
				o.Chain = args[1]
				key, err := keystore.Open(cmd.Context(), ref, o)
				if err != nil {
					return err
				}
				if err := key.Close(); err != nil {
					return err
				}
				return signing.SaveCertificates(strings.TrimSuffix(ref.Path(), filepath.Ext(ref.Path()))+".crt", key.Chain)
			case keystore.PKCS11:
				return keystore.ImportToToken(cmd.Context(), ref, chain, o)
			case keystore.PKCS12:
				return makePKCS12(ref, from, args[1], legacy)
			}
			return fmt.Errorf("couldn't put certificate into %s: the service has its own", ref)
		}}
	cmd.Flags().StringVar(&from, "from", "", "with pkcs12: PEM file of the key")
	cmd.Flags().BoolVar(&legacy, "legacy", false, "with pkcs12: 3DES and SHA-1, for old programs")
	return cmd
}

// makePKCS12 writes a PKCS#12 file that isn't there yet.
func makePKCS12(ref keystore.Ref, from, certFile string, legacy bool) error {
	if from == "" {
		return errors.New("couldn't make PKCS#12 file: --from names the PEM file of the key")
	}
	password, err := prompt("New password of " + ref.String())
	if ref.PINSource() != "" {
		password, err = keystore.ReadSecret(ref.PINSource(), "", nil)
	}
	if err != nil {
		return err
	}
	if password == "" {
		return errors.New("couldn't make PKCS#12 file: no password; name it by ?pin-source=")
	}
	key, err := signing.LoadKey(from)
	if err != nil {
		return err
	}
	chain, err := signing.LoadCertificates(certFile)
	if err != nil {
		return err
	}
	b, err := keystore.MarshalPKCS12(key, chain, password, legacy)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(ref.Path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't make PKCS#12 file: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("couldn't make PKCS#12 file: %w", err)
	}
	return nil
}

func keyCSRCommand() *cobra.Command {
	var f keyFlags
	var r keystore.Request
	var out, purpose string
	cmd := &cobra.Command{Use: "csr REF", Short: "Make a certificate request (PKCS#10) to send to the certificate authority", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ref = args[0]
			ref, o, err := f.options()
			if err != nil {
				return err
			}
			if purpose != "" {
				if r.Purpose, err = keystore.ParsePurpose(purpose); err != nil {
					return err
				}
			}
			o.NoCertificate = true
			key, err := keystore.Open(cmd.Context(), ref, o)
			if err != nil {
				return err
			}
			defer key.Close()
			b, err := keystore.CSR(keystore.WithContext(cmd.Context(), key.Signer), r)
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = cmd.OutOrStdout().Write(b)
				return err
			}
			return writeBytes(out, b)
		}}
	fs := cmd.Flags()
	fs.StringVar(&r.CommonName, "cn", "", "name of the agency, person or node (required)")
	fs.StringVar(&r.Organization, "organisation", "", "superior agency")
	fs.StringVar(&r.Unit, "unit", "", "unit")
	fs.StringVar(&r.Locality, "locality", "", "locality")
	fs.StringVar(&r.Province, "province", "", "province or city")
	fs.StringVar(&r.SerialNumber, "serial-number", "", "identifier of the holder in the subject, as the authority wants it")
	fs.StringSliceVar(&r.Hosts, "host", nil, "host name or address; may be repeated")
	fs.StringVar(&purpose, "purpose", "", "ask for the key usages of this purpose")
	fs.StringVarP(&out, "output", "o", "-", "file; - is standard output")
	_ = cmd.MarkFlagRequired("cn")
	return cmd
}

func keyRotateCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Have the running node read its keys again, without interrupting it",
		Long: `Tells the running node, over its operations address, to read "keys", "node_key", "node_chain" and "signing_services" of its configuration again. New
keys are used from their beginning on; replaced ones finish what is under way. SIGHUP does the same. The keys that seal the record stay until the next start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			answer, err := rotate(cmd.Context(), c)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Đã đọc lại khóa / keys read again: mới / new %d, bỏ / removed %d, giữ / kept %d\n", answer.Added, answer.Removed, answer.Kept)
			for _, e := range answer.Errors {
				fmt.Fprintln(out, "!", e)
			}
			if len(answer.Errors) > 0 {
				return errSilent
			}
			return nil
		}}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	return cmd
}
