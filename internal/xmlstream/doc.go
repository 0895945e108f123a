// Package xmlstream reads XML strictly, in one pass, in constant memory and without allocating per token.
//
// It exists because both the schema reader and the signature verifier must see exactly the same document:
// a parser that is lenient in one of them is a way to sign one thing and deliver another. What it accepts is
// well-formed, namespace-well-formed XML 1.0 in UTF-8 with no document type, and nothing else:
//
//   - a byte order mark may stand at the start; a declared encoding other than UTF-8, invalid UTF-8 and
//     characters outside the Char production are refused;
//   - DOCTYPE is refused, and so is every entity but the five predefined ones and character references;
//   - duplicate attributes are refused, by name and by expanded name; so are undeclared prefixes and
//     misuse of the xml and xmlns prefixes;
//   - depth, attributes per element, size of one tag, number of tokens and total size are bounded (Limits).
//
// The same code runs over an io.Reader, with a window that slides, and over a []byte, without copying it.
//
//	s := xmlstream.NewBytes(doc, xmlstream.Limits{})   // or NewReader(r, limits)
//	for {
//		t, err := s.Next()
//		if err == io.EOF {
//			break // the document was complete and well-formed
//		}
//		if err != nil {
//			return err // usually *SyntaxError
//		}
//		switch t.Kind {
//		case xmlstream.StartElement:
//			if t.Is("urn:example", "Code") {
//				for i := range t.Attrs {
//					value = t.Attrs[i].AppendValue(value[:0])
//				}
//			}
//		case xmlstream.Text, xmlstream.CData:
//			text = t.AppendText(text) // one run of text may come as several tokens
//		case xmlstream.EndElement:
//			// sent for <a/> too, with Start == End
//		}
//	}
//
// Tokens tile the source: but for a byte order mark, each token starts where the one before it ended. A token
// and all its slices are valid until the next call of Next. Strings (URI) stay valid.
//
// Positions are byte offsets in the source; Scanner.Line turns the offset of a current token into a line.
package xmlstream
