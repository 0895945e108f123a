package httpapi

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
)

// TrustListAnswer is whom the node believes, and for whom.
type TrustListAnswer struct {
	Recorded    bool           `json:"recorded" doc:"The record has a trust list. Without one the configured authorities stand in."`
	At          time.Time      `json:"at" doc:"Time that trusted is about."`
	AsOf        uint64         `json:"as_of" doc:"Log position of the directory read."`
	Authorities []AuthorityRow `json:"authorities"`
}

// AuthorityRow is one authority.
type AuthorityRow struct {
	SHA256      string     `json:"sha256" doc:"Of the certificate."`
	Name        string     `json:"name,omitempty"`
	Subject     string     `json:"subject"`
	Kind        string     `json:"kind" enum:"state,public,trial,other"`
	Purposes    []string   `json:"purposes" doc:"organisation, person, time-stamp, node; none: all."`
	From        *time.Time `json:"from,omitempty" doc:"Believed from then on."`
	Until       *time.Time `json:"until,omitempty" doc:"First moment it is not."`
	Distrusted  bool       `json:"distrusted" doc:"Was taken off the list; until says from when."`
	Trusted     bool       `json:"trusted" doc:"At the time asked for."`
	NotBefore   time.Time  `json:"not_before"`
	NotAfter    time.Time  `json:"not_after"`
	Certificate []byte     `json:"certificate" doc:"DER, base64."`
}

// SignatureEvidence is how the signatures of a package were judged when it was accepted.
type SignatureEvidence struct {
	Position   uint64         `json:"position" doc:"Of the event that accepted the package."`
	JudgedAt   time.Time      `json:"judged_at" doc:"The peer's sealed receive time, else when it came in."`
	Evidence   string         `json:"evidence" doc:"SHA-256 of the stored evidence, which the statement names."`
	Policy     string         `json:"policy"`
	MaxAge     int64          `json:"revocation_max_age,omitempty" doc:"Seconds an answer could be old; 0: until its next update."`
	FromPeer   bool           `json:"from_peer"`
	Signatures []SignatureRow `json:"signatures" doc:"In document order."`
}

// SignatureRow is one signature: its chain from the signer to the root.
type SignatureRow struct {
	Certificates []CertificateRow `json:"certificates"`
}

// CertificateRow is one certificate and what was known of its revocation.
type CertificateRow struct {
	SHA256      string         `json:"sha256"`
	Subject     string         `json:"subject"`
	Issuer      string         `json:"issuer"`
	Serial      string         `json:"serial" doc:"Hexadecimal."`
	NotBefore   time.Time      `json:"not_before"`
	NotAfter    time.Time      `json:"not_after"`
	Certificate []byte         `json:"certificate" doc:"DER, base64."`
	Revocation  *RevocationRow `json:"revocation,omitempty" doc:"Absent for the root, and where the policy asked nobody."`
}

// RevocationRow is what was known of one certificate.
type RevocationRow struct {
	Status    string         `json:"status" enum:"good,unknown"`
	Kind      string         `json:"kind,omitempty" enum:"crl,ocsp"`
	Answer    string         `json:"answer,omitempty" doc:"SHA-256 of the CRL or OCSP response: /v1/packages/{sha256}/evidence/{answer}."`
	Named     bool           `json:"named,omitempty" doc:"Unknown although the certificate names a place to ask."`
	Responder *RevocationRow `json:"responder,omitempty" doc:"Of the certificate that signed the answer."`
}

var trustQuery = []Param{{Name: "at", About: "Time in RFC 3339; default now."}}

func (a *API) getTrustList(w http.ResponseWriter, r *Request) error {
	q := newQuery(r.Request)
	text := q.text("at")
	if err := q.done(); err != nil {
		return err
	}
	at := a.node.Now()
	if text != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			return gateway.Refuse(gateway.CodeParameter).At("at").Because(err)
		}
	}
	list, err := a.node.TrustList(at)
	if err != nil {
		return err
	}
	answer := TrustListAnswer{Recorded: list.Recorded, At: at.UTC(), AsOf: list.AsOf, Authorities: make([]AuthorityRow, len(list.Authorities))}
	for i := range list.Authorities {
		answer.Authorities[i] = authorityRow(&list.Authorities[i])
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func authorityRow(l *gateway.ListedAuthority) AuthorityRow {
	c := l.Certificate
	row := AuthorityRow{
		SHA256: fingerprint(c), Name: l.Name, Subject: c.Subject.String(), Kind: string(l.Kind), Purposes: []string{},
		From: optionalTime(l.From), Until: optionalTime(l.Until), Distrusted: l.Distrusted, Trusted: l.Trusted,
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Certificate: c.Raw,
	}
	for _, p := range l.Purposes {
		row.Purposes = append(row.Purposes, string(p))
	}
	return row
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func (a *API) getEvidence(w http.ResponseWriter, r *Request) error {
	sum, err := digestParam(r)
	if err != nil {
		return err
	}
	j, err := a.node.PackageJudgement(r.Context(), r.Caller, sum)
	if err != nil {
		return err
	}
	answer := SignatureEvidence{
		Position: j.Position, JudgedAt: j.At.UTC(), Evidence: j.Digest.String(), Policy: j.Evidence.Policy, MaxAge: j.Evidence.MaxAge,
		FromPeer: j.Evidence.Peer != nil, Signatures: make([]SignatureRow, len(j.Chains)),
	}
	for i, chain := range j.Chains {
		row := SignatureRow{Certificates: make([]CertificateRow, len(chain))}
		for k, c := range chain {
			row.Certificates[k] = certificateRow(c)
			if i < len(j.Evidence.Revocation) && k < len(j.Evidence.Revocation[i]) {
				row.Certificates[k].Revocation = revocationRow(&j.Evidence.Revocation[i][k])
			}
		}
		answer.Signatures[i] = row
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func certificateRow(c *x509.Certificate) CertificateRow {
	return CertificateRow{
		SHA256: fingerprint(c), Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Certificate: c.Raw,
	}
}

func revocationRow(e *gateway.RevocationEvidence) *RevocationRow {
	if e == nil {
		return nil
	}
	row := &RevocationRow{Status: e.Status, Kind: e.Kind, Named: e.Named, Responder: revocationRow(e.Responder)}
	if e.Answer != nil {
		row.Answer = e.Answer.String()
	}
	return row
}

func (a *API) getAnswer(w http.ResponseWriter, r *Request) error {
	sum, err := digestParam(r)
	if err != nil {
		return err
	}
	answer, err := events.ParseDigest(chi.URLParam(r.Request, "answer"))
	if err != nil {
		return gateway.Refuse(gateway.CodeNotFound).Because(err)
	}
	b, err := a.node.PackageAnswer(r.Context(), r.Caller, sum, answer)
	if err != nil {
		return err
	}
	a.slack(w, int64(len(b)))
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+answer.String()+`.der"`)
	_, _ = w.Write(b)
	return nil
}

func (a *API) getVerdict(w http.ResponseWriter, r *Request) error {
	sum, err := digestParam(r)
	if err != nil {
		return err
	}
	v, err := a.node.PackageVerdict(r.Context(), r.Caller, sum)
	if err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("couldn't write verdict: %w", err)
	}
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(b)
	return nil
}
