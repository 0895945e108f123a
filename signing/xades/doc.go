// Package xades makes, reads and augments XAdES signatures (EN 319 132-1): XML signatures that say, signed, who made them and when, and
// carry what is needed to judge them later.
package xades
