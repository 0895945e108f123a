// Package portal is the door for people: a clerk at a desktop or with a telephone reads the registers, opens a
// document, sees who has it and what the node can prove about it; and an agency without software of its own does its daily work
// here. Whatever a person does becomes a signed package that passes the node's one door (Office): the portal itself writes no record.
//
// It asks small interfaces, Views and Node first, and keeps only accounts and sessions of its own (portal.db).
// Every question goes through view.Reader or view.Staff, so that what the reader may not see is not there. Pages are rendered
// here and work without JavaScript; docs/portal.md tells the rules of accounts, sessions and lock-out.
package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Config of a portal. Views, Node and Accounts are required; the rest has defaults.
type Config struct {
	Views  Views
	Node   Node
	Proofs Proofs
	Past   view.Past // how things stood; nil: pages show now only
	// The daily work of agencies: both or none. Without them there are no accounts of staff.
	OfficeViews OfficeViews
	Office      Office
	// Changed returns when the views have read more events than size, or when ctx ends; nil: pages that follow what happens ask
	// again by the clock.
	Changed  func(ctx context.Context, size uint64) error
	Notices  NoticeRules // how people may be told outside the portal
	Spool    string      // folder for files on their way into a package, default os.TempDir
	Accounts *Accounts   // opened by the caller, who also closes it after Portal.Close
	Log      *slog.Logger

	Base   string // where Handler is mounted, default "/portal"
	Secure bool   // served over TLS (also behind a proxy that ends TLS): Secure cookies and HSTS
	Trial  bool   // a trial node: every page says so
	Name   string // what the node is called, shown in the header
	// ClientAddr tells the address of a request, for the lock-out; default is the TCP peer. A node behind a
	// proxy gives a function that reads the proxy's header.
	ClientAddr func(*http.Request) string
}

// Portal is the door for people. It keeps no state but a short cache of counts.
type Portal struct {
	cfg     Config
	pages   *pages
	assets  *assets
	names   *nameCache
	volumes *volumeCache
	handler http.Handler
	offices *officeCache
	clicks  *clickTable
	holds   *holds
	paths   map[string]bool // of GET routes, for the navigation

	bodyTime            time.Duration // how long a form may take to arrive
	liveWait, livePause time.Duration
}

// New makes a portal. It does not serve by itself: mount Handler at Config.Base + "/".
func New(c Config) (*Portal, error) {
	if c.Views == nil || c.Node == nil || c.Proofs == nil || c.Accounts == nil {
		return nil, errors.New("couldn't make portal: views, node, proofs and accounts are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Base == "" {
		c.Base = "/portal"
	}
	c.Base = strings.TrimRight(c.Base, "/")
	if c.ClientAddr == nil {
		c.ClientAddr = tcpPeer
	}
	if (c.OfficeViews == nil) != (c.Office == nil) {
		return nil, errors.New("couldn't make portal: the daily work needs both its views and its office")
	}
	p := &Portal{cfg: c, names: newNameCache(c.Node), volumes: newVolumeCache(), bodyTime: bodyTime,
		offices: newOfficeCache(c.OfficeViews), clicks: newClickTable(), holds: newHolds(c.Node.Now), paths: map[string]bool{}, liveWait: liveWait, livePause: livePause}
	var err error
	if p.assets, err = loadAssets(c.Base + "/assets/"); err != nil {
		return nil, fmt.Errorf("couldn't make portal: %w", err)
	}
	if p.pages, err = loadPages(c.Base, p.assets, c.Node.Now); err != nil {
		return nil, fmt.Errorf("couldn't make portal: %w", err)
	}
	for _, rt := range routes {
		if rt.method == http.MethodGet {
			p.paths[strings.TrimSuffix(rt.path, "{$}")] = true
		}
	}
	p.handler = p.secure(p.routes())
	return p, nil
}

// Handler serves everything under Config.Base.
func (p *Portal) Handler() http.Handler { return p.handler }

// Close ends the portal and lets go of files whose forms were never done. It has no background work; Accounts are the caller's to close.
func (p *Portal) Close() error {
	p.holds.close()
	return nil
}

func tcpPeer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
