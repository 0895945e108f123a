package main

import (
	"fmt"
	"path/filepath"

	"github.com/tram-exchange/tram/projections"
)

// PastConfig bounds what is kept to answer "as of" questions: one database for each moment that was asked for, made from the log.
// All of it, data/asof, can be deleted at any time.
type PastConfig struct {
	// Keep is how many moments are kept; the one asked for longest ago goes. Default 8.
	Keep int `yaml:"keep"`
	// MiB bounds what they take on the disk together. Default 4096.
	MiB int64 `yaml:"mib"`
}

func (c *PastConfig) defaults() {
	if c.Keep == 0 {
		c.Keep = 8
	}
	if c.MiB == 0 {
		c.MiB = 4096
	}
}

func (c *PastConfig) check() error {
	if c.Keep < 1 || c.MiB < 1 {
		return fmt.Errorf("as_of: keep and mib must be positive, they are %d and %d", c.Keep, c.MiB)
	}
	return nil
}

// pastFolder is in the data folder.
const pastFolder = "asof"

// openPast makes the views of earlier moments. It comes after the views, which judge who may read.
func (a *app) openPast(data string) (err error) {
	a.past, err = projections.OpenPast(filepath.Join(data, pastFolder), a.store, a.views, projections.PastOptions{
		Options: projections.Options{Logger: a.log, MinFree: a.c.MinFreeMiB << 20}, Keep: a.c.AsOf.Keep, MaxBytes: a.c.AsOf.MiB << 20,
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.past.Close)
	return nil
}
