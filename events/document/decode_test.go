package document

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

// agree compares the fast reader with encoding/json over what the package writes and over mutations of that.
func agree[T any](t *testing.T, fast func([]byte) (T, error), gen *rapid.Generator[T]) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		data, err := events.MarshalObject(gen.Draw(rt, "data"))
		if err != nil {
			rt.Fatal(err)
		}
		if rapid.Bool().Draw(rt, "mutate") {
			i := rapid.IntRange(0, len(data)-1).Draw(rt, "at")
			switch rapid.IntRange(0, 2).Draw(rt, "how") {
			case 0:
				data[i] = rapid.Byte().Draw(rt, "byte")
			case 1:
				data = append(data[:i:i], data[i+1:]...)
			default:
				data = append(data[:i:i], append([]byte{rapid.Byte().Draw(rt, "byte")}, data[i:]...)...)
			}
		}
		got, gotErr := fast(data)
		var want T
		wantErr := json.Unmarshal(data, &want)
		if (gotErr == nil) != (wantErr == nil) {
			rt.Fatalf("%s: got %v, encoding/json says %v", data, gotErr, wantErr)
		}
		if gotErr == nil && !reflect.DeepEqual(got, want) {
			rt.Fatalf("%s: got %+v, expected %+v", data, got, want)
		}
	})
}

func TestFastReaderAgreesWithJSON(t *testing.T) {
	word := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9.:/-]{0,20}`), rapid.String())
	words := rapid.SliceOfN(word, 0, 3)
	digest := rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), func(b []byte) events.Digest { return events.Digest(b) })
	moment := rapid.Map(rapid.Int64Range(0, 1<<50), func(n int64) time.Time { return time.UnixMicro(n).UTC() })
	hop := func(t *rapid.T) *PeerHop {
		if rapid.Bool().Draw(t, "no peer") {
			return nil
		}
		return &PeerHop{
			Origin: word.Draw(t, "origin"), Position: rapid.Uint64Range(0, 1<<63-1).Draw(t, "position"),
			Received: moment.Draw(t, "received"),
		}
	}
	recipient := rapid.Custom(func(t *rapid.T) Recipient {
		return Recipient{
			Org: word.Draw(t, "org"), Codes: words.Draw(t, "codes"), Via: words.Draw(t, "via"), Node: word.Draw(t, "node"),
			Elsewhere: rapid.Bool().Draw(t, "elsewhere"),
		}
	})
	agree(t, decodeReceived, rapid.Custom(func(t *rapid.T) Received {
		d := Received{
			Document: word.Draw(t, "document"), Business: rapid.IntRange(0, 3).Draw(t, "business"), Sender: word.Draw(t, "sender"),
			SenderCode: word.Draw(t, "code"), SenderNode: word.Draw(t, "node"), Content: digest.Draw(t, "content"),
			Assurance: word.Draw(t, "assurance"), Priority: rapid.IntRange(-1, 4).Draw(t, "priority"),
			Recipients: rapid.SliceOfN(recipient, 0, 3).Draw(t, "recipients"), Judged: moment.Draw(t, "judged"), Peer: hop(t),
		}
		if rapid.IntRange(0, 3).Draw(t, "effects") == 0 {
			d.Effects = []EffectOn{{Kind: EffectRecall, Document: "aa"}}
		}
		return d
	}))
	agree(t, decodeStatus, rapid.Custom(func(t *rapid.T) StatusReported {
		return StatusReported{
			Document: word.Draw(t, "document"), Code: word.Draw(t, "code"), Reporter: word.Draw(t, "reporter"),
			ReporterCode: word.Draw(t, "reporter code"), ReporterNode: word.Draw(t, "node"), About: word.Draw(t, "about"),
			To: words.Draw(t, "to"), Timestamp: word.Draw(t, "timestamp"), Content: digest.Draw(t, "content"),
			Assurance: word.Draw(t, "assurance"), Judged: moment.Draw(t, "judged"), Peer: hop(t),
		}
	}))
}
