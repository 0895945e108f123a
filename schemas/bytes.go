package schemas

import (
	"bytes"
	"crypto/sha256"
)

// memory is a package in memory. Whoever can works on its bytes directly, without copying.
type memory struct {
	*bytes.Reader
	b []byte
}

// Bytes are all bytes of the source. They must not be changed.
func (m memory) Bytes() []byte { return m.b }

// ReceivedBytes is NewReceived for bytes in memory. The slice must not be changed afterwards. Its Source has a method
// Bytes() []byte.
func ReceivedBytes(b []byte) Received {
	return Received{Source: memory{bytes.NewReader(b), b}, SHA256: sha256.Sum256(b)}
}
