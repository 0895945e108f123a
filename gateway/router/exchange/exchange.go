// Package exchange tells peers which agencies this node serves, and learns theirs.
//
// What a node publishes are directory changes of its own, signed with its own key: the operations of the changes that it
// has accepted itself, as far as they speak of agencies it serves, their codes and the certificates that sign for them.
// Nothing about clients, rights, policy or other nodes leaves the house. A peer takes them in through its own door,
// where its directory trusts the signer for its identifier space only.
//
// A published change follows from the log alone: its id, its time and its content are the same whenever it is made, so
// that a peer who asks again learns nothing twice.
package exchange

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router/peer"
	"github.com/tram-exchange/tram/internal/orgid"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// Log is what is read of the record. events.Store satisfies it.
type Log interface {
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Event(ctx context.Context, position uint64) (events.Event, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
}

// Node is the gateway's core. *gateway.Node satisfies it.
type Node interface {
	Origin() string
	Snapshot() *gateway.Snapshot
	Accept(ctx context.Context, c gateway.Caller, r io.Reader, size int64) (gateway.Accepted, error)
}

// Source asks a peer for what it publishes. *peer.Client satisfies it.
type Source interface {
	Change(ctx context.Context, from peer.Target, after string) (id string, change []byte, err error)
}

// Options of an Exchange. All are required but Every and Logger.
type Options struct {
	Log    Log
	Node   Node
	Source Source
	Key    crypto.Signer       // signs what this node publishes; its peers have enrolled the certificate
	Chain  []*x509.Certificate // of Key, its own first
	// Identity gives the key and chain to sign with now, in place of Key and Chain, so that they can be replaced while the node
	// runs. release is called when the signature is made. Nil: Key and Chain.
	Identity func() (key crypto.Signer, chain []*x509.Certificate, release func(), err error)
	Now      func() time.Time
	Every    time.Duration // how often peers are asked; 0 = 10 min
	Logger   *slog.Logger
	// Answered is told of every peer that has answered: what waits for it need wait no longer. Nil: nobody.
	Answered func(origin string)
}

// Exchange publishes and learns. Its methods may be called concurrently.
type Exchange struct {
	o     Options
	poked chan struct{}

	mu      sync.Mutex
	changes []uint64          // positions of this node's accepted changes, in order
	read    uint64            // version of the directory stream read so far
	made    map[string][]byte // the last few changes made, by id
	after   map[string]string // by peer: id of the last change seen
}

// New makes an exchange. It reads nothing yet.
func New(o Options) (*Exchange, error) {
	if o.Log == nil || o.Node == nil || o.Source == nil || o.Key == nil || len(o.Chain) == 0 || o.Now == nil {
		return nil, errors.New("couldn't make directory exchange: log, node, source, key, chain and clock are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Every <= 0 {
		o.Every = 10 * time.Minute
	}
	return &Exchange{o: o, poked: make(chan struct{}, 1), made: make(map[string][]byte), after: make(map[string]string)}, nil
}

// prefix begins every id that this node gives: an origin has characters that an id may not have, so its digest stands in.
func (x *Exchange) prefix() string {
	return "dir:" + events.Sum([]byte(x.o.Node.Origin())).String() + ":"
}

// id names the change published for the one accepted at a position; part is the number of a single operation of it, -1
// for all.
func (x *Exchange) id(position uint64, part int) string {
	id := x.prefix() + strconv.FormatUint(position, 10)
	if part >= 0 {
		id += ":" + strconv.Itoa(part)
	}
	return id
}

// parseID reads an id of this node.
func (x *Exchange) parseID(id string) (position uint64, part int, ok bool) {
	rest, ok := strings.CutPrefix(id, x.prefix())
	if !ok {
		return 0, 0, false
	}
	number, single, cut := strings.Cut(rest, ":")
	position, err := strconv.ParseUint(number, 10, 63)
	part = -1
	if err == nil && cut {
		part, err = strconv.Atoi(single)
	}
	return position, part, err == nil && id == x.id(position, part)
}

// Next implements peer.Publisher: the first published change after the one named, or, for the name of a change with the
// suffix ":each", its first operation alone; after an operation alone the next one of the same change.
func (x *Exchange) Next(ctx context.Context, after string) (id string, change []byte, err error) {
	if err := x.catchUp(ctx); err != nil {
		return "", nil, err
	}
	if whole, each := strings.CutSuffix(after, eachSuffix); each {
		if position, part, ok := x.parseID(whole); ok && part < 0 {
			return x.make(ctx, position, 0)
		}
		return "", nil, gateway.Refuse(gateway.CodeParameter).At("after")
	}
	position, part, ok := x.parseID(after)
	switch {
	case after == "":
	case !ok:
		return "", nil, gateway.Refuse(gateway.CodeParameter).At("after")
	case part >= 0:
		return x.make(ctx, position, part+1)
	}
	x.mu.Lock()
	changes := x.changes
	x.mu.Unlock()
	for _, p := range changes {
		if after != "" && p <= position {
			continue
		}
		if id, change, err = x.make(ctx, p, -1); err != nil || change != nil {
			return id, change, err
		}
	}
	return "", nil, nil
}

const eachSuffix = ":each"

// catchUp finds the changes accepted since it was last asked.
func (x *Exchange) catchUp(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.o.Log.Stream(ctx, directory.Stream, x.read, func(e events.Event) error {
		if e.Statement.Name == directory.NameChangeAccepted && e.Statement.Package != nil {
			x.changes = append(x.changes, e.Position)
		}
		x.read = e.Statement.Version + 1
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read the directory: %w", err)
	}
	return nil
}

// make builds and signs what is published of the change accepted at a position. nil bytes: nothing.
func (x *Exchange) make(ctx context.Context, position uint64, part int) (string, []byte, error) {
	id := x.id(position, part)
	x.mu.Lock()
	b, ok := x.made[id]
	x.mu.Unlock()
	if ok {
		return id, b, nil
	}
	e, err := x.o.Log.Event(ctx, position)
	if err != nil {
		return "", nil, fmt.Errorf("couldn't read event %d: %w", position, err)
	}
	if e.Statement.Name != directory.NameChangeAccepted || e.Statement.Package == nil {
		return "", nil, gateway.Refuse(gateway.CodeParameter).At("after")
	}
	ops, err := x.operations(ctx, *e.Statement.Package)
	if err != nil {
		return "", nil, err
	}
	if part >= len(ops) || len(ops) == 0 {
		return id, nil, nil
	}
	if part >= 0 {
		ops = ops[part : part+1]
	}
	b, _, err = schemas.MarshalDirectoryChange(schemas.Header{
		ID: id, From: "peer:" + x.o.Node.Origin(), IssuedAt: e.Statement.Time,
	}, schemas.DirectoryChange{Operations: ops})
	if err != nil {
		return "", nil, fmt.Errorf("couldn't write directory change: %w", err)
	}
	if b, err = x.sign(b); err != nil {
		return "", nil, fmt.Errorf("couldn't sign directory change: %w", err)
	}
	x.mu.Lock()
	if len(x.made) >= maxMade {
		clear(x.made)
	}
	x.made[id] = b
	x.mu.Unlock()
	return id, b, nil
}

func (x *Exchange) sign(doc []byte) ([]byte, error) {
	if x.o.Identity == nil {
		return signing.Sign(doc, x.o.Key, x.o.Chain, signing.SignOptions{})
	}
	key, chain, release, err := x.o.Identity()
	if err != nil {
		return nil, err
	}
	defer release()
	return signing.Sign(doc, key, chain, signing.SignOptions{})
}

// maxMade bounds how many signed changes are remembered: peers ask for the same few.
const maxMade = 64

// operations are those of an accepted change that peers are told.
func (x *Exchange) operations(ctx context.Context, ref events.PackageRef) ([]schemas.Operation, error) {
	r, err := x.o.Log.OpenPackage(ctx, ref.SHA256)
	if err != nil {
		return nil, fmt.Errorf("couldn't open directory change: %w", err)
	}
	defer r.Close()
	p, err := schemas.Parse(ctx, schemas.Received{Source: r, SHA256: ref.SHA256}, schemas.Options{})
	if err != nil {
		return nil, fmt.Errorf("couldn't read accepted directory change %s: %w", ref.SHA256, err)
	}
	if p.Change == nil {
		return nil, fmt.Errorf("couldn't read accepted directory change %s: it is a %s", ref.SHA256, p.Kind)
	}
	d := x.o.Node.Snapshot().Directory
	var out []schemas.Operation
	for _, op := range p.Change.Operations {
		if op = x.published(d, op); op != nil {
			out = append(out, op)
		}
	}
	return out, nil
}

// published is the operation as peers are told, nil if it is none of their business.
func (x *Exchange) published(d directory.State, op schemas.Operation) schemas.Operation {
	origin := x.o.Node.Origin()
	here := func(code string) bool {
		o, ok := organisation(d, code)
		return ok && o.Node == ""
	}
	switch op := op.(type) {
	case schemas.AddOrganisation:
		if !here(op.Code) || op.Node != "" && op.Node != origin {
			return nil
		}
		op.Node = origin
		if op.Parent != "" && !here(op.Parent) {
			op.Parent = ""
		}
		return op
	case schemas.ChangeOrganisation:
		if !here(op.Code) || op.Node != "" && op.Node != origin {
			return nil
		}
		op.Node = ""
		if op.Parent != "" && !here(op.Parent) {
			op.Parent = ""
		}
		if op.Name == "" && op.Parent == "" && op.Level == 0 {
			return nil
		}
		return op
	case schemas.CloseOrganisation:
		if here(op.Code) {
			return op
		}
	case schemas.AddCode:
		if here(op.Organisation) {
			return op
		}
	case schemas.RemoveCode:
		if here(op.Organisation) {
			return op
		}
	case schemas.EnrolCertificate:
		if op.Holder.Kind != schemas.HolderOrganisation || !here(op.Holder.ID) {
			return nil
		}
		var purposes []schemas.Purpose
		for _, p := range op.Purposes {
			if signs(directory.Purpose(p)) {
				purposes = append(purposes, p)
			}
		}
		if op.Purposes = purposes; len(purposes) > 0 {
			return op
		}
	case schemas.RevokeCertificate:
		c, ok := d.Certificate(op.SHA256)
		if !ok || c.Holder.Kind != directory.HolderOrganisation || !here(c.Holder.ID) {
			return nil
		}
		for _, p := range c.Purposes {
			if signs(p) {
				return op
			}
		}
	}
	return nil
}

// signs says whether a purpose is of interest elsewhere: what signs packages.
func signs(p directory.Purpose) bool {
	switch p {
	case directory.PurposeSign, directory.PurposeCustody, directory.PurposePerson, directory.PurposeVoucher:
		return true
	}
	return false
}

// organisation finds an organisation by any code it ever had.
func organisation(d directory.State, code string) (*directory.Organisation, bool) {
	return d.Organisation(d.Resolve(orgid.Canonical(code), time.Time{}).Direct)
}

// parse reads a published change, before and beside the door: nothing is trusted by it.
func parse(ctx context.Context, b []byte) (*schemas.DirectoryChange, error) {
	p, err := schemas.Parse(ctx, schemas.ReceivedBytes(b), schemas.Options{})
	if err != nil {
		return nil, err
	}
	if p.Change == nil {
		return nil, fmt.Errorf("couldn't read directory change: it is a %s", p.Kind)
	}
	return p.Change, nil
}

func reader(b []byte) io.Reader { return bytes.NewReader(b) }
