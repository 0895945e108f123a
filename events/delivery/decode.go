package delivery

import (
	"encoding/json"
)

func decode[T any](b []byte) (T, error) {
	var v T
	err := json.Unmarshal(b, &v)
	return v, err
}

func decodeOffered(b []byte) (Offered, error)     { return decode[Offered](b) }
func decodeTaken(b []byte) (Taken, error)         { return decode[Taken](b) }
func decodeMarked(b []byte) (Marked, error)       { return decode[Marked](b) }
func decodeForwarded(b []byte) (Forwarded, error) { return decode[Forwarded](b) }
func decodeFailed(b []byte) (Failed, error)       { return decode[Failed](b) }

func decodeClient(b []byte) (string, error) {
	d, err := decode[Acknowledged](b)
	return d.Client, err
}

func decodeBy(b []byte) (string, error) {
	d, err := decode[Withdrawn](b)
	return d.By, err
}
