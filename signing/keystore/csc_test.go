package keystore

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

// openCSC opens the credential of a test service as any other key.
func openCSC(t *testing.T, s *cscServer, client Remote, id string) (*Key, error) {
	t.Helper()
	return Open(t.Context(), mustRef(t, "remote:thu/"+id), Options{
		Purpose: Organisation, Remotes: func(name string) (Remote, bool) { return client, name == "thu" }, Wait: Waiting{After: at0},
	})
}

func TestCSCSigns(t *testing.T) {
	for _, mode := range []struct {
		name  string
		setup func(*cscServer, *CSCConfig)
	}{
		{"at once", func(*cscServer, *CSCConfig) {}},
		{"approval late", func(s *cscServer, _ *CSCConfig) { s.authWait = 3 }},
		{"asynchronous", func(s *cscServer, c *CSCConfig) { s.signWait, c.Asynchronous = 4, true }},
		{"both", func(s *cscServer, c *CSCConfig) { s.authWait, s.signWait, c.Asynchronous = 1, 1, true }},
		{"r and s", func(s *cscServer, _ *CSCConfig) { s.raw = true }},
		{"names only", func(s *cscServer, _ *CSCConfig) { s.infoOnly = true }},
		{"with PIN", func(s *cscServer, c *CSCConfig) {
			s.pin, c.AuthData = "1234", map[string]func() (string, error){"PIN": func() (string, error) { return "1234", nil }}
		}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			s := newCSCServer(t)
			s.add("p256", mustGenerate(P256))
			s.add("p384", testP384())
			client := s.client(func(c *CSCConfig) { mode.setup(s, c) })
			list, err := client.Credentials(t.Context())
			if err != nil || len(list) != 3 {
				t.Fatal(len(list), err)
			}
			for _, id := range []string{"rsa", "p256", "p384"} {
				key, err := openCSC(t, s, client, id)
				if err != nil {
					t.Fatal(id, err)
				}
				if len(key.Chain) != 2 || !key.Chain[0].Equal(s.cert[id]) {
					t.Errorf("%s: chain of %d", id, len(key.Chain))
				}
				signCheck(t, key.Signer, s.cert[id])
			}
			if n := s.count("oauth2/token"); n != 1 {
				t.Errorf("%d tokens were asked for", n)
			}
			client.mu.Lock()
			defer client.mu.Unlock()
			if len(client.open) > 0 {
				t.Errorf("%d requests are kept though they ended", len(client.open))
			}
		})
	}
}

func TestCSCOnlyCredential(t *testing.T) {
	s := newCSCServer(t)
	if k, err := openCSC(t, s, s.client(nil), ""); err != nil || !strings.Contains(k.Location, "rsa") {
		t.Fatal(err)
	}
	s.add("p256", mustGenerate(P256))
	if _, err := openCSC(t, s, s.client(nil), ""); !errors.Is(err, ErrKeyNotFound) || !strings.Contains(err.Error(), "p256") {
		t.Errorf("two credentials: %v", err)
	}
	if _, err := openCSC(t, s, s.client(nil), "nosuch"); !errors.Is(err, ErrKeyNotFound) {
		t.Errorf("no such credential: %v", err)
	}
}

func TestCSCTroubles(t *testing.T) {
	other := mustGenerate(P256)
	for _, c := range []struct {
		name  string
		setup func(*cscServer, *CSCConfig)
		want  error
		calls map[string]int // that must have been made
	}{
		{"holder refuses", func(s *cscServer, _ *CSCConfig) { s.authWait, s.decision = 2, "access_denied" }, ErrRefused, map[string]int{"signatures/signHash": 0}},
		{"holder refuses while signing", func(s *cscServer, c *CSCConfig) { s.signWait, s.decision, c.Asynchronous = 2, "access_denied", true }, ErrRefused, nil},
		{"request expires", func(s *cscServer, _ *CSCConfig) { s.decision = "expired_token" }, ErrExpired, nil},
		{"nobody answers", func(s *cscServer, _ *CSCConfig) { s.authWait = 1 << 30 }, ErrExpired, map[string]int{"signatures/signHash": 0}},
		{"wrong PIN, once", func(s *cscServer, c *CSCConfig) {
			s.pin, c.AuthData = "1234", map[string]func() (string, error){"PIN": func() (string, error) { return "9", nil }}
		}, ErrWrongPIN, map[string]int{"credentials/authorize": 1}},
		{"PIN source broken", func(_ *cscServer, c *CSCConfig) {
			c.AuthData = map[string]func() (string, error){"PIN": func() (string, error) { return "", ErrSecretReadable }}
		}, ErrSecretReadable, map[string]int{"credentials/authorize": 0}},
		{"signature damaged", func(s *cscServer, _ *CSCConfig) { s.twist = func(sig, _ []byte) []byte { sig[9] ^= 1; return sig } }, ErrSignatureMismatch, nil},
		{"another digest was signed", func(s *cscServer, _ *CSCConfig) {
			s.twist = func(_, digest []byte) []byte {
				sum := sha256.Sum256(digest)
				sig, _ := s.keys["rsa"].Sign(rand.Reader, sum[:], crypto.SHA256)
				return sig
			}
		}, ErrSignatureMismatch, nil},
		{"another key signed", func(s *cscServer, _ *CSCConfig) {
			s.twist = func(_, digest []byte) []byte { sig, _ := other.Sign(rand.Reader, digest, crypto.SHA256); return sig }
		}, ErrSignatureMismatch, nil},
		{"two signatures", func(s *cscServer, _ *CSCConfig) { s.body = `{"signatures":["AAAA","AAAA"]}` }, ErrSignatureMismatch, nil},
		{"no signature", func(s *cscServer, _ *CSCConfig) { s.body = `{}` }, ErrProtocol, nil},
		{"no base64", func(s *cscServer, _ *CSCConfig) { s.body = `{"signatures":["*"]}` }, ErrProtocol, nil},
		{"no JSON", func(s *cscServer, _ *CSCConfig) { s.body = `<html>` }, ErrProtocol, nil},
		{"endless answer", func(s *cscServer, _ *CSCConfig) { s.body = strings.Repeat(" ", maxAnswer+2) }, nil, nil},
		{"authorize fails, never repeated", func(s *cscServer, _ *CSCConfig) { s.fail["credentials/authorize"] = []int{503} }, ErrService, map[string]int{"credentials/authorize": 1}},
		{"signHash fails, never repeated", func(s *cscServer, _ *CSCConfig) { s.fail["signatures/signHash"] = []int{500} }, ErrService, map[string]int{"signatures/signHash": 1}},
		{"polling fails for long", func(s *cscServer, _ *CSCConfig) {
			s.authWait, s.fail["credentials/authorizeCheck"] = 1, []int{500, 502, 503}
		}, ErrService, map[string]int{"credentials/authorizeCheck": cscRetries}},
		{"redirect", func(s *cscServer, _ *CSCConfig) { s.fail["signatures/signHash"] = []int{302} }, nil, map[string]int{"signatures/signHash": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCSCServer(t)
			key, err := openCSC(t, s, s.client(func(conf *CSCConfig) { c.setup(s, conf) }), "rsa")
			if err != nil {
				t.Fatal(err)
			}
			digest := sha256.Sum256([]byte("công văn"))
			sig, err := key.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err == nil || sig != nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			for op, n := range c.calls {
				if got := s.count(op); got != n {
					t.Errorf("%s was called %d times, want %d", op, got, n)
				}
			}
			for _, secret := range []string{"bí mật", "1234", "token-1"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

// What changes nothing is tried again; a token that is refused is renewed once.
func TestCSCRepeats(t *testing.T) {
	s := newCSCServer(t)
	s.fail["oauth2/token"] = []int{503}
	s.fail["credentials/info"] = []int{500, 429}
	client := s.client(nil)
	key, err := openCSC(t, s, client, "rsa")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := s.count("oauth2/token"), s.count("credentials/info"); a != 2 || b != 3 {
		t.Errorf("%d and %d calls", a, b)
	}
	s.mu.Lock()
	s.current = "another" // the service has forgotten our token
	s.mu.Unlock()
	signCheck(t, key.Signer, s.cert["rsa"])
	if n := s.count("oauth2/token"); n != 3 {
		t.Errorf("%d tokens", n)
	}
	bad := s.client(func(c *CSCConfig) { c.ClientSecret = func() (string, error) { return "falsch", nil } })
	if _, err := bad.Credentials(t.Context()); !errors.Is(err, ErrUnauthorized) || strings.Contains(err.Error(), "falsch") {
		t.Errorf("wrong secret: %v", err)
	}
	if n := s.count("oauth2/token"); n != 4 {
		t.Errorf("a refused secret was tried again: %d", n)
	}
}

// A person who takes long must not hold up whoever gives up.
func TestCSCCancel(t *testing.T) {
	s := newCSCServer(t)
	s.blocked = make(chan struct{})
	defer close(s.blocked)
	key, err := openCSC(t, s, s.client(nil), "rsa")
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	digest := sha256.Sum256(nil)
	go func() {
		_, err := WithContext(ctx, key.Signer).Sign(rand.Reader, digest[:], crypto.SHA256)
		done <- err
	}()
	<-s.arrived
	cancel(stop)
	if err := <-done; !errors.Is(err, stop) {
		t.Errorf("%v, want the cause", err)
	}
	if _, err := WithContext(ctx, key.Signer).Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, stop) {
		t.Errorf("after the end: %v", err)
	}
	if n := s.count("signatures/signHash"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestCSCConfigRefused(t *testing.T) {
	secret := func() (string, error) { return "x", nil }
	for _, c := range []CSCConfig{
		{Base: "http://a/csc/v2", Bearer: secret},
		{Base: "https://user:pw@a/csc/v2", Bearer: secret},
		{Base: "https://a/csc/v2?x=1", Bearer: secret},
		{Base: "https://a/csc/v2"},
		{Base: "https://a/csc/v2", Bearer: secret, ClientSecret: secret},
		{Base: "https://a/csc/v2", TokenURL: "http://a/token", ClientSecret: secret},
	} {
		if _, err := NewCSC(c); err == nil {
			t.Errorf("%s %s was accepted", c.Base, c.TokenURL)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	s := newCSCServer(t)
	if _, err := s.client(func(c *CSCConfig) { c.Roots = nil }).Credentials(t.Context()); !errors.Is(err, ErrService) {
		t.Errorf("an unknown authority of the service: %v", err)
	}
}

// A batch is agreed to once.
func TestCSCBatch(t *testing.T) {
	s := newCSCServer(t)
	s.authWait = 1
	client := s.client(nil)
	cred, err := client.Credential(t.Context(), "rsa")
	if err != nil {
		t.Fatal(err)
	}
	var digests [][]byte
	for i := range byte(3) {
		d := sha256.Sum256([]byte{i})
		digests = append(digests, d[:])
	}
	r := SignRequest{Credential: cred, Algorithm: Algorithm{Hash: crypto.SHA256}, Digests: digests, Description: strings.Repeat("ă", 600)}
	sigs, err := SignRemote(t.Context(), client, r, Waiting{After: at0})
	if err != nil || len(sigs) != 3 || s.count("credentials/authorize") != 1 || s.count("signatures/signHash") != 1 {
		t.Fatal(len(sigs), err)
	}
	r.Digests = append(digests, digests[0])
	if _, err := client.Request(t.Context(), r); err == nil {
		t.Error("more than the credential allows")
	}
	r.Digests = nil
	if _, err := client.Request(t.Context(), r); err == nil {
		t.Error("nothing to sign")
	}
	if _, err := client.Poll(t.Context(), "handle:nosuch"); err == nil {
		t.Error("an unknown request")
	}
}
