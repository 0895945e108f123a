package signing_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/tram-exchange/tram/signing"
)

// TestSignatureFilter: of all XPath, the one that leaves out signatures is accepted, letter by letter.
func TestSignatureFilter(t *testing.T) {
	file, err := os.ReadFile("../testdata/xades/dss-enveloped-b.case")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ := bytes.Cut(file, []byte("\n\n"))
	const filter2, xpath = "http://www.w3.org/2002/06/xmldsig-filter2", "http://www.w3.org/TR/1999/REC-xpath-19991116"
	const good = `<ds:Transform Algorithm="` + filter2 + `"><dsig-filter2:XPath xmlns:dsig-filter2="` + filter2 + `" Filter="subtract">/descendant::ds:Signature</dsig-filter2:XPath></ds:Transform>`
	if !bytes.Contains(doc, []byte(good)) {
		t.Fatal("the vector has another transform")
	}
	element := func(attrs, text string) string {
		return `<ds:Transform Algorithm="` + filter2 + `"><f:XPath xmlns:f="` + filter2 + `"` + attrs + `>` + text + `</f:XPath></ds:Transform>`
	}
	old := func(text string) string {
		return `<ds:Transform Algorithm="` + xpath + `"><ds:XPath>` + text + `</ds:XPath></ds:Transform>`
	}
	const subtract, all = ` Filter="subtract"`, "/descendant::ds:Signature"
	for name, c := range map[string]struct {
		transform string
		digests   bool // fit: the value never does, for SignedInfo was changed
		want      signing.Refusal
	}{
		"as it is":                 {good, true, signing.Accepted},
		"another prefix":           {element(` xmlns:q="http://www.w3.org/2000/09/xmldsig#"`+subtract, "/descendant::q:Signature"), true, signing.ValueMismatch},
		"white space":              {element(subtract, "\n "+all+"\t"), true, signing.ValueMismatch},
		"the older form":           {old("not(ancestor-or-self::ds:Signature)"), true, signing.ValueMismatch},
		"enveloped-signature":      {`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`, true, signing.ValueMismatch},
		"intersect":                {element(` Filter="intersect"`, all), false, signing.TransformRefused},
		"union":                    {element(` Filter="union"`, all), false, signing.TransformRefused},
		"no filter":                {element("", all), false, signing.TransformRefused},
		"an attribute more":        {element(subtract+` x="1"`, all), false, signing.TransformRefused},
		"everything":               {element(subtract, "/"), false, signing.TransformRefused},
		"more of it":               {element(subtract, all+"|//*"), false, signing.TransformRefused},
		"one step":                 {element(subtract, "//ds:Signature"), false, signing.TransformRefused},
		"no prefix":                {element(subtract, "/descendant::Signature"), false, signing.TransformRefused},
		"prefix of another":        {element(subtract, "/descendant::f:Signature"), false, signing.TransformRefused},
		"prefix rebound":           {element(` xmlns:ds="urn:x"`+subtract, all), false, signing.TransformRefused},
		"nothing":                  {element(subtract, ""), false, signing.TransformRefused},
		"comment inside":           {element(subtract, "/descendant::<!-- -->ds:Signature"), false, signing.MalformedSignature},
		"element inside":           {element(subtract, all+"<ds:a/>"), false, signing.TransformRefused},
		"two expressions":          {`<ds:Transform Algorithm="` + filter2 + `"><f:XPath xmlns:f="` + filter2 + `" Filter="subtract">` + all + `</f:XPath><f:XPath xmlns:f="` + filter2 + `" Filter="subtract">` + all + `</f:XPath></ds:Transform>`, false, signing.TransformRefused},
		"without expression":       {`<ds:Transform Algorithm="` + filter2 + `"/>`, false, signing.TransformRefused},
		"old form in the new":      {element(subtract, "not(ancestor-or-self::ds:Signature)"), false, signing.TransformRefused},
		"old form, new namespace":  {`<ds:Transform Algorithm="` + xpath + `"><f:XPath xmlns:f="` + filter2 + `" Filter="subtract">` + all + `</f:XPath></ds:Transform>`, false, signing.TransformRefused},
		"old form, everything":     {old("true()"), false, signing.TransformRefused},
		"old form, nothing":        {old("not(ancestor-or-self::*)"), false, signing.TransformRefused},
		"behind canonicalisation":  {`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` + good, false, signing.TransformRefused},
		"with enveloped-signature": {`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>` + good, false, signing.TransformRefused},
		"text beside":              {`<ds:Transform Algorithm="` + filter2 + `">x<f:XPath xmlns:f="` + filter2 + `" Filter="subtract">` + all + `</f:XPath></ds:Transform>`, false, signing.MalformedSignature},
	} {
		t.Run(name, func(t *testing.T) {
			changed := bytes.Replace(doc, []byte(good), []byte(c.transform), 1)
			rep, err := signing.Verify(context.Background(), signing.BytesSource(changed), signing.VerifyOptions{CryptoOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			res := &rep.Signatures[0]
			if res.Refusal != c.want || res.DigestsOK != c.digests {
				t.Errorf("got %q (%v), digests %v; want %q, %v", res.Refusal, res.Err, res.DigestsOK, c.want, c.digests)
			}
			if c.digests && (!res.WholeDocument || len(res.Covered) == 0) {
				t.Errorf("whole %v, covered %v", res.WholeDocument, res.Covered)
			}
		})
	}
}

// TestFilterCoversNoSignature: what stands in other signatures is not covered then.
func TestFilterCoversNoSignature(t *testing.T) {
	file, err := os.ReadFile("../testdata/xades/dss-enveloped-b.case")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ := bytes.Cut(file, []byte("\n\n"))
	const other = `<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"><s:Object>forged</s:Object></s:Signature>`
	at := bytes.LastIndex(doc, []byte("</"))
	doc = append(append(bytes.Clone(doc[:at]), other...), doc[at:]...)
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Signatures) != 2 || !rep.Signatures[0].DigestsOK || rep.Signatures[1].Refusal == signing.Accepted {
		t.Fatalf("%+v", rep.Signatures)
	}
	start := int64(bytes.Index(doc, []byte(other)))
	for _, r := range rep.Signatures[0].Covered {
		if r.Start < start+int64(len(other)) && start < r.End {
			t.Errorf("%v covers the other signature at %d", r, start)
		}
	}
	if refusal, _ := rep.Refusal(); refusal == signing.Accepted {
		t.Error("accepted")
	}
}
