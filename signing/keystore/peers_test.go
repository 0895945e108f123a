//go:build peers

package keystore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// tool finds a peer. A missing one fails the run.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: %v", name, err)
	}
	return path
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

const (
	testPIN  = "24681357"
	testSOPI = "13572468"
)

// softHSM makes a token in a folder of its own. SoftHSM reads its configuration once a process, so all tests share the folder.
var softHSM = sync.OnceValues(func() (module string, err error) {
	for _, p := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(p); err == nil {
			module = p
			break
		}
	}
	if module == "" {
		return "", errors.New("SoftHSM is not installed (Debian: softhsm2)")
	}
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return "", err
	}
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+filepath.Join(dir, "tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600); err != nil {
		return "", err
	}
	return module, os.Setenv("SOFTHSM2_CONF", conf)
})

func tokenFolder() string { return filepath.Join(filepath.Dir(os.Getenv("SOFTHSM2_CONF")), "tokens") }

func TestMain(m *testing.M) {
	code := m.Run()
	if conf := os.Getenv("SOFTHSM2_CONF"); strings.Contains(conf, "softhsm") && strings.HasPrefix(conf, os.TempDir()) {
		_ = os.RemoveAll(filepath.Dir(conf))
	}
	os.Exit(code)
}

// made keeps the labels of tokens apart.
var made atomic.Int32

// newToken makes a token and gives the text of references to it, without a key's name.
func newToken(t *testing.T, label string) (ref func(object string) Ref, pinFile string) {
	t.Helper()
	module, err := softHSM()
	if err != nil {
		t.Fatal(err)
	}
	label = fmt.Sprintf("%s-%d", label, made.Add(1))
	run(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--pin", testPIN, "--so-pin", testSOPI)
	pinFile = filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pinFile, []byte(testPIN+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(object string) Ref {
		return mustRef(t, fmt.Sprintf("pkcs11:token=%s;object=%s?module-path=%s&pin-source=file:%s", label, object, module, pinFile))
	}, pinFile
}

func tokens(t *testing.T) *Tokens {
	t.Helper()
	tok := NewTokens()
	t.Cleanup(func() {
		if err := tok.Close(); err != nil {
			t.Error(err)
		}
	})
	return tok
}

// generated makes a key in a token, has it certified from its request, and puts the certificate into the token.
func generated(t *testing.T, ref Ref, kind KeyType, o Options) (Ref, *x509.Certificate) {
	t.Helper()
	ref, err := GenerateInToken(t.Context(), ref, kind, o)
	if err != nil {
		t.Fatal(err)
	}
	o.NoCertificate = true
	key, err := Open(t.Context(), ref, o)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	csr, err := CSR(key.Signer, Request{CommonName: "Sở Nội vụ", SerialNumber: "H02.02", Purpose: Organisation})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.csr")
	if err := os.WriteFile(file, csr, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, "openssl", "req", "-in", file, "-verify", "-noout", "-text"); !strings.Contains(out, "Non Repudiation") || !strings.Contains(out, "serialNumber") {
		t.Errorf("openssl does not see what was asked for:\n%s", out)
	}
	block, _ := pem.Decode(csr)
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	cert := testCA().issue(t, parsed.PublicKey, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0) // xmlsec1 judges by today
	})
	if err := ImportToToken(t.Context(), ref, []*x509.Certificate{cert, testCA().cert}, o); err != nil {
		t.Fatal(err)
	}
	if err := ImportToToken(t.Context(), ref, []*x509.Certificate{cert}, o); err != nil {
		t.Error("the same certificate again:", err)
	}
	if err := ImportToToken(t.Context(), ref, []*x509.Certificate{testCA().cert}, o); !errors.Is(err, ErrKeyMismatch) {
		t.Errorf("another's certificate: %v", err)
	}
	return ref, cert
}

func TestSoftHSMSigns(t *testing.T) {
	ref, _ := newToken(t, "ky")
	o := Options{Tokens: tokens(t)}
	for _, kind := range []KeyType{RSA2048, P256, P384} {
		t.Run(string(kind), func(t *testing.T) {
			named, cert := generated(t, ref("dau-"+string(kind)), kind, o)
			if _, err := GenerateInToken(t.Context(), ref("dau-"+string(kind)), kind, o); err == nil {
				t.Error("a second key of the same name was made")
			}
			for _, r := range []Ref{named, mustRef(t, named.Text()), ref("dau-" + string(kind))} {
				oo := o
				oo.Purpose = Organisation
				key, err := Open(t.Context(), r, oo)
				if err != nil {
					t.Fatal(err)
				}
				if len(key.Chain) != 2 || !key.Chain[0].Equal(cert) {
					t.Errorf("%s: chain of %d", r, len(key.Chain))
				}
				signCheck(t, key.Signer, cert)
				verifyWithXMLSec(t, key)
				if err := key.Close(); err != nil {
					t.Error(err)
				}
			}
			oo := o
			oo.Purpose = TSA
			if _, err := Open(t.Context(), named, oo); !errors.Is(err, ErrWrongPurpose) {
				t.Errorf("for time-stamps: %v", err)
			}
		})
	}
	for _, c := range []struct {
		ref  string
		want error
	}{
		{ref("nosuch").Text(), ErrKeyNotFound},
		{strings.Replace(ref("dau").Text(), "token=", "token=nosuch", 1), ErrNoToken},
	} {
		if _, err := Open(t.Context(), mustRef(t, c.ref), o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.ref, err)
		}
	}
	if _, err := Open(t.Context(), mustRef(t, "pkcs11:token=ky?module-path=/nosuch.so"), o); err == nil {
		t.Error("a module that is not there")
	}
}

func verifyWithXMLSec(t *testing.T, key *Key) {
	t.Helper()
	doc := []byte(`<Package xmlns="urn:example"><Header><Id>1</Id></Header><Body>Công văn số 1</Body></Package>`)
	signed, err := signing.Sign(doc, WithContext(t.Context(), key.Signer), key.Chain, signing.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, root := filepath.Join(dir, "signed.xml"), filepath.Join(dir, "root.pem")
	if err := errors.Join(os.WriteFile(file, signed, 0o600), os.WriteFile(root, signing.MarshalCertificates([]*x509.Certificate{testCA().cert}), 0o600)); err != nil {
		t.Fatal(err)
	}
	run(t, "xmlsec1", "--verify", "--trusted-pem", root, file)
	if err := os.WriteFile(file, bytes.Replace(signed, []byte("số 1"), []byte("số 2"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "xmlsec1", "--verify", "--trusted-pem", root, file).Run(); err == nil {
		t.Error("xmlsec1 verifies a changed document")
	}
}

// A wrong PIN is given to the token once, however often and by whomever it is tried.
func TestSoftHSMWrongPIN(t *testing.T) {
	ref, pinFile := newToken(t, "pin")
	good := Options{Tokens: tokens(t)}
	named, _ := generated(t, ref("dau"), P256, good)
	if err := good.Tokens.Close(); err != nil {
		t.Fatal(err)
	}
	o := Options{Tokens: tokens(t)}
	set := func(pin string) {
		t.Helper()
		if err := os.WriteFile(pinFile, []byte(pin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("00000000")
	var first string
	for try := range 5 {
		_, err := Open(t.Context(), named, o)
		if !errors.Is(err, ErrWrongPIN) || strings.Contains(err.Error(), "00000000") {
			t.Fatalf("try %d: %v", try, err)
		}
		if try == 0 {
			first = err.Error()
		} else if err.Error() == first || !strings.Contains(err.Error(), "not tried again") {
			t.Errorf("try %d went to the token: %v", try, err)
		}
	}
	set(testPIN)
	key, err := Open(t.Context(), named, o)
	if err != nil {
		t.Fatal("the right PIN after a wrong one:", err)
	}
	signCheck(t, key.Signer, key.Chain[0])
	if err := os.Chmod(pinFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := o.Tokens.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), named, Options{Tokens: tokens(t)}); !errors.Is(err, ErrSecretReadable) {
		t.Errorf("a PIN file that others read: %v", err)
	}
}

func TestSoftHSMConcurrent(t *testing.T) {
	ref, _ := newToken(t, "nhieu")
	o := Options{Tokens: tokens(t)}
	a, _ := generated(t, ref("a"), RSA2048, o)
	b, _ := generated(t, ref("b"), P256, o)
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			r := a
			if i%2 == 0 {
				r = b
			}
			key, err := Open(t.Context(), r, o)
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 20 {
				digest := sha256.Sum256([]byte{byte(i), byte(n)})
				sig, err := key.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
				if err == nil {
					err = VerifyDigest(key.Chain[0].PublicKey, digest[:], sig, crypto.SHA256)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, m := range o.Tokens.modules {
		for _, tok := range m.tokens {
			if len(tok.slots) != 0 || len(tok.idle) > maxSessions {
				t.Errorf("%d sessions are out, %d idle", len(tok.slots), len(tok.idle))
			}
		}
	}
}

// The token goes away and comes back while a key is open: signing fails meanwhile with a named error, and works again
// without anybody opening the key anew.
func TestSoftHSMComesBack(t *testing.T) {
	ref, _ := newToken(t, "ve")
	o := Options{Tokens: tokens(t), Purpose: Organisation}
	oo := o
	oo.Purpose = ""
	named, cert := generated(t, ref("dau"), P256, oo)
	key, err := Open(t.Context(), named, o)
	if err != nil {
		t.Fatal(err)
	}
	signCheck(t, key.Signer, cert)
	var tok *token
	for _, m := range o.Tokens.modules {
		for name, x := range m.tokens {
			if strings.HasSuffix(name, " "+named.Token().Token) {
				tok = x
			}
		}
	}
	// The HSM was restarted: every session and the login are gone behind our back.
	if err := tok.module.ctx.CloseAllSessions(tok.slot); err != nil {
		t.Fatal(err)
	}
	signCheck(t, key.Signer, cert)
	// The module itself was restarted.
	if err := errors.Join(tok.module.ctx.Finalize(), tok.module.ctx.Initialize()); err != nil {
		t.Fatal(err)
	}
	signCheck(t, key.Signer, cert)
	// The token is taken out, and put back later.
	away := tokenFolder() + ".away"
	if err := os.Rename(tokenFolder(), away); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(tokenFolder(), 0o700), tok.module.ctx.Finalize(), tok.module.ctx.Initialize()); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	if _, err := key.Signer.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrNoToken) {
		t.Errorf("without the token: %v", err)
	}
	if err := errors.Join(os.Remove(tokenFolder()), os.Rename(away, tokenFolder())); err != nil {
		t.Fatal(err)
	}
	signCheck(t, key.Signer, cert)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := WithContext(ctx, key.Signer).Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, stop) {
		t.Errorf("given up: %v", err)
	}
}

// Keys of a token in a ring, replaced while they sign.
func TestSoftHSMRotation(t *testing.T) {
	ref, _ := newToken(t, "thay")
	o := Options{Tokens: tokens(t)}
	a, _ := generated(t, ref("a"), P256, o)
	b, certB := generated(t, ref("b"), P256, o)
	ring, err := NewKeyring(t.Context(), []Entry{{Purpose: Organisation, Ref: a, Required: true}}, RingOptions{Open: o})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	held, err := ring.For(Organisation, "", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Reload(t.Context(), []Entry{{Purpose: Organisation, Ref: b, Required: true}}, o); err != nil {
		t.Fatal(err)
	}
	next, err := ring.For(Organisation, "", now)
	if err != nil || !next.Chain[0].Equal(certB) {
		t.Fatal("the new key isn't used:", err)
	}
	signCheck(t, next.Signer, certB)
	signCheck(t, held.Signer, held.Chain[0])
	held.Release()
	next.Release()
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenSSLPKCS12(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TRAM_TEST_PIN", "Mat-khau.1")
	for name, key := range map[string]crypto.Signer{"rsa": testRSA(), "p256": mustGenerate(P256)} {
		cert := testCA().issue(t, key.Public(), nil)
		writePEM(t, dir, name+".pem", key)
		certs := filepath.Join(dir, name+".certs")
		if err := os.WriteFile(certs, signing.MarshalCertificates([]*x509.Certificate{cert, testCA().cert}), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{}, {"-legacy"}, {"-keypbe", "AES-128-CBC", "-certpbe", "AES-256-CBC", "-macalg", "SHA512"}, {"-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES"}} {
			file := filepath.Join(dir, name+strings.Join(args, "")+".p12")
			run(t, "openssl", append([]string{"pkcs12", "-export", "-inkey", filepath.Join(dir, name+".pem"), "-in", certs, "-out", file, "-passout", "env:TRAM_TEST_PIN"}, args...)...)
			if err := os.Chmod(file, 0o600); err != nil {
				t.Fatal(err)
			}
			k, err := Open(t.Context(), mustRef(t, "pkcs12:"+file+"?pin-source=env:TRAM_TEST_PIN"), Options{Purpose: Organisation})
			if err != nil {
				t.Errorf("openssl pkcs12 -export %v: %v", args, err)
				continue
			}
			if len(k.Chain) != 2 || !k.Chain[0].Equal(cert) {
				t.Errorf("%v: chain of %d", args, len(k.Chain))
			}
			signCheck(t, k.Signer, cert)
		}
		for _, legacy := range []bool{false, true} {
			b, err := MarshalPKCS12(key, []*x509.Certificate{cert, testCA().cert}, "Mat-khau.1", legacy)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "ours.p12")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"pkcs12", "-in", file, "-nodes", "-passin", "env:TRAM_TEST_PIN"}
			if legacy {
				args = append(args, "-legacy")
			}
			if out := run(t, "openssl", args...); strings.Count(out, "BEGIN CERTIFICATE") != 2 || !strings.Contains(out, "PRIVATE KEY") {
				t.Errorf("openssl reads of ours (legacy: %v):\n%s", legacy, out)
			}
		}
	}
}
