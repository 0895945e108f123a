package delivery

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
	digest := rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), func(b []byte) events.Digest { return events.Digest(b) })
	moment := rapid.Map(rapid.Int64Range(0, 1<<50), func(n int64) time.Time { return time.UnixMicro(n).UTC() })
	number := rapid.Uint64Range(0, 1<<63-1)
	agree(t, decodeOffered, rapid.Custom(func(t *rapid.T) Offered {
		return Offered{
			Item: word.Draw(t, "item"), ItemID: rapid.OneOf(rapid.Just(ItemDocument), word).Draw(t, "item id"), Org: word.Draw(t, "org"),
			From: word.Draw(t, "from"), Node: word.Draw(t, "node"), Package: digest.Draw(t, "package"),
			Size: rapid.Int64().Draw(t, "size"), Priority: rapid.IntRange(-1, 9).Draw(t, "priority"), Assurance: word.Draw(t, "assurance"),
		}
	}))
	agree(t, decodeTaken, rapid.Custom(func(t *rapid.T) Taken {
		d := Taken{Client: word.Draw(t, "client"), Until: moment.Draw(t, "until")}
		if rapid.Bool().Draw(t, "requested") {
			d.Request = ptr(digest.Draw(t, "request"))
		}
		return d
	}))
	agree(t, decodeMarked, rapid.Custom(func(t *rapid.T) Marked { return Marked{Mark(word.Draw(t, "mark")), word.Draw(t, "by")} }))
	agree(t, decodeForwarded, rapid.Custom(func(t *rapid.T) Forwarded {
		return Forwarded{word.Draw(t, "node"), number.Draw(t, "position"), digest.Draw(t, "receipt")}
	}))
	agree(t, decodeFailed, rapid.Custom(func(t *rapid.T) Failed {
		return Failed{word.Draw(t, "reason"), rapid.Int().Draw(t, "attempts"), rapid.Bool().Draw(t, "final")}
	}))
	agree(t, decodeAcknowledged, rapid.Map(word, func(s string) Acknowledged { return Acknowledged{s} }))
	agree(t, decodeWithdrawn, rapid.Map(word, func(s string) Withdrawn { return Withdrawn{s} }))
}
