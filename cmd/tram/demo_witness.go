package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// witnessedBy has this node's log cosigned by another node, which must be in trustPeer. Binding: nothing is published without.
func (n *demoNode) witnessedBy(ctx context.Context, other *demoNode, binding bool) error {
	key, err := cosignerKey(ctx, other.config)
	if err != nil {
		return err
	}
	ca := filepath.Join("trust", strings.ToLower(other.org)+"-ca.crt")
	if err := n.configure("  list: []    ", fmt.Sprintf("  list: [{name: %q, key: %q, url: %q}]", other.org, key, other.url()+strings.TrimSuffix(witnessPrefix, "/"))); err != nil {
		return err
	}
	if err := n.configure("  ca: []  ", "  ca: ["+ca+"]"); err != nil {
		return err
	}
	if binding {
		return n.configure("  binding: false", "  binding: true")
	}
	return nil
}
