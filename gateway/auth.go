package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// Credential is what a request presents. The TLS layer has proved that the caller holds the certificate's key; whether
// the certificate means anything here only the directory knows, so no authority is asked for clients.
type Credential struct {
	Certificate *x509.Certificate // nil: none
	Token       string            // "": none
}

// NewToken makes an API token: 32 random bytes in base64url. The node never keeps it, only its TokenDigest.
func NewToken(random io.Reader) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("couldn't make token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// TokenDigest is what a directory change registers for a token: the SHA-256 of its text as it stands in the
// Authorization header. No salt and no slow hash: the token is 32 random bytes, nothing can be guessed.
func TokenDigest(token string) events.Digest { return sha256.Sum256([]byte(token)) }

// maxToken bounds what is hashed for a stranger.
const maxToken = 512

// Authenticate tells who calls, by the directory as the node knows it now, so that a removed client is a stranger with
// its next request. It returns a *Refusal for strangers. A request may carry a certificate and a token of the same owner.
func (n *Node) Authenticate(c Credential) (Caller, error) {
	if c.Token == "" && c.Certificate == nil {
		return Caller{}, Refuse(CodeUnauthenticated)
	}
	d, now := n.Snapshot().Directory, n.Now()
	var byToken, byCertificate Caller
	if c.Token != "" {
		var ok bool
		if byToken, ok = n.byToken(d, c.Token, now); !ok {
			return Caller{}, Refuse(CodeTokenUnknown)
		}
	}
	if c.Certificate != nil {
		var ok bool
		if byCertificate, ok = n.byCertificate(d, c.Certificate, now); !ok {
			return Caller{}, Refuse(CodeCertificateUnknown)
		}
	}
	switch {
	case c.Token == "":
		return byCertificate, nil
	case c.Certificate == nil:
		return byToken, nil
	case byToken.holder != byCertificate.holder:
		return Caller{}, Refuse(CodeCredentials)
	}
	return byToken, nil
}

func (n *Node) byToken(d directory.State, token string, now time.Time) (Caller, bool) {
	if len(token) > maxToken {
		return Caller{}, false
	}
	sum := TokenDigest(token)
	for _, l := range n.c.Local {
		if subtle.ConstantTimeCompare(l.SHA256[:], sum[:]) == 1 {
			return l.caller("token:"), true
		}
	}
	// The map is asked by digest, which a caller cannot steer towards a near miss; the comparison below costs nothing
	// and keeps the property if the directory ever looks up differently.
	c, ok := d.ClientByToken(sum)
	if !ok || c.Removed || c.Token == nil || subtle.ConstantTimeCompare(c.Token[:], sum[:]) != 1 {
		return Caller{}, false
	}
	return clientCaller(d, c, "token:"+c.ID, now)
}

func (n *Node) byCertificate(d directory.State, cert *x509.Certificate, now time.Time) (Caller, bool) {
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return Caller{}, false
	}
	sum := events.Digest(sha256.Sum256(cert.Raw))
	name := "cert:" + sum.String()
	for _, l := range n.c.Local {
		if subtle.ConstantTimeCompare(l.SHA256[:], sum[:]) == 1 {
			return l.caller("cert:"), true
		}
	}
	if e, ok := d.Certificate(sum); ok && e.Revoked && !now.Before(e.RevokedFrom) {
		return Caller{}, false // a revoked certificate opens no door, whoever else still lists it
	}
	if c, ok := d.ClientByTLS(sum); ok && !c.Removed {
		return clientCaller(d, c, name, now)
	}
	if p, ok := d.PeerByTLS(sum); ok {
		return peerCaller(p), true
	}
	if p, ok := peerByAuthority(d, cert, now); ok {
		return peerCaller(p), true
	}
	if e, ok := d.Certificate(sum); ok && e.ValidAt(now, directory.PurposeTLS) {
		c, ok := holderCaller(d, e.Holder, name, now)
		c.tls = sum
		return c, ok
	}
	return Caller{}, false
}

func (l LocalClient) caller(prefix string) Caller {
	return Caller{
		Client: prefix + "local:" + l.Name, Kind: l.Kind, Name: l.Name,
		holder: directory.Holder{Kind: "local", ID: l.Name},
	}
}

func clientCaller(d directory.State, c *directory.Client, name string, now time.Time) (Caller, bool) {
	caller, ok := holderCaller(d, c.Holder, name, now)
	caller.client, caller.Name = c.ID, c.ID
	if caller.Kind == KindChannel {
		caller.Orgs = c.SendsFor
	}
	return caller, ok
}

func holderCaller(d directory.State, h directory.Holder, name string, now time.Time) (Caller, bool) {
	c := Caller{Client: name, Name: h.ID, holder: h}
	switch h.Kind {
	case directory.HolderOrganisation:
		c.Kind = KindAgency
		o, ok := d.Organisation(h.ID)
		if !ok || o.Closed && !now.Before(o.ClosedFrom) {
			return Caller{}, false // its successor acts with its own credentials
		}
		c.Orgs = d.Identities(h.ID, now)
	case directory.HolderChannel:
		c.Kind = KindChannel
	case directory.HolderPeer:
		p, ok := d.Peer(h.ID)
		if !ok {
			return Caller{}, false
		}
		return peerCaller(p), true
	case directory.HolderAuditor:
		c.Kind = KindAuditor
	case directory.HolderOperator:
		c.Kind = KindOperator
	default:
		return Caller{}, false
	}
	return c, true
}

func peerCaller(p *directory.Peer) Caller {
	return Caller{
		Client: "peer:" + p.Origin, Kind: KindPeer, Peer: p.Origin, Name: p.Origin,
		holder: directory.Holder{Kind: directory.HolderPeer, ID: p.Origin},
	}
}

// peerByAuthority finds the peer whose listed authority issued the certificate. The certificate must name the host of
// the peer's origin: an authority issues to others too.
func peerByAuthority(d directory.State, cert *x509.Certificate, now time.Time) (*directory.Peer, bool) {
	for _, origin := range d.Peers() {
		p, ok := d.Peer(origin)
		if !ok || len(p.Authorities) == 0 {
			continue
		}
		host, _, _ := strings.Cut(origin, "/")
		if cert.VerifyHostname(host) != nil {
			continue
		}
		roots := x509.NewCertPool()
		for _, der := range p.Authorities {
			if ca, err := x509.ParseCertificate(der); err == nil {
				roots.AddCert(ca)
			}
		}
		if _, err := cert.Verify(x509.VerifyOptions{
			Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}); err == nil {
			return p, true
		}
	}
	return nil, false
}

// stands says whether the directory still knows the caller. It is asked again, because an upload or a long poll can outlast a
// revocation.
func (c Caller) stands(d directory.State, at time.Time) bool {
	switch {
	case c.client != "":
		_, ok := d.Client(c.client)
		return ok
	case !c.tls.IsZero():
		e, ok := d.Certificate(c.tls)
		return ok && e.ValidAt(at, directory.PurposeTLS)
	case c.Kind == KindPeer:
		_, ok := d.Peer(c.Peer)
		return ok
	}
	return c.Client != ""
}

// mayEmpty says whether the caller may take from the mailbox of the organisation.
func mayEmpty(d directory.State, c Caller, org string, at time.Time) bool {
	if c.Kind != KindAgency || !c.stands(d, at) {
		return false
	}
	if c.client != "" {
		client, _ := d.Client(c.client)
		return slices.Contains(d.Acts(client, at), org)
	}
	return slices.Contains(c.Orgs, org)
}

// maySendFor says whether the caller may bring packages of the organisation.
func maySendFor(d directory.State, c Caller, org string, at time.Time) bool {
	if !c.stands(d, at) {
		return false
	}
	if c.client != "" {
		client, _ := d.Client(c.client)
		return d.MaySendFor(client, org, at)
	}
	switch c.Kind {
	case KindAgency:
		return slices.Contains(c.Orgs, org)
	case KindNode:
		o, ok := d.Organisation(org)
		return ok && o.Node == ""
	}
	return false
}
