package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events/ledger/tiles"
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

// witnessed leads the receipt of the day's decision to a head that the other node has cosigned, by published files alone.
func (d *day) witnessed(ctx context.Context, dir string) (int, error) {
	d.say.at("17:20", "Biên nhận của quyết định được dẫn tới đầu nhật ký mà trạm VPCP cùng ký. / A receipt is led to a head that the other node has cosigned.")
	key, err := cosignerKey(ctx, d.vpcp.config)
	if err != nil {
		return 0, err
	}
	policy, receipt := filepath.Join(dir, "witness-policy"), filepath.Join(dir, "decision.receipt")
	if err := os.WriteFile(policy, []byte("log "+d.province.vkey+"\nwitness vpcp "+key+"\nquorum vpcp\n"), 0o644); err != nil {
		return 0, fmt.Errorf("couldn't write policy: %w", err)
	}
	known, err := readKey(d.province.keyFile())
	if err != nil {
		return 0, err
	}
	files, done, err := publishedFiles(ctx, d.province.url(), filepath.Join(d.province.dir(), "trust", "trial-ca.crt"))
	if err != nil {
		return 0, err
	}
	defer done()
	for end := time.Now().Add(time.Minute); ; { // the last head may not have been cosigned yet
		fresh, err := tiles.Refresh([]byte(d.decided.reply.Receipt), known, files)
		if err != nil {
			return 0, err
		}
		a, err := checkReceiptFile(fresh, known, policy)
		if err != nil {
			return 0, err
		}
		if w := a.Witnesses; w.Satisfied {
			if err := os.WriteFile(receipt, fresh, 0o644); err != nil {
				return 0, fmt.Errorf("couldn't keep receipt: %w", err)
			}
			d.say.note("%s: vị trí %d dưới đầu %d, %d/%d bên chứng kiến, %s. / Position %d under head %d, witnessed.", here(receipt), a.Position, a.Size,
				len(w.Cosignatures), w.Of, local(w.Cosignatures[0].Time), a.Position, a.Size)
			return len(w.Cosignatures), nil
		}
		if time.Now().After(end) {
			return 0, errors.New("the other node has cosigned no head of the province's log")
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
