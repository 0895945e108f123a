package directory

import (
	"slices"

	"github.com/tram-exchange/tram/events"
)

// maxID is the greatest length of the id of a client, right or holder that is no organisation.
const maxID = 200

// purposes says which purposes suit which holder. Only an operator's PurposeSign makes an administrator.
var purposes = map[HolderKind][]Purpose{
	HolderOrganisation: {PurposeSign, PurposeCustody, PurposePerson, PurposeTLS, PurposeVoucher},
	HolderChannel:      {PurposeChannel, PurposeVoucher, PurposeTLS},
	HolderPeer:         {PurposePeer, PurposeSign, PurposeTLS, PurposeCheckpoint},
	HolderNode:         {PurposeSign, PurposeTLS, PurposeCheckpoint},
	HolderAuditor:      {PurposeTLS},
	HolderOperator:     {PurposeSign, PurposeTLS},
	HolderArchive:      {PurposeSign, PurposeTLS},
}

// peerPurposes are those a peer may enrol for its organisations: what signs packages.
var peerPurposes = []Purpose{PurposeSign, PurposeCustody, PurposePerson, PurposeVoucher}

// resolved gives the holder with an organisation named by its identity.
func (j *judge) resolved(h Holder) (Holder, verdict) {
	if _, known := purposes[h.Kind]; !known {
		return h, wrong(ReasonHolder, string(h.Kind)+" "+h.ID)
	}
	switch h.Kind {
	case HolderOrganisation:
		o, v := j.named(h.ID)
		if v != good {
			return h, v
		}
		h.ID = o.ID
	case HolderPeer:
		if _, ok := j.s.peers.Get(h.ID); !ok {
			return h, wrong(ReasonPeerUnknown, h.ID)
		}
	default:
		if !token(h.ID, maxID) {
			return h, wrong(ReasonHolder, string(h.Kind)+" "+h.ID)
		}
	}
	return h, good
}

// own says whether an agency has signed and the holder is that agency.
func (j *judge) own(h Holder) bool { return j.authority == AuthorityAgency && h == j.holder }

// serves says whether a peer has signed and the holder is one of its organisations.
func (j *judge) serves(h Holder) bool {
	if j.authority != AuthorityPeer || h.Kind != HolderOrganisation {
		return false
	}
	o, ok := j.s.orgs.Get(h.ID)
	return ok && o.Node == j.holder.ID
}

func (j *judge) enrolCertificate(op EnrolCertificate) (verdict, error) {
	fp := op.SHA256.String()
	h, v := j.resolved(op.Holder)
	if v != good {
		return v, nil
	}
	switch {
	case j.administrates():
	case j.own(h) && j.c.SelfService.Certificates:
	case j.serves(h) && subset(op.Purposes, peerPurposes):
	case j.authority == AuthorityPeer && !j.serves(h):
		return wrong(ReasonOutsideSpace, h.ID), nil
	default:
		return wrong(ReasonNotAllowed, h.ID), nil
	}
	if op.SHA256.IsZero() || len(op.Purposes) == 0 || !subset(op.Purposes, purposes[h.Kind]) {
		return wrong(ReasonPurpose, fp), nil
	}
	if !op.Until.After(op.From) {
		return wrong(ReasonPeriod, fp), nil
	}
	if op.Until.Before(j.c.At) {
		return wrong(ReasonCertificateEnded, fp), nil
	}
	d := CertificateEnrolled{Certificate: op.SHA256, Holder: h, Purposes: ordered(op.Purposes), From: op.From.UTC(), Until: op.Until.UTC()}
	if c, ok := j.s.Certificate(op.SHA256); ok {
		switch {
		case c.Holder != h:
			return wrong(ReasonCertificateTaken, fp), nil
		case c.Revoked && !c.Suspended:
			return wrong(ReasonCertificateEnded, fp), nil
		case !c.Revoked && slices.Equal(c.Purposes, d.Purposes):
			return wrong(ReasonCertificateExists, fp), nil
		}
	}
	return good, j.emit(NameCertificateEnrolled, d, nil)
}

func subset(list, of []Purpose) bool {
	for _, p := range list {
		if !slices.Contains(of, p) {
			return false
		}
	}
	return true
}

func ordered(list []Purpose) []Purpose {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

func (j *judge) revokeCertificate(op RevokeCertificate) (verdict, error) {
	fp := op.SHA256.String()
	c, ok := j.s.Certificate(op.SHA256)
	if !ok {
		return wrong(ReasonCertificateNone, fp), nil
	}
	switch {
	case j.administrates(), j.own(c.Holder), j.serves(c.Holder):
	case j.authority == AuthorityPeer:
		return wrong(ReasonOutsideSpace, c.Holder.ID), nil
	default:
		return wrong(ReasonNotAllowed, c.Holder.ID), nil
	}
	from := j.orNow(op.From)
	// What is revoked for good can only be revoked from an earlier time on; what is suspended cannot be suspended again.
	if c.Revoked && (op.Suspend || !c.Suspended && !from.Before(c.RevokedFrom)) {
		return wrong(ReasonCertificateEnded, fp), nil
	}
	if administrator(c.Holder, c.Purposes) {
		j.revoked = append(j.revoked, j.index)
	}
	facts := words(ReasonFacts{Reason: op.Reason})
	return good, j.emit(NameCertificateRevoked, CertificateRevoked{Certificate: op.SHA256, From: from, Suspended: op.Suspend}, facts)
}

func (j *judge) registerClient(op RegisterClient) (verdict, error) {
	h, v := j.resolved(op.Holder)
	if v != good {
		return v, nil
	}
	if !j.administrates() && !(j.own(h) && j.c.SelfService.Clients && len(op.SendsFor) == 0) {
		return wrong(ReasonNotAllowed, op.ID), nil
	}
	if !token(op.ID, maxID) {
		return wrong(ReasonEmpty, op.ID), nil
	}
	if _, ok := j.s.clients.Get(op.ID); ok {
		return wrong(ReasonClientTaken, op.ID), nil
	}
	d := ClientRegistered{Client: op.ID, Holder: h, Token: digest(op.Token), TLS: digest(op.TLS)}
	var credential string
	switch {
	case d.Token != nil && d.TLS == nil:
		credential = "token:" + d.Token.String()
	case d.TLS != nil && d.Token == nil:
		credential = "tls:" + d.TLS.String()
	default:
		return wrong(ReasonCredential, op.ID), nil
	}
	if _, ok := j.s.creds.Get(credential); ok {
		return wrong(ReasonCredential, op.ID), nil
	}
	for _, code := range op.SendsFor {
		o, v := j.named(code)
		if v != good {
			return v, nil
		}
		if !slices.Contains(d.SendsFor, o.ID) {
			d.SendsFor = append(d.SendsFor, o.ID)
		}
	}
	return good, j.emit(NameClientRegistered, d, nil)
}

// digest gives a copy, nil for none.
func digest(d *events.Digest) *events.Digest {
	if d == nil || d.IsZero() {
		return nil
	}
	out := *d
	return &out
}

func (j *judge) removeClient(op RemoveClient) (verdict, error) {
	c, ok := j.s.Client(op.ID)
	switch {
	case !ok:
		return wrong(ReasonClientUnknown, op.ID), nil
	case !j.administrates() && !j.own(c.Holder):
		return wrong(ReasonNotAllowed, op.ID), nil
	}
	return good, j.emit(NameClientRemoved, ClientRemoved{Client: op.ID}, nil)
}

func (j *judge) addPeer(op AddPeer) (verdict, error) {
	if _, ok := j.s.peers.Get(op.Peer.Origin); ok && j.administrates() {
		return wrong(ReasonPeerExists, op.Peer.Origin), nil
	}
	if v := j.peer(op.Peer); v != good {
		return v, nil
	}
	return good, j.emit(NamePeerAdded, op.Peer, words(PeerFacts{Name: op.Name}))
}

func (j *judge) changePeer(op ChangePeer) (verdict, error) {
	if _, ok := j.s.peers.Get(op.Peer.Origin); !ok {
		return wrong(ReasonPeerUnknown, op.Peer.Origin), nil
	}
	if v := j.peer(op.Peer); v != good {
		return v, nil
	}
	return good, j.emit(NamePeerChanged, op.Peer, words(PeerFacts{Name: op.Name}))
}

func (j *judge) peer(p PeerSet) verdict {
	if !j.administrates() {
		return wrong(ReasonNotAllowed, p.Origin)
	}
	if !token(p.Origin, maxID) || len(p.Verifiers) == 0 || len(p.TLS) == 0 && len(p.Authorities) == 0 {
		return wrong(ReasonPeerIncomplete, p.Origin)
	}
	for _, fp := range p.TLS {
		if origin, ok := j.s.peerTLS.Get(fp.String()); ok && origin != p.Origin {
			return wrong(ReasonCertificateTaken, fp.String())
		}
	}
	for _, prefix := range p.Prefixes {
		if !wellFormed(prefix) {
			return wrong(ReasonCodeMalformed, prefix)
		}
		// Two nodes trusted for the same space could each say who an agency is.
		for _, other := range j.s.peerList {
			if other == p.Origin {
				continue
			}
			known, _ := j.s.peers.Get(other)
			for _, q := range known.Prefixes {
				if InSpace(prefix, q) || InSpace(q, prefix) {
					return wrong(ReasonSpaceOverlaps, prefix)
				}
			}
		}
	}
	return good
}

func (j *judge) grantReading(op GrantReading) (verdict, error) {
	if !j.administrates() {
		return wrong(ReasonNotAllowed, op.ID), nil
	}
	if !token(op.ID, maxID) {
		return wrong(ReasonEmpty, op.ID), nil
	}
	if _, ok := j.s.readings.Get(op.ID); ok {
		return wrong(ReasonRightTaken, op.ID), nil
	}
	reader, v := j.resolved(op.Reader)
	if v != good {
		return v, nil
	}
	org := ""
	if op.Organisation == "" {
		if reader.Kind != HolderAuditor || op.Document != "" {
			return wrong(ReasonNotAllowed, op.ID), nil
		}
	} else if o, v := j.named(op.Organisation); v == good {
		org = o.ID
	} else {
		return v, nil
	}
	if op.Document != "" {
		if _, err := events.ParseDigest(op.Document); err != nil {
			return wrong(ReasonRightUnknown, op.Document), nil
		}
	}
	from := j.orNow(op.From)
	if !period(from, op.Until) {
		return wrong(ReasonPeriod, op.ID), nil
	}
	facts := words(ReasonFacts{Reason: op.Reason})
	return good, j.emit(NameReadingGranted, ReadingGranted{
		Right: op.ID, Reader: reader, Org: org, Document: op.Document, From: from, Until: utc(op.Until),
	}, facts)
}

func (j *judge) revokeReading(op RevokeReading) (verdict, error) {
	if !j.administrates() {
		return wrong(ReasonNotAllowed, op.ID), nil
	}
	until := j.orNow(op.Until)
	r, ok := j.s.readings.Get(op.ID)
	if !ok || !r.Until.IsZero() && !until.Before(r.Until) {
		return wrong(ReasonRightUnknown, op.ID), nil
	}
	return good, j.emit(NameReadingRevoked, ReadingRevoked{Right: op.ID, Until: until}, nil)
}

// levels of assurance that policy may ask for; "" takes an item away.
var assuranceLevels = []string{"", "own", "custody", "agency", "channel"}

func (j *judge) setPolicy(op SetPolicy) (verdict, error) {
	if !j.administrates() {
		return wrong(ReasonNotAllowed, ""), nil
	}
	if len(op.Assurance)+len(op.SecrecyElements)+len(op.Limits) == 0 {
		return wrong(ReasonEmpty, ""), nil
	}
	var d PolicySet
	for _, a := range op.Assurance {
		if !slices.Contains(assuranceLevels, a.Level) || a.Kind != "" && !token(a.Kind, maxID) {
			return wrong(ReasonPolicyItem, a.Level), nil
		}
		var v verdict
		if a.Sender, v = j.sender(a.Sender); v != good {
			return v, nil
		}
		d.Assurance = append(d.Assurance, a)
	}
	for _, e := range op.SecrecyElements {
		if e.Namespace == "" {
			return wrong(ReasonPolicyItem, e.Local), nil
		}
		var v verdict
		if e.Sender, v = j.sender(e.Sender); v != good {
			return v, nil
		}
		d.SecrecyElements = append(d.SecrecyElements, e)
	}
	for _, l := range op.Limits {
		if !token(l.Name, maxID) || l.Value < 0 {
			return wrong(ReasonPolicyItem, l.Name), nil
		}
		d.Limits = append(d.Limits, l)
	}
	return good, j.emit(NamePolicySet, d, nil)
}

// sender gives the identity for a code; "" stands for everybody.
func (j *judge) sender(code string) (string, verdict) {
	if code == "" {
		return "", good
	}
	o, v := j.named(code)
	if v != good {
		return "", v
	}
	return o.ID, good
}
