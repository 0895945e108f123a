//go:build !cgo

package keystore

import (
	"context"
	"crypto/x509"
)

// Tokens is empty in a build without cgo: PKCS#11 modules are C libraries.
type Tokens struct{}

// NewTokens returns an empty Tokens.
func NewTokens() *Tokens { return &Tokens{} }

// Close does nothing.
func (t *Tokens) Close() error { return nil }

func openToken(context.Context, Ref, Options) (*Key, error) { return nil, ErrNoPKCS11 }

// GenerateInToken fails with ErrNoPKCS11 in this build.
func GenerateInToken(context.Context, Ref, KeyType, Options) (Ref, error) { return Ref{}, ErrNoPKCS11 }

// ImportToToken fails with ErrNoPKCS11 in this build.
func ImportToToken(context.Context, Ref, []*x509.Certificate, Options) error { return ErrNoPKCS11 }
