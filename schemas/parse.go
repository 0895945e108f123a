package schemas

import (
	"context"
	"errors"
	"io"
)

// Parse reads a package. The error is a *Refusal if the package is at fault.
func Parse(ctx context.Context, r Received, o Options) (*Package, error) {
	return nil, errors.New("couldn't parse package: reader not built yet")
}

// Open gives the file, unpacked, guarded. The caller closes it.
func (a *Attachment) Open() (io.ReadCloser, error) {
	return nil, errors.New("couldn't open attachment: reader not built yet")
}
