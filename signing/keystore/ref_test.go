package keystore

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	for _, c := range []struct {
		in, shown, text string
		kind            Kind
		check           func(Ref) bool
	}{
		{in: "keys/log.pem", shown: "keys/log.pem", kind: PEM, check: func(r Ref) bool { return r.Path() == "keys/log.pem" }},
		{in: "pem:keys/log.pem", shown: "keys/log.pem", text: "keys/log.pem", kind: PEM},
		{in: "/đường dẫn/có dấu.pem", shown: "/đường dẫn/có dấu.pem", kind: PEM},
		{in: "pkcs12:a.p12?pin-source=file:a.pin", shown: "pkcs12:a.p12", kind: PKCS12, check: func(r Ref) bool { return r.Path() == "a.p12" && r.PINSource() == "file:a.pin" }},
		{in: "pkcs12:a.p12", shown: "pkcs12:a.p12", kind: PKCS12},
		{in: "pkcs11:token=S%20N%20V;object=dau;id=%01%ff;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=env:PIN",
			shown: "pkcs11:token=S%20N%20V;object=dau;id=%01%ff;type=private", kind: PKCS11, check: func(r Ref) bool {
				tok := r.Token()
				return tok.Token == "S N V" && tok.Object == "dau" && string(tok.ID) == "\x01\xff" && tok.Module == "/usr/lib/softhsm/libsofthsm2.so" && r.PINSource() == "env:PIN"
			}},
		{in: "pkcs11:slot-id=3;serial=ab", shown: "pkcs11:slot-id=3;serial=ab", kind: PKCS11, check: func(r Ref) bool { return r.Token().HasSlot && r.Token().Slot == 3 }},
		{in: "remote:mysign", shown: "remote:mysign", kind: Service},
		{in: "remote:mysign/GX%2F01", shown: "remote:mysign/GX%2F01", kind: Service, check: func(r Ref) bool {
			s, c := r.Remote()
			return s == "mysign" && c == "GX/01"
		}},
	} {
		r, err := ParseRef(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		want := c.text
		if want == "" {
			want = c.in
		}
		if r.Kind() != c.kind || r.String() != c.shown || r.Text() != want || c.check != nil && !c.check(r) {
			t.Errorf("%s: got %q %q %q", c.in, r.Kind(), r.String(), r.Text())
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	for _, s := range []string{
		"", "pem:", "pkcs12:", "pkcs12:a?pin-source=", "pkcs12:a?unknown=1", "pkcs12:a?pin-source=x&pin-source=y", "pkcs11:", "pkcs11:object=a",
		"pkcs11:token=a;token=b", "pkcs11:token=%zz", "pkcs11:token=a;type=cert", "pkcs11:token=a;model=x", "pkcs11:slot-id=-1", "pkcs11:slot-id=99999999999",
		"remote:", "remote:/x", "remote:a?b", "a\nb", "a\x00", strings.Repeat("a", maxRef+1),
	} {
		if r, err := ParseRef(s); err == nil {
			t.Errorf("%.60q was read as %q", s, r.Text())
		}
	}
	for _, s := range []string{"pkcs11:token=a?pin-value=hunter2", "pkcs11:token=a;pin-value=hunter2", "pkcs12:a?password=hunter2", "pkcs12:a?pin-value=hunter2"} {
		_, err := ParseRef(s)
		if !errors.Is(err, ErrSecretInReference) {
			t.Errorf("%s: %v, want ErrSecretInReference", s, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func FuzzRef(f *testing.F) {
	for _, s := range []string{"a.pem", "pkcs12:a?pin-source=env:X", "pkcs11:token=a;id=%00?module-path=/m&pin-source=file:/p", "remote:s/c", "pkcs11:slot-id=1;object=%C4%91"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			if !r.IsZero() {
				t.Error("an error with a reference")
			}
			return
		}
		again, err := ParseRef(r.Text())
		if err != nil || again.Text() != r.Text() || again.String() != r.String() || again.Kind() != r.Kind() {
			t.Errorf("%q becomes %q (%v)", r.Text(), again.Text(), err)
		}
		if r.PINSource() != "" && r.Kind() == PKCS11 && strings.Contains(r.String(), "?") {
			t.Errorf("%q shows its query", r.String())
		}
	})
}
