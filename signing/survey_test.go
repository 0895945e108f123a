package signing

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// White space may stand anywhere in a value, and changes nothing; everything else is strict.
func TestDecodeBase64(t *testing.T) {
	for n := range 100 {
		want := bytes.Repeat([]byte{0xfb, byte(n), 0x3f}, n)[:n]
		text := base64.StdEncoding.EncodeToString(want)
		for _, space := range []string{"", " ", "\t", "\r", "\n", "\r\n", " \n\t\r"} {
			for _, every := range []int{1, 3, 4, 64, 76} {
				var b strings.Builder
				b.WriteString(space)
				for i := 0; i < len(text); i += every {
					b.WriteString(text[i:min(i+every, len(text))] + space)
				}
				in := b.String()
				got, err := decodeBase64([]byte(in))
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%q gave %x, %v, expected %x", in, got, err, want)
				}
			}
		}
	}
	for _, bad := range []string{"QQ", "QQ=", "QR==", "QQ==QQ==", "Q\vQ==", "Q\u00a0Q==", "QQ==x", "-_==", "QQ=\n", "QR=\n="} {
		if got, err := decodeBase64([]byte(bad)); err == nil {
			t.Errorf("%q was read as %x", bad, got)
		}
	}
}

func BenchmarkDecodeBase64(b *testing.B) {
	text := []byte(base64.StdEncoding.EncodeToString(make([]byte, 900)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeBase64(text); err != nil {
			b.Fatal(err)
		}
	}
}
