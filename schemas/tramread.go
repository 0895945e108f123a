package schemas

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// tramDraft is a Trạm package while it is read. One variable per kind of operation serves all of that kind.
type tramDraft struct {
	header Header
	change DirectoryChange
	sub    Submission
	file   *encoded

	addOrg    AddOrganisation
	changeOrg ChangeOrganisation
	closeOrg  CloseOrganisation
	addCode   AddCode
	delCode   RemoveCode
	enrol     EnrolCertificate
	revoke    RevokeCertificate
	client    RegisterClient
	delClient RemoveClient
	peer      Peer
	grant     GrantReading
	ungrant   RevokeReading
	policy    SetPolicy
	trust     TrustAuthority
	distrust  DistrustAuthority
	office    any // a pointer to the operation on an agency's own part that is read

	destroy  Destruction
	decision Decision

	action   DossierAction
	act      any        // a pointer to the act that is read
	contents []*encoded // of action.Files
}

const (
	packagePath    = "/Package/Header/Message"
	changePath     = "/Package/Body/DirectoryChange"
	submissionPath = "/Package/Body/Submission"
)

// text binds a leaf to a string of the draft. Lengths are the schema's matter here.
func (f fields) text(path string, at func(t *tramDraft) *string) {
	f[path] = binding{set: func(r *reader, v string) { *at(&r.tram) = v }}
}

func (f fields) day(path string, at func(t *tramDraft) *Date) {
	f[path] = binding{set: func(r *reader, v string) { *at(&r.tram) = r.tramDay(v, r.path()) }}
}

func (f fields) instant(path string, at func(t *tramDraft) *time.Time) {
	f[path] = binding{set: func(r *reader, v string) { *at(&r.tram) = r.instant(v) }}
}

func (f fields) digest(path string, set func(t *tramDraft, d [32]byte)) {
	f[path] = binding{set: func(r *reader, v string) {
		var d [32]byte
		hex.Decode(d[:], []byte(v)) // the schema has seen to the form
		set(&r.tram, d)
	}}
}

func (f fields) der(path string, set func(t *tramDraft, der []byte)) {
	f[path] = binding{set: func(r *reader, v string) {
		clean := make([]byte, 0, len(v))
		for i := range len(v) {
			if !isSpace(v[i]) {
				clean = append(clean, v[i])
			}
		}
		der, err := base64.StdEncoding.AppendDecode(nil, clean)
		if err != nil || len(der) == 0 {
			r.problem(AttachmentBase64, r.path(), "", "certificate is not base64 of DER")
			return
		}
		set(&r.tram, der)
	}}
}

func (f fields) holder(path string, at func(t *tramDraft) *Holder) {
	f[path] = binding{set: func(r *reader, v string) { *at(&r.tram) = Holder{Kind: HolderKind(r.attr("kind")), ID: v} }}
}

// operation binds an element to an operation: it starts empty, and joins the change when complete.
func (f fields) operation(name string, start func(t *tramDraft), done func(t *tramDraft) Operation) {
	f[changePath+"/"+name] = binding{
		open: func(r *reader, _ *xmlstream.Token) { start(&r.tram) },
		close: func(r *reader) {
			ops := &r.tram.change.Operations
			if len(*ops) >= r.opts.Limits.MaxRepeats {
				r.fail(StageRules, &Problem{Code: TooMany, Path: r.path(), Offset: -1, Detail: fmt.Sprintf("more than %d operations", r.opts.Limits.MaxRepeats)})
				return
			}
			*ops = append(*ops, done(&r.tram))
		}}
}

// tramBindings is what the reader does with each element of tram.xsd.
func tramBindings() map[string]binding {
	f := fields{}
	p := packagePath
	f.text(p+"/PackageId", func(t *tramDraft) *string { return &t.header.ID })
	f[p+"/Kind"] = binding{set: func(r *reader, v string) {
		r.tram.header.Kind = map[string]Kind{"DirectoryChange": KindDirectoryChange, "Submission": KindSubmission, "Destruction": KindDestruction,
			"DossierAction": KindDossierAction}[v]
	}}
	f.text(p+"/From", func(t *tramDraft) *string { return &t.header.From })
	f[p+"/To"] = binding{many: true, set: func(r *reader, v string) { r.tram.header.To = append(r.tram.header.To, v) }}
	f.instant(p+"/IssuedAt", func(t *tramDraft) *time.Time { return &t.header.IssuedAt })
	f.text(p+"/Person/Name", func(t *tramDraft) *string { return &t.header.Person.Name })
	f.text(p+"/Person/Position", func(t *tramDraft) *string { return &t.header.Person.Position })
	f.text(p+"/Person/Account", func(t *tramDraft) *string { return &t.header.Person.Account })
	f[p+"/Secrecy"] = binding{set: func(r *reader, v string) {
		for i := range secrecyNames {
			if secrecyNames[i][0] == v {
				r.tram.header.Secrecy = Secrecy(i)
			}
		}
	}}
	f.text(changePath+"/Reason", func(t *tramDraft) *string { return &t.change.Reason })
	f.organisations()
	f.certificates()
	f.peers()
	f.rights()
	f.authorities()
	f.office()
	f.submission()
	f.destruction()
	f.action()
	return f
}

func (f fields) organisations() {
	p := changePath + "/AddOrganisation"
	f.operation("AddOrganisation", func(t *tramDraft) { t.addOrg = AddOrganisation{} }, func(t *tramDraft) Operation { return t.addOrg })
	f.text(p+"/Code", func(t *tramDraft) *string { return &t.addOrg.Code })
	f[p+"/OtherCode"] = binding{many: true, set: func(r *reader, v string) {
		r.tram.addOrg.Other = append(r.tram.addOrg.Other, r.datedCode(v))
	}}
	f.text(p+"/Name", func(t *tramDraft) *string { return &t.addOrg.Name })
	f[p+"/Level"] = binding{set: func(r *reader, v string) { r.tram.addOrg.Level = int(v[0] - '0') }}
	f.text(p+"/Parent", func(t *tramDraft) *string { return &t.addOrg.Parent })
	f.text(p+"/Node", func(t *tramDraft) *string { return &t.addOrg.Node })
	f.day(p+"/From", func(t *tramDraft) *Date { return &t.addOrg.From })

	p = changePath + "/ChangeOrganisation"
	f.operation("ChangeOrganisation", func(t *tramDraft) { t.changeOrg = ChangeOrganisation{} }, func(t *tramDraft) Operation { return t.changeOrg })
	f.text(p+"/Code", func(t *tramDraft) *string { return &t.changeOrg.Code })
	f.text(p+"/Name", func(t *tramDraft) *string { return &t.changeOrg.Name })
	f[p+"/Level"] = binding{set: func(r *reader, v string) { r.tram.changeOrg.Level = int(v[0] - '0') }}
	f.text(p+"/Parent", func(t *tramDraft) *string { return &t.changeOrg.Parent })
	f.text(p+"/Node", func(t *tramDraft) *string { return &t.changeOrg.Node })
	f.day(p+"/From", func(t *tramDraft) *Date { return &t.changeOrg.From })

	p = changePath + "/CloseOrganisation"
	f.operation("CloseOrganisation", func(t *tramDraft) { t.closeOrg = CloseOrganisation{} }, func(t *tramDraft) Operation { return t.closeOrg })
	f.text(p+"/Code", func(t *tramDraft) *string { return &t.closeOrg.Code })
	f.text(p+"/Successor", func(t *tramDraft) *string { return &t.closeOrg.Successor })
	f.day(p+"/From", func(t *tramDraft) *Date { return &t.closeOrg.From })

	p = changePath + "/AddCode"
	f.operation("AddCode", func(t *tramDraft) { t.addCode = AddCode{} }, func(t *tramDraft) Operation { return t.addCode })
	f.text(p+"/Organisation", func(t *tramDraft) *string { return &t.addCode.Organisation })
	f[p+"/Code"] = binding{set: func(r *reader, v string) { r.tram.addCode.Code = r.datedCode(v) }}

	p = changePath + "/RemoveCode"
	f.operation("RemoveCode", func(t *tramDraft) { t.delCode = RemoveCode{} }, func(t *tramDraft) Operation { return t.delCode })
	f.text(p+"/Organisation", func(t *tramDraft) *string { return &t.delCode.Organisation })
	f.text(p+"/Code", func(t *tramDraft) *string { return &t.delCode.Code })
	f.day(p+"/From", func(t *tramDraft) *Date { return &t.delCode.From })
}

func (f fields) certificates() {
	p := changePath + "/EnrolCertificate"
	f.operation("EnrolCertificate", func(t *tramDraft) { t.enrol = EnrolCertificate{} }, func(t *tramDraft) Operation { return t.enrol })
	f.holder(p+"/Holder", func(t *tramDraft) *Holder { return &t.enrol.Holder })
	f[p+"/Purpose"] = binding{many: true, set: func(r *reader, v string) {
		r.tram.enrol.Purposes = append(r.tram.enrol.Purposes, Purpose(v))
	}}
	f.der(p+"/Certificate", func(t *tramDraft, der []byte) { t.enrol.DER = der })

	p = changePath + "/RevokeCertificate"
	f.operation("RevokeCertificate", func(t *tramDraft) { t.revoke = RevokeCertificate{} }, func(t *tramDraft) Operation { return t.revoke })
	f.holder(p+"/Holder", func(t *tramDraft) *Holder { return &t.revoke.Holder })
	f.digest(p+"/CertificateSHA256", func(t *tramDraft, d [32]byte) { t.revoke.SHA256 = d })
	f.instant(p+"/From", func(t *tramDraft) *time.Time { return &t.revoke.From })
	f[p+"/Action"] = binding{set: func(r *reader, v string) { r.tram.revoke.Suspend = v == "suspend" }}
	f.text(p+"/Reason", func(t *tramDraft) *string { return &t.revoke.Reason })

	p = changePath + "/RegisterClient"
	f.operation("RegisterClient", func(t *tramDraft) { t.client = RegisterClient{} }, func(t *tramDraft) Operation { return t.client })
	f.text(p+"/ClientId", func(t *tramDraft) *string { return &t.client.ID })
	f.holder(p+"/Holder", func(t *tramDraft) *Holder { return &t.client.Holder })
	f.digest(p+"/TokenSHA256", func(t *tramDraft, d [32]byte) { t.client.TokenSHA256 = &d })
	f.digest(p+"/CertificateSHA256", func(t *tramDraft, d [32]byte) { t.client.CertificateSHA256 = &d })

	f.operation("RemoveClient", func(t *tramDraft) { t.delClient = RemoveClient{} }, func(t *tramDraft) Operation { return t.delClient })
	f.text(changePath+"/RemoveClient/ClientId", func(t *tramDraft) *string { return &t.delClient.ID })
}

func (f fields) peers() {
	f.operation("AddPeer", func(t *tramDraft) { t.peer = Peer{} }, func(t *tramDraft) Operation { return AddPeer{t.peer} })
	f.operation("ChangePeer", func(t *tramDraft) { t.peer = Peer{} }, func(t *tramDraft) Operation { return ChangePeer{t.peer} })
	for _, p := range []string{changePath + "/AddPeer", changePath + "/ChangePeer"} {
		f.text(p+"/Origin", func(t *tramDraft) *string { return &t.peer.Origin })
		f.text(p+"/Name", func(t *tramDraft) *string { return &t.peer.Name })
		f[p+"/URL"] = binding{many: true, set: func(r *reader, v string) { r.tram.peer.URLs = append(r.tram.peer.URLs, v) }}
		f.digest(p+"/CertificateSHA256", func(t *tramDraft, d [32]byte) {
			t.peer.CertificateSHA256s = append(t.peer.CertificateSHA256s, d)
		})
		f.der(p+"/Authority", func(t *tramDraft, der []byte) { t.peer.Authorities = append(t.peer.Authorities, der) })
		f[p+"/Verifier"] = binding{many: true, set: func(r *reader, v string) { r.tram.peer.Verifiers = append(r.tram.peer.Verifiers, v) }}
		f[p+"/Prefix"] = binding{many: true, set: func(r *reader, v string) { r.tram.peer.Prefixes = append(r.tram.peer.Prefixes, v) }}
		for _, many := range []string{"/CertificateSHA256", "/Authority"} {
			b := f[p+many]
			b.many = true
			f[p+many] = b
		}
	}
}

func (f fields) rights() {
	p := changePath + "/GrantReading"
	f.operation("GrantReading", func(t *tramDraft) { t.grant = GrantReading{} }, func(t *tramDraft) Operation { return t.grant })
	f.text(p+"/GrantId", func(t *tramDraft) *string { return &t.grant.ID })
	f.holder(p+"/Reader", func(t *tramDraft) *Holder { return &t.grant.Reader })
	f.text(p+"/Organisation", func(t *tramDraft) *string { return &t.grant.Organisation })
	f.text(p+"/DocumentId", func(t *tramDraft) *string { return &t.grant.DocumentID })
	f.instant(p+"/From", func(t *tramDraft) *time.Time { return &t.grant.From })
	f.instant(p+"/To", func(t *tramDraft) *time.Time { return &t.grant.To })
	f.text(p+"/Reason", func(t *tramDraft) *string { return &t.grant.Reason })

	f.operation("RevokeReading", func(t *tramDraft) { t.ungrant = RevokeReading{} }, func(t *tramDraft) Operation { return t.ungrant })
	f.text(changePath+"/RevokeReading/GrantId", func(t *tramDraft) *string { return &t.ungrant.ID })
	f.instant(changePath+"/RevokeReading/From", func(t *tramDraft) *time.Time { return &t.ungrant.From })

	p = changePath + "/SetPolicy"
	f.operation("SetPolicy", func(t *tramDraft) { t.policy = SetPolicy{} }, func(t *tramDraft) Operation { return t.policy })
	f[p+"/RequiredAssurance"] = binding{many: true, set: func(r *reader, v string) {
		r.tram.policy.Assurance = append(r.tram.policy.Assurance, RequiredAssurance{Sender: r.attr("sender"), Kind: Kind(r.attr("kind")), Level: v})
	}}
	f[p+"/SecrecyElement"] = binding{many: true, set: func(r *reader, v string) {
		e := SecrecyElement{Sender: r.attr("sender"), Namespace: r.attr("namespace"), Local: v}
		r.tram.policy.SecrecyElements = append(r.tram.policy.SecrecyElements, e)
	}}
	f[p+"/Limit"] = binding{many: true, set: func(r *reader, v string) {
		n, _ := strconv.ParseInt(v, 10, 64) // at most 15 digits by the schema
		r.tram.policy.Limits = append(r.tram.policy.Limits, PolicyLimit{Name: r.attr("name"), Value: n})
	}}
}

func (f fields) authorities() {
	p := changePath + "/TrustAuthority"
	f.operation("TrustAuthority", func(t *tramDraft) { t.trust = TrustAuthority{} }, func(t *tramDraft) Operation { return t.trust })
	f.der(p+"/Certificate", func(t *tramDraft, der []byte) { t.trust.DER = der })
	f.text(p+"/Kind", func(t *tramDraft) *string { return &t.trust.Kind })
	f[p+"/Purpose"] = binding{many: true, set: func(r *reader, v string) { r.tram.trust.Purposes = append(r.tram.trust.Purposes, v) }}
	f.instant(p+"/From", func(t *tramDraft) *time.Time { return &t.trust.From })
	f.instant(p+"/Until", func(t *tramDraft) *time.Time { return &t.trust.Until })
	f.text(p+"/Name", func(t *tramDraft) *string { return &t.trust.Name })

	p = changePath + "/DistrustAuthority"
	f.operation("DistrustAuthority", func(t *tramDraft) { t.distrust = DistrustAuthority{} }, func(t *tramDraft) Operation { return t.distrust })
	f.digest(p+"/CertificateSHA256", func(t *tramDraft, d [32]byte) { t.distrust.SHA256 = d })
	f.instant(p+"/From", func(t *tramDraft) *time.Time { return &t.distrust.From })
	f.text(p+"/Reason", func(t *tramDraft) *string { return &t.distrust.Reason })
}

func (f fields) submission() {
	p := submissionPath
	f[p+"/VouchedBy"] = binding{set: func(r *reader, v string) { r.tram.sub.Voucher = Voucher(v) }}
	f.text(p+"/Sender", func(t *tramDraft) *string { return &t.sub.Sender })
	f.text(p+"/Channel", func(t *tramDraft) *string { return &t.sub.Channel })
	f.instant(p+"/ReceivedAt", func(t *tramDraft) *time.Time { return &t.sub.ReceivedAt })
	f.text(p+"/Reason", func(t *tramDraft) *string { return &t.sub.Reason })
	f.text(p+"/FileName", func(t *tramDraft) *string { return &t.sub.FileName })
	f.text(p+"/MediaType", func(t *tramDraft) *string { return &t.sub.MediaType })
	f.digest(p+"/FileSHA256", func(t *tramDraft, d [32]byte) { t.sub.FileSHA256 = d })
	f[p+"/File"] = binding{content: func(r *reader, e *encoded) { r.tram.file = e }}
}

func (r *reader) tramDay(v, path string) Date {
	if v == "" {
		return Date{}
	}
	d, ok := parseDay(v, '-')
	if !ok {
		r.problem(BadDate, path, v, "there is no such day")
	}
	return d
}

func (r *reader) datedCode(v string) OrganisationCode {
	return OrganisationCode{Code: v, From: r.tramDay(r.attr("from"), r.path()+"/@from"), To: r.tramDay(r.attr("to"), r.path()+"/@to")}
}

func (r *reader) instant(v string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		r.problem(BadDate, r.path(), v, "there is no such time")
		return time.Time{}
	}
	return t.UTC()
}

// finishTram judges a Trạm package as a whole.
func (r *reader) finishTram() {
	t := &r.tram
	h := t.header
	r.kind = h.Kind
	body := KindSubmission
	switch {
	case t.change.Operations != nil:
		body = KindDirectoryChange
	case t.destroy.Targets != nil:
		body = KindDestruction
	case t.action.Act != nil:
		body = KindDossierAction
	}
	if h.Kind != body {
		r.problem(HeaderMismatch, packagePath+"/Kind", string(h.Kind), "the body is a %s", body)
	}
	if !r.opts.Now.IsZero() && h.IssuedAt.After(r.opts.Now.Add(clockSkew)) {
		r.problem(FutureDate, packagePath+"/IssuedAt", h.IssuedAt.Format(time.RFC3339), "time lies in the future")
	}
	r.secret(h.Secrecy, packagePath+"/Secrecy")
	r.pkg.Kind, r.pkg.Header = h.Kind, &h
	if body == KindDirectoryChange {
		c := t.change
		r.pkg.Change = &c
		for i, op := range c.Operations {
			if c.Reason != "" { // it stands before the operations
				i++
			}
			r.operationRules(op, indexed(changePath+"/*", i))
		}
		return
	}
	if body == KindDestruction {
		r.finishDestruction()
		return
	}
	if body == KindDossierAction {
		r.finishAction()
		return
	}
	s := t.sub
	r.identifier(submissionPath+"/Sender", s.Sender, true)
	if s.FileName != "" {
		if why := fileNameFault(s.FileName); why != "" {
			r.problem(AttachmentName, submissionPath+"/FileName", s.FileName, "file %s", why)
		}
		r.secret(SecrecyOfText(fileWords(s.FileName)), submissionPath+"/FileName")
	}
	r.secret(SecrecyOfText(s.Reason), submissionPath+"/Reason")
	r.pkg.Submission = &s
}

// operationRules judges what the schema cannot say of an operation by itself; the rest is the directory's decision.
func (r *reader) operationRules(op Operation, path string) {
	switch op := op.(type) {
	case AddOrganisation:
		r.identifier(path+"/Code", op.Code, true)
		for _, c := range op.Other {
			r.codeSpan(path+"/OtherCode", c)
		}
		r.identifier(path+"/Parent", op.Parent, false)
	case ChangeOrganisation:
		r.identifier(path+"/Code", op.Code, true)
	case CloseOrganisation:
		r.identifier(path+"/Code", op.Code, true)
		r.identifier(path+"/Successor", op.Successor, false)
	case AddCode:
		r.codeSpan(path+"/Code", op.Code)
	case GrantReading:
		if !op.From.Before(op.To) {
			r.problem(BadDate, path+"/To", op.To.Format(time.RFC3339), "the right ends before it starts")
		}
	case TrustAuthority:
		if !op.Until.IsZero() && !op.From.Before(op.Until) {
			r.problem(BadDate, path+"/Until", op.Until.Format(time.RFC3339), "the trust ends before it starts")
		}
	default:
		r.officeRules(op, path)
	}
}

func (r *reader) codeSpan(path string, c OrganisationCode) {
	r.identifier(path, c.Code, true)
	if !c.To.IsZero() && !c.To.After(c.From) {
		r.problem(BadDate, path+"/@to", c.To.format('-'), "the code ends before it starts")
	}
}

// submittedFile makes the carried file readable and compares it with its digest.
func (r *reader) submittedFile() error {
	s := r.pkg.Submission
	if s == nil || r.tram.file == nil {
		return nil
	}
	s.File = Attachment{Name: s.FileName, ContentType: s.MediaType}
	if !r.fill(&s.File, r.tram.file, func() string { return submissionPath + "/File" }) {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(s.File.raw, 0, s.File.RawSize)); err != nil {
		return fmt.Errorf("couldn't hash submitted file: %w", err)
	}
	if [32]byte(h.Sum(nil)) != s.FileSHA256 {
		r.problem(AttachmentDigest, submissionPath+"/FileSHA256", "", "the file has another SHA-256: %x", h.Sum(nil))
	}
	return nil
}
