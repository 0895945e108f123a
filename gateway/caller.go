package gateway

import (
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// Kind says in what capacity a caller stands at the door.
type Kind string

// Kinds of callers. What each may do is the table in access.go.
const (
	KindAgency        Kind = "agency"        // an organisation's own system (or its clerk in the portal)
	KindChannel       Kind = "channel"       // a receiving channel registered to hand in for organisations
	KindPeer          Kind = "peer"          // another node
	KindAuditor       Kind = "auditor"       // recorded right over all agencies for a period
	KindOperator      Kind = "operator"      // runs the node; opens no documents
	KindAdministrator Kind = "administrator" // signs directory changes; opens no documents
	KindNode          Kind = "node"          // the node itself (router, folder adapter for its own agencies)
)

// Caller is an authenticated caller. Only an Authenticator (or the portal's session, for people) makes one; a zero
// Caller may do nothing.
type Caller struct {
	Client string   // what events name: "cert:<hex SHA-256>", "token:<id>", "peer:<origin>", "portal:<account>", "node"
	Kind   Kind     // capacity
	Orgs   []string // organisation identities it stands for; a channel: those it may bring; empty for others
	Peer   string   // origin of the peer node, for KindPeer
	Name   string   // for logs of the node: label of the credential, no personal data

	holder directory.Holder // whose credential it is
	client string           // id in the directory, "" when the certificate itself is enrolled
	tls    events.Digest    // that certificate; zero for others
}

// StandsFor says whether the caller acts for the organisation with this identity.
func (c Caller) StandsFor(org string) bool {
	return org != "" && c.Client != "" && (c.Kind == KindAgency || c.Kind == KindChannel) && slices.Contains(c.Orgs, org)
}
