package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"
)

// remoteOptions say how a node is reached, and where what it gave is kept.
type remoteOptions struct {
	clientFlags
	cache string
}

func (r *remoteOptions) register(fs *pflag.FlagSet) {
	fs.StringVar(&r.ca, "ca", "", "with an address: PEM certificate of the authority of the node's certificate")
	fs.StringVar(&r.tokenFile, "token-file", "", "with an address: file with the auditor's API token")
	fs.StringVar(&r.cache, "cache", "", "with an address: folder that keeps what was fetched, so that only what is new is fetched next time")
}

func (r *remoteOptions) run(ctx context.Context, o verifyOptions, progress verifyProgress) (*verifyAnswer, error) {
	return nil, errors.New("not yet")
}
