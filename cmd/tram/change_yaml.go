package main

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// operationYAML is one operation of a change as an administrator writes it. Exactly one member is set.
type operationYAML struct {
	AddOrganisation    *addOrganisationYAML    `yaml:"add_organisation"`
	ChangeOrganisation *changeOrganisationYAML `yaml:"change_organisation"`
	CloseOrganisation  *closeOrganisationYAML  `yaml:"close_organisation"`
	AddCode            *addCodeYAML            `yaml:"add_code"`
	RemoveCode         *removeCodeYAML         `yaml:"remove_code"`
	EnrolCertificate   *enrolYAML              `yaml:"enrol_certificate"`
	RevokeCertificate  *revokeYAML             `yaml:"revoke_certificate"`
	RegisterClient     *clientYAML             `yaml:"register_client"`
	RemoveClient       *removeClientYAML       `yaml:"remove_client"`
	AddPeer            *peerYAML               `yaml:"add_peer"`
	ChangePeer         *peerYAML               `yaml:"change_peer"`
	GrantReading       *grantYAML              `yaml:"grant_reading"`
	RevokeReading      *endGrantYAML           `yaml:"revoke_reading"`
	SetPolicy          *policyYAML             `yaml:"set_policy"`
	TrustAuthority     *trustYAML              `yaml:"trust_authority"`
	DistrustAuthority  *distrustYAML           `yaml:"distrust_authority"`
	Office             *officeYAML             `yaml:"office"` // many operations: see officeYAML
}

// Days are written dd/MM/yyyy or yyyy-MM-dd.
type (
	addOrganisationYAML struct {
		Code   string   `yaml:"code"`
		Other  []string `yaml:"other"`
		Name   string   `yaml:"name"`
		Level  int      `yaml:"level"`
		Parent string   `yaml:"parent"`
		Node   string   `yaml:"node"`
		From   string   `yaml:"from"`
	}
	changeOrganisationYAML struct {
		Code   string `yaml:"code"`
		Name   string `yaml:"name"`
		Level  int    `yaml:"level"`
		Parent string `yaml:"parent"`
		Node   string `yaml:"node"`
	}
	closeOrganisationYAML struct {
		Code      string `yaml:"code"`
		Successor string `yaml:"successor"`
		From      string `yaml:"from"` // "": today
	}
	addCodeYAML struct {
		Organisation string `yaml:"organisation"`
		Code         string `yaml:"code"`
		From         string `yaml:"from"`
		To           string `yaml:"to"` // first day no longer
	}
	removeCodeYAML struct {
		Organisation string `yaml:"organisation"`
		Code         string `yaml:"code"`
		From         string `yaml:"from"` // "": today
	}
	enrolYAML struct {
		Organisation string   `yaml:"organisation"` // or
		Peer         string   `yaml:"peer"`         // origin
		File         string   `yaml:"file"`
		Purposes     []string `yaml:"purposes"`
	}
	revokeYAML struct {
		Organisation string `yaml:"organisation"` // or
		Peer         string `yaml:"peer"`         // origin
		File         string `yaml:"file"`
		From         string `yaml:"from"` // day, or moment as in RFC 3339, past or to come; "": now
		Suspend      bool   `yaml:"suspend"`
		Reason       string `yaml:"reason"`
	}
	trustYAML struct {
		File     string   `yaml:"file"`     // certificate of the authority
		Kind     string   `yaml:"kind"`     // state, public, trial, other
		Purposes []string `yaml:"purposes"` // organisation, person, time-stamp, node; none: all
		From     string   `yaml:"from"`     // day or moment; "": always
		Until    string   `yaml:"until"`    // first day or moment no longer; "": open
		Name     string   `yaml:"name"`     // "": of the certificate
	}
	distrustYAML struct {
		File   string `yaml:"file"`   // certificate, or
		SHA256 string `yaml:"sha256"` // its digest
		From   string `yaml:"from"`   // day or moment; "": now
		Reason string `yaml:"reason"`
	}
	clientYAML struct {
		ID          string `yaml:"id"`
		Kind        string `yaml:"kind"`
		Holder      string `yaml:"holder"`
		TokenSHA256 string `yaml:"token_sha256"`
		Certificate string `yaml:"certificate"`
	}
	removeClientYAML struct {
		ID string `yaml:"id"`
	}
	peerYAML struct {
		Origin      string   `yaml:"origin"`
		Name        string   `yaml:"name"`
		URLs        []string `yaml:"urls"`
		Certificate string   `yaml:"certificate"`
		Verifiers   []string `yaml:"verifiers"`
		Prefixes    []string `yaml:"prefixes"`
	}
	grantYAML struct {
		ID           string    `yaml:"id"`
		ReaderKind   string    `yaml:"reader_kind"`
		Reader       string    `yaml:"reader"`
		Organisation string    `yaml:"organisation"`
		From         time.Time `yaml:"from"`
		To           time.Time `yaml:"to"`
		Reason       string    `yaml:"reason"`
	}
	endGrantYAML struct {
		ID string `yaml:"id"`
	}
	policyYAML struct {
		Assurance []struct {
			Sender string `yaml:"sender"`
			Kind   string `yaml:"kind"`
			Level  string `yaml:"level"`
		} `yaml:"assurance"`
		SecrecyElements []struct {
			Sender    string `yaml:"sender"`
			Namespace string `yaml:"namespace"`
			Local     string `yaml:"local"`
		} `yaml:"secrecy_elements"`
	}
)

// writing is what a list of operations is read with.
type writing struct {
	dir string // file names are relative to it
	at  time.Time
}

type written interface {
	operation(w writing) (schemas.Operation, error)
}

// operation turns the written form into the package's.
func (y operationYAML) operation(w writing) (schemas.Operation, error) {
	var set []written
	set = given(set, y.AddOrganisation)
	set = given(set, y.ChangeOrganisation)
	set = given(set, y.CloseOrganisation)
	set = given(set, y.AddCode)
	set = given(set, y.RemoveCode)
	set = given(set, y.EnrolCertificate)
	set = given(set, y.RevokeCertificate)
	set = given(set, y.RegisterClient)
	set = given(set, y.RemoveClient)
	set = given(set, y.AddPeer)
	if y.ChangePeer != nil {
		set = append(set, changePeerYAML(*y.ChangePeer))
	}
	set = given(set, y.GrantReading)
	set = given(set, y.RevokeReading)
	set = given(set, y.SetPolicy)
	set = given(set, y.TrustAuthority)
	set = given(set, y.DistrustAuthority)
	if len(set) != 1 {
		return nil, fmt.Errorf("couldn't read operation: want exactly one in each list item, got %d", len(set))
	}
	return set[0].operation(w)
}

func given[T written](set []written, o *T) []written {
	if o == nil {
		return set
	}
	return append(set, *o)
}

func (o addOrganisationYAML) operation(writing) (schemas.Operation, error) {
	from, err := dayOf(o.From)
	add := schemas.AddOrganisation{Code: o.Code, Name: o.Name, Level: o.Level, Parent: o.Parent, Node: o.Node, From: from}
	for _, c := range o.Other {
		add.Other = append(add.Other, schemas.OrganisationCode{Code: c})
	}
	return add, err
}

func (o changeOrganisationYAML) operation(writing) (schemas.Operation, error) {
	return schemas.ChangeOrganisation{Code: o.Code, Name: o.Name, Level: o.Level, Parent: o.Parent, Node: o.Node}, nil
}

func (o closeOrganisationYAML) operation(w writing) (schemas.Operation, error) {
	from, err := w.dayOrToday(o.From)
	return schemas.CloseOrganisation{Code: o.Code, Successor: o.Successor, From: from}, err
}

func (o addCodeYAML) operation(writing) (schemas.Operation, error) {
	from, err := dayOf(o.From)
	if err != nil {
		return nil, err
	}
	to, err := dayOf(o.To)
	return schemas.AddCode{Organisation: o.Organisation, Code: schemas.OrganisationCode{Code: o.Code, From: from, To: to}}, err
}

func (o removeCodeYAML) operation(w writing) (schemas.Operation, error) {
	from, err := w.dayOrToday(o.From)
	return schemas.RemoveCode{Organisation: o.Organisation, Code: o.Code, From: from}, err
}

func (o enrolYAML) operation(w writing) (schemas.Operation, error) {
	cert, err := w.certificate(o.File)
	if err != nil {
		return nil, err
	}
	enrol := schemas.EnrolCertificate{Holder: holderOf(o.Organisation, o.Peer), DER: cert.Raw}
	for _, p := range o.Purposes {
		enrol.Purposes = append(enrol.Purposes, schemas.Purpose(p))
	}
	return enrol, nil
}

func (o revokeYAML) operation(w writing) (schemas.Operation, error) {
	cert, err := w.certificate(o.File)
	if err != nil {
		return nil, err
	}
	from, err := w.momentOrNow(o.From)
	return schemas.RevokeCertificate{Holder: holderOf(o.Organisation, o.Peer), SHA256: signing.Fingerprint(cert), From: from,
		Suspend: o.Suspend, Reason: o.Reason}, err
}

func (o clientYAML) operation(w writing) (schemas.Operation, error) {
	client := schemas.RegisterClient{ID: o.ID, Holder: schemas.Holder{Kind: schemas.HolderKind(o.Kind), ID: o.Holder}}
	if o.TokenSHA256 != "" {
		d, err := parseDigest(o.TokenSHA256)
		if err != nil {
			return nil, err
		}
		client.TokenSHA256 = (*[32]byte)(&d)
	}
	if o.Certificate != "" {
		cert, err := w.certificate(o.Certificate)
		if err != nil {
			return nil, err
		}
		fp := signing.Fingerprint(cert)
		client.CertificateSHA256 = &fp
	}
	return client, nil
}

func (o removeClientYAML) operation(writing) (schemas.Operation, error) {
	return schemas.RemoveClient{ID: o.ID}, nil
}

func (o peerYAML) peer(w writing) (schemas.Peer, error) {
	cert, err := w.certificate(o.Certificate)
	if err != nil {
		return schemas.Peer{}, err
	}
	return schemas.Peer{Origin: o.Origin, Name: o.Name, URLs: o.URLs,
		CertificateSHA256s: [][32]byte{signing.Fingerprint(cert)}, Verifiers: o.Verifiers, Prefixes: o.Prefixes}, nil
}

func (o peerYAML) operation(w writing) (schemas.Operation, error) {
	p, err := o.peer(w)
	return schemas.AddPeer{Peer: p}, err
}

type changePeerYAML peerYAML

func (o changePeerYAML) operation(w writing) (schemas.Operation, error) {
	p, err := peerYAML(o).peer(w)
	return schemas.ChangePeer{Peer: p}, err
}

func (o grantYAML) operation(writing) (schemas.Operation, error) {
	return schemas.GrantReading{ID: o.ID, Reader: schemas.Holder{Kind: schemas.HolderKind(o.ReaderKind), ID: o.Reader},
		Organisation: o.Organisation, From: o.From, To: o.To, Reason: o.Reason}, nil
}

func (o endGrantYAML) operation(w writing) (schemas.Operation, error) {
	return schemas.RevokeReading{ID: o.ID, From: w.at}, nil
}

func (o policyYAML) operation(writing) (schemas.Operation, error) {
	var p schemas.SetPolicy
	for _, a := range o.Assurance {
		p.Assurance = append(p.Assurance, schemas.RequiredAssurance{Sender: a.Sender, Kind: schemas.Kind(a.Kind), Level: a.Level})
	}
	for _, e := range o.SecrecyElements {
		p.SecrecyElements = append(p.SecrecyElements, schemas.SecrecyElement(e))
	}
	return p, nil
}

func (o trustYAML) operation(w writing) (schemas.Operation, error) {
	cert, err := w.certificate(o.File)
	if err != nil {
		return nil, err
	}
	op := schemas.TrustAuthority{DER: cert.Raw, Kind: o.Kind, Purposes: o.Purposes, Name: o.Name}
	if op.Name == "" {
		op.Name = authorityName(cert)
	}
	if op.From, err = momentOf(o.From); err != nil {
		return nil, err
	}
	op.Until, err = momentOf(o.Until)
	return op, err
}

func (o distrustYAML) operation(w writing) (schemas.Operation, error) {
	op := schemas.DistrustAuthority{Reason: o.Reason}
	var err error
	if op.From, err = w.momentOrNow(o.From); err != nil {
		return nil, err
	}
	if o.File == "" {
		d, err := parseDigest(o.SHA256)
		op.SHA256 = d
		return op, err
	}
	cert, err := w.certificate(o.File)
	if err != nil {
		return nil, err
	}
	op.SHA256 = signing.Fingerprint(cert)
	return op, nil
}

// momentOf reads a moment in RFC 3339, or a day, which means its first moment in Viet Nam; "" is none.
func momentOf(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	d, err := dayOf(text)
	if err != nil || d.IsZero() {
		return time.Time{}, err
	}
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, vietnam), nil
}

func (w writing) momentOrNow(text string) (time.Time, error) {
	if text == "" {
		return w.at, nil
	}
	return momentOf(text)
}

// dayOf reads a day as people write it; "" is none.
func dayOf(text string) (schemas.Date, error) {
	if text == "" {
		return schemas.Date{}, nil
	}
	for _, layout := range []string{"02/01/2006", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil && len(text) == len(layout) {
			y, m, d := t.Date()
			return schemas.Date{Year: y, Month: m, Day: d}, nil
		}
	}
	return schemas.Date{}, fmt.Errorf("couldn't read day %q: want dd/MM/yyyy or yyyy-MM-dd", text)
}

func (w writing) dayOrToday(text string) (schemas.Date, error) {
	if text == "" {
		return schemas.DateOf(w.at), nil
	}
	return dayOf(text)
}

func holderOf(code, peer string) schemas.Holder {
	if peer != "" {
		return schemas.Holder{Kind: schemas.HolderPeer, ID: peer}
	}
	return organisation(code)
}

func organisation(code string) schemas.Holder {
	return schemas.Holder{Kind: schemas.HolderOrganisation, ID: code}
}

func (w writing) certificate(file string) (*x509.Certificate, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(w.dir, file)
	}
	certs, err := signing.LoadCertificates(file)
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}
