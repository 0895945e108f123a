package keystore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// credentialInfo is the object of credentials/list and credentials/info (CSC API 2.0 §11.4).
type credentialInfo struct {
	ID          string `json:"credentialID"`
	Description string `json:"description"`
	Key         struct {
		Status string   `json:"status"`
		Algo   []string `json:"algo"`
	} `json:"key"`
	Cert struct {
		Status       string   `json:"status"`
		Certificates []string `json:"certificates"`
	} `json:"cert"`
	Auth struct {
		Mode string `json:"mode"`
	} `json:"auth"`
	Multisign int `json:"multisign"`
}

func (i *credentialInfo) credential() (Credential, error) {
	c := Credential{
		ID: i.ID, Description: i.Description, Algorithms: i.Key.Algo, Batch: max(i.Multisign, 1), Approval: i.Auth.Mode != "implicit",
		Enabled: i.Key.Status == "enabled" && i.Cert.Status != "revoked" && i.Cert.Status != "suspended" && i.Cert.Status != "expired",
	}
	if i.ID == "" || len(i.Cert.Certificates) > maxCSCItems {
		return c, fmt.Errorf("%w: credential without name, or with %d certificates", ErrProtocol, len(i.Cert.Certificates))
	}
	for _, text := range i.Cert.Certificates {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return c, fmt.Errorf("%w: certificate of credential %q: %w", ErrProtocol, i.ID, err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return c, fmt.Errorf("%w: certificate of credential %q: %w", ErrProtocol, i.ID, err)
		}
		c.Chain = append(c.Chain, cert)
	}
	return c, nil
}

// Credentials lists what our access token may sign with.
func (s *CSC) Credentials(ctx context.Context) ([]Credential, error) {
	in := map[string]any{"credentialInfo": true, "certificates": "chain", "certInfo": true, "authInfo": true}
	if s.c.User != "" {
		in["userID"] = s.c.User
	}
	var out struct {
		IDs   []string         `json:"credentialIDs"`
		Infos []credentialInfo `json:"credentialInfos"`
	}
	if _, err := s.call(ctx, "credentials/list", in, &out, true); err != nil {
		return nil, fmt.Errorf("couldn't list credentials: %w", err)
	}
	if len(out.IDs) > maxCSCItems || len(out.Infos) > maxCSCItems {
		return nil, fmt.Errorf("couldn't list credentials: %w: more than %d", ErrProtocol, maxCSCItems)
	}
	var list []Credential
	for i := range out.Infos {
		c, err := out.Infos[i].credential()
		if err != nil {
			return nil, fmt.Errorf("couldn't list credentials: %w", err)
		}
		list = append(list, c)
	}
	for _, id := range out.IDs { // a service may give the names only
		if !slices.ContainsFunc(list, func(c Credential) bool { return c.ID == id }) {
			c, err := s.Credential(ctx, id)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// Credential asks about one.
func (s *CSC) Credential(ctx context.Context, id string) (Credential, error) {
	var out credentialInfo
	in := map[string]any{"credentialID": id, "certificates": "chain", "certInfo": true, "authInfo": true}
	if _, err := s.call(ctx, "credentials/info", in, &out, true); err != nil {
		return Credential{}, fmt.Errorf("couldn't get credential %q: %w", id, err)
	}
	out.ID = id
	return out.credential()
}

// OIDs of algorithms as CSC names them.
const (
	oidRSA   = "1.2.840.113549.1.1.1"  // PKCS#1 v1.5 with hashAlgorithmOID
	oidPSS   = "1.2.840.113549.1.1.10" // with signAlgoParams
	oidECDSA = "1.2.840.10045.4.3."    // + 2, 3, 4 for SHA-256, -384, -512
)

var hashOIDs = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

var (
	rsaWithHash   = map[crypto.Hash]string{crypto.SHA256: "1.2.840.113549.1.1.11", crypto.SHA384: "1.2.840.113549.1.1.12", crypto.SHA512: "1.2.840.113549.1.1.13"}
	ecdsaWithHash = map[crypto.Hash]string{crypto.SHA256: oidECDSA + "2", crypto.SHA384: oidECDSA + "3", crypto.SHA512: oidECDSA + "4"}
)

// algorithm picks signAlgo and its parameters. Of two names for the same it takes the one that the credential lists.
func algorithm(r SignRequest) (oid, params string, err error) {
	if len(r.Credential.Chain) == 0 {
		return "", "", fmt.Errorf("%w: the credential has no certificate", ErrKeyNotFound)
	}
	h := r.Algorithm.Hash
	if hashOIDs[h] == nil {
		return "", "", fmt.Errorf("digest %v isn't accepted, want SHA-256, SHA-384 or SHA-512", h)
	}
	lists := func(oid string) bool { return slices.Contains(r.Credential.Algorithms, oid) }
	switch r.Credential.Chain[0].PublicKey.(type) {
	case *rsa.PublicKey:
		if r.Algorithm.PSS {
			params, err := pssParams(h)
			return oidPSS, params, err
		}
		if lists(rsaWithHash[h]) && !lists(oidRSA) {
			return rsaWithHash[h], "", nil
		}
		return oidRSA, "", nil
	case *ecdsa.PublicKey:
		return ecdsaWithHash[h], "", nil
	}
	return "", "", fmt.Errorf("key of type %T isn't supported", r.Credential.Chain[0].PublicKey)
}

// pssParams is RSASSA-PSS-params (RFC 4055 §3.1): MGF1 and the same digest, a salt as long as the digest.
func pssParams(h crypto.Hash) (string, error) {
	hashAlg := pkix.AlgorithmIdentifier{Algorithm: hashOIDs[h], Parameters: asn1.NullRawValue}
	inner, err := asn1.Marshal(hashAlg)
	if err != nil {
		return "", fmt.Errorf("couldn't encode parameters: %w", err)
	}
	der, err := asn1.Marshal(struct {
		Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
		MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
		Salt int                      `asn1:"explicit,tag:2"`
	}{hashAlg, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}, Parameters: asn1.RawValue{FullBytes: inner}}, h.Size()})
	if err != nil {
		return "", fmt.Errorf("couldn't encode parameters: %w", err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

// cscAuthorized is the answer of credentials/authorize and authorizeCheck: a SAD, or (HTTP 202) a handle to ask again with.
type cscAuthorized struct {
	SAD    string `json:"SAD"`
	Handle string `json:"handle"`
}

// Request authorises the credential for these digests and has them signed. It is pending while the holder has not agreed, which a
// service says either when asked for authorisation (a handle) or for the signature (a responseID).
func (s *CSC) Request(ctx context.Context, r SignRequest) (Operation, error) {
	if len(r.Digests) == 0 || len(r.Digests) > max(r.Credential.Batch, 1) {
		return Operation{}, fmt.Errorf("couldn't ask for %d signatures: the credential allows 1 to %d at once", len(r.Digests), max(r.Credential.Batch, 1))
	}
	if _, _, err := algorithm(r); err != nil {
		return Operation{}, err
	}
	in := map[string]any{
		"credentialID": r.Credential.ID, "numSignatures": len(r.Digests), "hashes": encodeAll(r.Digests),
		"hashAlgorithmOID": hashOIDs[r.Algorithm.Hash].String(),
	}
	if r.Description != "" {
		in["description"] = truncate(r.Description, 500)
	}
	var data []map[string]string
	for id, secret := range s.c.AuthData {
		value, err := secret()
		if err != nil {
			return Operation{}, err
		}
		data = append(data, map[string]string{"id": id, "value": value})
	}
	if len(data) > 0 {
		in["authData"] = data
	}
	var out cscAuthorized
	status, err := s.call(ctx, "credentials/authorize", in, &out, false)
	if err != nil {
		return final(err)
	}
	return s.authorized(ctx, r, status, out)
}

// authorized goes on once authorize or authorizeCheck has answered.
func (s *CSC) authorized(ctx context.Context, r SignRequest, status int, a cscAuthorized) (Operation, error) {
	if status == http.StatusAccepted || a.SAD == "" && a.Handle != "" {
		if a.Handle == "" {
			return Operation{}, fmt.Errorf("credentials/authorize: %w: pending without a handle", ErrProtocol)
		}
		return s.remember("handle:"+a.Handle, &cscRequest{request: r, handle: a.Handle})
	}
	if a.SAD == "" {
		return Operation{}, fmt.Errorf("credentials/authorize: %w: neither SAD nor handle", ErrProtocol)
	}
	return s.signHash(ctx, r, a.SAD)
}

type cscSigned struct {
	Signatures []string `json:"signatures"`
	ResponseID string   `json:"responseID"`
}

func (s *CSC) signHash(ctx context.Context, r SignRequest, sad string) (Operation, error) {
	oid, params, err := algorithm(r)
	if err != nil {
		return Operation{}, err
	}
	in := map[string]any{
		"credentialID": r.Credential.ID, "SAD": sad, "hashes": encodeAll(r.Digests), "signAlgo": oid,
		"hashAlgorithmOID": hashOIDs[r.Algorithm.Hash].String(),
	}
	if params != "" {
		in["signAlgoParams"] = params
	}
	if s.c.Asynchronous {
		in["operationMode"] = "A"
	}
	var out cscSigned
	if _, err := s.call(ctx, "signatures/signHash", in, &out, false); err != nil {
		return final(err)
	}
	if len(out.Signatures) == 0 && out.ResponseID != "" {
		return s.remember("response:"+out.ResponseID, &cscRequest{request: r})
	}
	return decodeSigned(out)
}

// Poll asks after a pending request of this client.
func (s *CSC) Poll(ctx context.Context, id string) (Operation, error) {
	s.mu.Lock()
	w, ok := s.open[id]
	s.mu.Unlock()
	if !ok {
		return Operation{}, fmt.Errorf("couldn't ask after request: none is pending under this name: %w", ErrKeyNotFound)
	}
	op, err := s.poll(ctx, id, w)
	if op.State == Pending && op.ID == id || err != nil && (temporary(err) || ctx.Err() != nil) {
		return op, err // it stays open
	}
	s.mu.Lock()
	delete(s.open, id)
	s.mu.Unlock()
	return op, err
}

func (s *CSC) poll(ctx context.Context, id string, w *cscRequest) (Operation, error) {
	if w.handle != "" {
		var out cscAuthorized
		status, err := s.call(ctx, "credentials/authorizeCheck", map[string]any{"handle": w.handle}, &out, true)
		if err != nil {
			return final(err)
		}
		return s.authorized(ctx, w.request, status, out)
	}
	in := map[string]any{"requestID": id[len("response:"):]}
	if s.c.User != "" {
		in["userID"] = s.c.User
	}
	var out cscSigned
	status, err := s.call(ctx, "signatures/signPolling", in, &out, true)
	if err != nil {
		return final(err)
	}
	if status == http.StatusAccepted {
		return Operation{ID: id, State: Pending}, nil
	}
	return decodeSigned(out)
}

// remember keeps a pending request until it ends, or for an hour.
func (s *CSC) remember(id string, w *cscRequest) (Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.c.Now()
	w.since = now
	if old := s.open[id]; old != nil {
		w.since = old.since
	}
	for k, o := range s.open {
		if now.Sub(o.since) > keepCSCOpen {
			delete(s.open, k)
		}
	}
	if len(s.open) >= maxCSCOpen {
		return Operation{}, fmt.Errorf("couldn't wait for another signature: %d are pending: %w", len(s.open), ErrService)
	}
	s.open[id] = w
	return Operation{ID: id, State: Pending}, nil
}

// final turns a refusal of the holder into a state; other errors stay errors.
func final(err error) (Operation, error) {
	var se *serviceError
	switch {
	case !errors.As(err, &se):
	case errors.Is(err, ErrRefused):
		return Operation{State: Refused, Reason: se.text}, nil
	case errors.Is(err, ErrExpired):
		return Operation{State: Expired, Reason: se.text}, nil
	}
	return Operation{}, err
}

func decodeSigned(out cscSigned) (Operation, error) {
	op := Operation{State: Signed}
	if len(out.Signatures) == 0 || len(out.Signatures) > maxCSCItems {
		return op, fmt.Errorf("%w: %d signatures", ErrProtocol, len(out.Signatures))
	}
	for _, text := range out.Signatures {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return op, fmt.Errorf("%w: signature is no base64", ErrProtocol)
		}
		op.Signatures = append(op.Signatures, b)
	}
	return op, nil
}

func encodeAll(digests [][]byte) []string {
	var out []string
	for _, d := range digests {
		out = append(out, base64.StdEncoding.EncodeToString(d))
	}
	return out
}

func truncate(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

var _ Remote = (*CSC)(nil)
