package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sample() Statement {
	facts, evidence := Sum([]byte("facts")), Sum([]byte("evidence"))
	return Statement{
		Origin: "tram.bacgiang.example/log", Stream: "document/" + Sum([]byte("s")).String(), Version: 3,
		Name: "document.received.v1", Time: time.Date(2026, 11, 22, 19, 0, 0, 123456000, time.UTC),
		Actor: "H02.18", Client: "cert:" + Sum([]byte("c")).String(),
		Cause:   &Address{Origin: "vpcp.example/log", Position: 17},
		Basis:   Basis{Directory: 40, Policy: 2},
		Package: &PackageRef{SHA256: Sum([]byte("p")), Length: 20480},
		Facts:   &facts, Evidence: &evidence,
		Data:  json.RawMessage(`{"sender":"H02.18","to":["G22"],"n":-1.5e+7,"x":null}`),
		Nonce: [16]byte{1, 2, 3, 15: 255},
	}
}

func TestStatementBytesAreFixed(t *testing.T) {
	s := sample()
	got, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"origin":"tram.bacgiang.example/log",` +
		`"stream":"document/043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89","version":3,` +
		`"name":"document.received.v1","time":"2026-11-22T19:00:00.123456Z","actor":"H02.18",` +
		`"client":"cert:2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6",` +
		`"cause":{"origin":"vpcp.example/log","position":17},"basis":{"directory":40,"policy":2},` +
		`"package":{"sha256":"148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940","length":20480},` +
		`"facts":"` + s.Facts.String() + `","evidence":"` + s.Evidence.String() + `",` +
		`"data":{"sender":"H02.18","to":["G22"],"n":-1.5e+7,"x":null},"nonce":"010203000000000000000000000000ff"}`
	if string(got) != want {
		t.Fatalf("encoding:\n got %s\nwant %s", got, want)
	}
	if !json.Valid(got) {
		t.Fatal("not JSON")
	}
	back, err := DecodeStatement(got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, s) {
		t.Fatalf("decoded:\n got %+v\nwant %+v", back, s)
	}
}

func TestEveryChangedByteIsSeen(t *testing.T) {
	s := sample()
	line, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range line {
		for bit := range 8 {
			b := bytes.Clone(line)
			b[i] ^= 1 << bit
			got, err := DecodeStatement(b)
			if err != nil {
				continue
			}
			again, err := got.Encode()
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("byte %d bit %d: decoded, but encodes to %s (%v)", i, bit, again, err)
			}
		}
		if _, err := DecodeStatement(line[:i]); err == nil {
			t.Fatalf("the first %d bytes decode", i)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	s := sample()
	line, _ := s.Encode()
	for name, change := range map[string][2]string{
		"white space":       {`,"version"`, `, "version"`},
		"order":             {`"actor":"H02.18","client"`, `"client":"H02.18","actor"`},
		"leading zero":      {`"version":3`, `"version":03`},
		"negative":          {`"version":3`, `"version":-3`},
		"too large":         {`"version":3`, `"version":9223372036854775808`},
		"float":             {`"version":3`, `"version":3.0`},
		"escaped letter":    {`"actor":"H02.18"`, `"actor":"\u004802.18"`},
		"short escape":      {`"actor":"H02.18"`, `"actor":"H\n"`},
		"upper-case escape": {`"actor":"H02.18"`, `"actor":"H\u001F"`},
		"raw control":       {`"actor":"H02.18"`, "\"actor\":\"H\x01\""},
		"not UTF-8":         {`"actor":"H02.18"`, "\"actor\":\"H\xff\""},
		"empty":             {`"actor":"H02.18"`, `"actor":""`},
		"upper-case digest": {`"sha256":"148de9`, `"sha256":"148DE9`},
		"31 April":          {`2026-11-22T`, `2026-04-31T`},
		"second 60":         {`19:00:00.123456Z`, `19:00:60.123456Z`},
		"no decimals":       {`19:00:00.123456Z`, `19:00:00Z`},
		"zone":              {`19:00:00.123456Z`, `19:00:00.123456+00:00`},
		"data array":        {`"data":{"sender"`, `"data":[{"sender"`},
		"data space":        {`"to":["G22"]`, `"to": ["G22"]`},
		"data not UTF-8":    {`"to":["G22"]`, "\"to\":[\"\xff\"]"},
		"tail":              {`ff"}`, "ff\"}\n"},
	} {
		b := strings.Replace(string(line), change[0], change[1], 1)
		if b == string(line) {
			t.Errorf("%s: nothing changed", name)
		}
		if got, err := DecodeStatement([]byte(b)); err == nil {
			t.Errorf("%s: decoded as %+v", name, got)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, change := range map[string]func(*Statement){
		"no origin":   func(s *Statement) { s.Origin = "" },
		"not UTF-8":   func(s *Statement) { s.Actor = "\xff" },
		"nanoseconds": func(s *Statement) { s.Time = s.Time.Add(1) },
		"year 10000":  func(s *Statement) { s.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"version":     func(s *Statement) { s.Version = 1 << 63 },
		"no data":     func(s *Statement) { s.Data = nil },
		"data spaced": func(s *Statement) { s.Data = json.RawMessage(`{ }`) },
		"data twice":  func(s *Statement) { s.Data = json.RawMessage(`{}{}`) },
		"deep data": func(s *Statement) {
			s.Data = json.RawMessage(`{"a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`)
		},
		"length":       func(s *Statement) { s.Package.Length = -1 },
		"cause origin": func(s *Statement) { s.Cause.Origin = "" },
		"too long":     func(s *Statement) { s.Data = json.RawMessage(`{"a":"` + strings.Repeat("x", MaxStatement) + `"}`) },
	} {
		s := sample()
		change(&s)
		if b, err := s.Encode(); err == nil {
			t.Errorf("%s: encoded as %s", name, b)
		}
	}
}

func TestRoundTripOfAnyStatement(t *testing.T) {
	text := rapid.StringMatching(`(?s).+`)
	rapid.Check(t, func(t *rapid.T) {
		s := sample()
		s.Origin, s.Stream, s.Name = text.Draw(t, "origin"), text.Draw(t, "stream"), text.Draw(t, "name")
		s.Actor, s.Client = text.Draw(t, "actor"), text.Draw(t, "client")
		s.Version = rapid.Uint64Max(1<<63-1).Draw(t, "version")
		s.Time = time.UnixMicro(rapid.Int64Range(-62e15, 253e15).Draw(t, "time")).UTC()
		if rapid.Bool().Draw(t, "bare") {
			s.Cause, s.Package, s.Facts, s.Evidence = nil, nil, nil, nil
		}
		data, err := MarshalObject(map[string]string{"k": rapid.String().Draw(t, "data")})
		if err != nil {
			t.Fatal(err)
		}
		s.Data = data
		line, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(line) || bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("not one line of JSON: %s", line)
		}
		back, err := DecodeStatement(line)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, s) {
			t.Fatalf("decoded:\n got %+v\nwant %+v", back, s)
		}
	})
}

func TestDigestText(t *testing.T) {
	d := Sum(nil)
	b, err := json.Marshal(map[string]any{"d": d, "p": PackageRef{SHA256: d, Length: 1}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"d":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","p":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","length":1}}`
	if string(b) != want {
		t.Fatalf("got %s\nwant %s", b, want)
	}
	if got, err := ParseDigest(d.String()); err != nil || got != d {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", d.String()[1:], strings.ToUpper(d.String()), d.String()[:62] + "0g", d.String() + "00"} {
		if _, err := ParseDigest(bad); err == nil {
			t.Errorf("parsed %q", bad)
		}
	}
}

func FuzzDecodeStatement(f *testing.F) {
	s := sample()
	line, _ := s.Encode()
	f.Add(line)
	s.Cause, s.Package, s.Facts, s.Evidence = nil, nil, nil, nil
	s.Actor = "\"\\\x00\u2028đ"
	line, _ = s.Encode()
	f.Add(line)
	var k Decoder
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeStatement(b)
		if kept, keptErr := k.Decode(b); !reflect.DeepEqual(kept, s) || (keptErr == nil) != (err == nil) {
			t.Fatalf("a Decoder gives %+v, %v; DecodeStatement %+v, %v", kept, keptErr, s, err)
		}
		if err != nil {
			if !reflect.DeepEqual(s, Statement{}) {
				t.Fatal("an error came with a partial result")
			}
			return
		}
		again, err := s.Encode()
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("encodes differently:\n got %q\nwant %q", again, b)
		}
		if !json.Valid(b) {
			t.Fatalf("decoded, but is not JSON: %q", b)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	s := sample()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = s.AppendEncoding(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecoder(b *testing.B) {
	s := sample()
	line, _ := s.Encode()
	b.SetBytes(int64(len(line)))
	var k Decoder
	for b.Loop() {
		if _, err := k.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	s := sample()
	line, _ := s.Encode()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := DecodeStatement(line); err != nil {
			b.Fatal(err)
		}
	}
}
