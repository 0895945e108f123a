package portal

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// nameCache remembers what the directory says of organisations for a minute: one page names the same few often.
type nameCache struct {
	node Node
	mu   sync.Mutex
	orgs map[string]namedOrg
}

type namedOrg struct {
	org   Organisation
	until time.Time
}

const (
	nameLife = time.Minute
	nameRoom = 4096
)

func newNameCache(n Node) *nameCache { return &nameCache{node: n, orgs: map[string]namedOrg{}} }

// organisation by identity. One that the directory does not know stands for itself.
func (c *nameCache) organisation(ctx context.Context, org string) (Organisation, error) {
	now := c.node.Now()
	c.mu.Lock()
	found, ok := c.orgs[org]
	c.mu.Unlock()
	if ok && now.Before(found.until) {
		return found.org, nil
	}
	o, err := c.node.Organisation(ctx, org)
	if errors.Is(err, view.ErrNotFound) {
		o, err = Organisation{Org: org, Code: org, Name: org}, nil
	}
	if err != nil {
		return Organisation{}, err
	}
	if len(o.Identities) == 0 {
		o.Identities = []string{org}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.orgs) >= nameRoom {
		clear(c.orgs)
	}
	c.orgs[org] = namedOrg{o, now.Add(nameLife)}
	return o, nil
}

// name for a page; the identity when nothing better is known.
func (c *nameCache) name(ctx context.Context, org string) string {
	if org == "" {
		return ""
	}
	o, err := c.organisation(ctx, org)
	if err != nil || o.Name == "" {
		return org
	}
	return o.Name
}
