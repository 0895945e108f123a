package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/signing/keystore"
)

// copiedFile is one file of the node beside its data.
type copiedFile struct {
	Name   string        `json:"name"` // in the copy
	SHA256 events.Digest `json:"sha256"`
}

// leftOut is what a copy does not have, and why.
type leftOut struct {
	What string `json:"what"`
	Vi   string `json:"why_vi"`
	En   string `json:"why_en"`
}

// neverCopied is said in every manifest, so that nobody looks for it after a loss.
var neverCopied = []leftOut{
	{"keys/*.pem", "khóa bí mật được giữ riêng, không nằm cùng dữ liệu", "private keys are kept apart from the data (--keys-to copies them elsewhere)"},
	{"witness state", "một nhân chứng khôi phục từ bản sao sẽ quên những gì đã ký: phải dùng khóa mới", "a witness restored from a copy forgets what it has cosigned since, and could cosign another history: it needs a new key"},
	{viewsFile, "được dựng lại từ nhật ký", "built again from the log"},
	{logFolder + "/", "được viết lại từ nhật ký", "the published log is written again from the log"},
	{"router.json", "được dựng lại từ nhật ký", "the state of delivery is found again in the log"},
	{"office.json", "được dựng lại từ nhật ký", "what is left to do for agencies is found again in the log"},
	{"spool/, revocation/", "chỉ là dữ liệu tạm", "temporary"},
}

// maxConfigFile bounds a file of the configuration; a trust folder holds CRLs of some megabytes.
const maxConfigFile = 64 << 20

// files copies configuration and certificates, and the private keys if they are wanted, elsewhere.
func (o *backupOptions) files(m *backupManifest) error {
	if o.config == nil {
		return nil
	}
	dir := filepath.Join(o.to, backupNodeDir)
	public, err := o.config.publicFiles()
	if err != nil {
		return err
	}
	for _, path := range public {
		b, err := readPublic(path)
		if err != nil {
			return err
		}
		name := o.config.nameInCopy(path)
		if err := copyFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
		m.Files = append(m.Files, copiedFile{backupNodeDir + "/" + filepath.ToSlash(name), events.Sum(b)})
	}
	if o.keysTo == "" {
		return nil
	}
	secret, err := o.config.secretFiles()
	if err != nil {
		return err
	}
	for _, path := range secret {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("couldn't read key: %w", err)
		}
		if err := copyFile(filepath.Join(o.keysTo, o.config.nameInCopy(path)), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// nameInCopy is the path as the configuration has it if it lies beside it, else its last part in a folder of strangers.
func (c *Config) nameInCopy(path string) string {
	if rel, err := filepath.Rel(c.base, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return filepath.Join("elsewhere", filepath.Base(path))
}

// publicFiles are the configuration, the genesis change, the verifier key, certificates, and what is in the trust folder.
func (c *Config) publicFiles() ([]string, error) {
	list := []string{c.file}
	for _, optional := range []string{filepath.Join(c.base, genesisFile), filepath.Join(c.base, vkeyFile)} {
		there, err := exists(optional)
		if err != nil {
			return nil, err
		}
		if there {
			list = append(list, optional)
		}
	}
	for _, p := range c.Administrators {
		list = append(list, c.path(p))
	}
	chains := []string{c.NodeChain}
	for _, k := range c.Keys {
		chains = append(chains, k.Chain)
	}
	for _, s := range c.SigningServices {
		chains = append(chains, s.Roots)
	}
	for _, p := range append(chains, c.Notify.Email.Roots, c.Notify.Webhook.Roots) {
		if p != "" {
			list = append(list, c.path(p))
		}
	}
	err := filepath.WalkDir(c.path(c.Trust), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't read trust folder: %w", err)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// secretFiles are the files of keys, PINs and passwords that the configuration names. Keys in tokens and at services cannot be copied.
func (c *Config) secretFiles() ([]string, error) {
	entries, err := c.keyEntries()
	if err != nil {
		return nil, err
	}
	var list, sources []string
	for _, e := range entries {
		if e.Ref.Path() != "" {
			list = append(list, c.path(e.Ref.Path()))
		}
		sources = append(sources, e.Ref.PINSource())
	}
	if ref, err := keystore.ParseRef(c.Witness.Key); err == nil && ref.Path() != "" {
		list = append(list, c.path(ref.Path()))
		sources = append(sources, ref.PINSource())
	}
	sources = append(sources, c.Store.PasswordSource, c.Notify.Email.PasswordSource)
	for _, s := range c.SigningServices {
		sources = append(append(sources, s.ClientSecretSource, s.TokenSource), slices.Collect(maps.Values(s.AuthSources))...)
	}
	for _, s := range c.Timestamp.Services {
		sources = append(sources, s.PasswordSource)
	}
	for _, source := range sources {
		if file, ok := strings.CutPrefix(source, "file:"); ok {
			list = append(list, c.path(file))
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// readPublic reads a file that is about to leave the node, and refuses one with a private key in it.
func readPublic(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfigFile {
		return nil, fmt.Errorf("couldn't copy %s: %d bytes, limit %d", path, info.Size(), maxConfigFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(b, []byte("PRIVATE KEY-----")) {
		return nil, fmt.Errorf("couldn't copy %s: there is a private key in it; keep it in a file of its own", path)
	}
	if isPKCS12(path) {
		return nil, fmt.Errorf("couldn't copy %s: a PKCS#12 file holds a private key", path)
	}
	return b, nil
}

func isPKCS12(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".p12" || ext == ".pfx"
}

// copyFile writes a file if it isn't there with the same bytes.
func copyFile(path string, b []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeDurable(path, b, mode)
}

// writeDurable replaces a file in one step; it survives a power failure once this has returned.
func writeDurable(path string, b []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tram-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
