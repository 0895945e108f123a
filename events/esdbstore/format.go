package esdbstore

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Types of the events in our own streams.
const (
	batchType = "tram.log.batch.v1"
	epochType = "tram.log.epoch.v1"
	headType  = "tram.head.v1"
	leaseType = "tram.lease.v1"

	importType = "tram.log.import.v1" // first of all: a record is moved here
	endType    = "tram.log.end.v1"    // last of all: the log goes on elsewhere
)

// source is a place in $all.
type source struct {
	Commit  uint64 `json:"commit"`
	Prepare uint64 `json:"prepare"`
}

func (s source) less(o source) bool {
	return s.Commit < o.Commit || s.Commit == o.Commit && s.Prepare < o.Prepare
}

// batchHeader is the first line of a batch.
type batchHeader struct {
	Epoch  uint64        `json:"epoch"`
	From   uint64        `json:"from"`   // position of the first statement
	Size   uint64        `json:"size"`   // of the log with this batch
	Root   events.Digest `json:"root"`   // of the tree with this batch
	Source source        `json:"source"` // of the last proposal that was taken
}

// epochEntry begins an epoch in the log.
type epochEntry struct {
	Epoch  uint64 `json:"epoch"`
	Holder string `json:"holder"`
}

// importEntry is the head of a record that is moved into the log (batches of epoch 0 follow) or out of it.
type importEntry struct {
	Size uint64        `json:"size"`
	Root events.Digest `json:"root"`
}

// leaseEntry says who sequences.
type leaseEntry struct {
	Epoch    uint64 `json:"epoch"`
	Holder   string `json:"holder"`
	Released bool   `json:"released,omitempty"`
}

// headEntry is a signed head. The size and root are in the checkpoint.
type headEntry struct {
	Epoch      uint64 `json:"epoch"`
	Time       int64  `json:"time"` // of the last event, microseconds since 1970
	Checkpoint string `json:"checkpoint"`
	// Chain names the certificates of the node that signed, an object of kind Chains.
	Chain *events.Digest `json:"chain,omitempty"`
}

func encodeBatch(h batchHeader, statements [][]byte) ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	for _, s := range statements {
		b = append(append(b, '\n'), s...)
	}
	return b, nil
}

func decodeBatch(b []byte) (h batchHeader, statements [][]byte, err error) {
	lines := bytes.Split(b, []byte("\n"))
	if err := decodeStrict(lines[0], &h); err != nil {
		return h, nil, fmt.Errorf("couldn't read batch: %w", err)
	}
	statements = lines[1:]
	if n := uint64(len(statements)); n == 0 || h.Size-h.From != n || h.Size < h.From {
		return h, nil, fmt.Errorf("couldn't read batch: %d statements, the header says %d to %d", n, h.From, h.Size)
	}
	return h, statements, nil
}

func decodeStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(b)) {
		return fmt.Errorf("%d bytes follow the object", int64(len(b))-d.InputOffset())
	}
	return nil
}
