package main

import "context"

// directories: until the router's exchange is wired.
type directories struct{}

func (directories) Next(context.Context, string) (string, []byte, error) { return "", nil, nil }
func (directories) Run(ctx context.Context) error                        { <-ctx.Done(); return nil }

func (a *app) newDirectories() (directories, error) { return directories{}, nil }
