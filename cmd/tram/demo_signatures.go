package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/verdict"
	"github.com/tram-exchange/tram/signing/xades"
)

// person signs in their own name, under an authority of persons.
type person struct {
	name, position string
	id             identity
}

// newPerson makes a person's key.
func newPerson(a *trialOffice, name, position string) (*person, error) {
	id, err := a.issue(trialca.Leaf{Name: name, Use: trialca.Sign})
	return &person{name: name, position: position, id: id}, err
}

// signedParts are what a person signs in a document of one attachment: everything that people read.
var signedParts = []struct{ tag, id string }{
	{"<edXML:MessageHeader>", "dau-van-ban"}, {`<edXML:edXMLManifest version="1.0">`, "danh-muc"}, {"<Attachment>", "tep-1"},
}

// withIDs names the parts of an unsigned document that a person will sign.
func withIDs(doc []byte) ([]byte, []string, error) {
	var ids []string
	for _, p := range signedParts {
		if n := bytes.Count(doc, []byte(p.tag)); n != 1 {
			return nil, nil, fmt.Errorf("couldn't name the parts of a document: %s stands %d times, expected once", p.tag, n)
		}
		doc = bytes.Replace(doc, []byte(p.tag), []byte(strings.TrimSuffix(p.tag, ">")+` Id="`+p.id+`">`), 1)
		ids = append(ids, p.id)
	}
	return doc, ids, nil
}

// seal makes XAdES signatures: of the person, if the letter names one, then of the office over everything; and has that time-stamped for
// level B-T.
func (o *office) seal(ctx context.Context, doc []byte, l letter, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	if p := l.by; p != nil {
		named, ids, err := withIDs(doc)
		if err != nil {
			return nil, err
		}
		if err := xades.Sign(ctx, &b, signing.BytesSource(named), p.id.key, p.id.chain, xades.SignOptions{SignOptions: signing.SignOptions{IDs: ids},
			SigningTime: now, ClaimedRoles: []string{p.position}, Commitment: xades.ProofOfApproval}); err != nil {
			return nil, err
		}
		doc = bytes.Clone(b.Bytes())
		b.Reset()
	}
	so := xades.SignOptions{SigningTime: now, Commitment: xades.ProofOfOrigin}
	so.ID = "co-quan"
	if err := xades.Sign(ctx, &b, signing.BytesSource(doc), o.id.key, o.id.chain, so); err != nil || l.level == xades.LevelB {
		return b.Bytes(), err
	}
	trust, err := o.node.believes()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = xades.Augment(ctx, &out, signing.BytesSource(b.Bytes()), xades.AugmentOptions{Level: l.level, Stamper: l.stamper, Trust: trust, Now: time.Now, IDs: []string{so.ID}})
	return out.Bytes(), err
}

// judged is what a node says of the signatures of a package that it keeps.
type judged struct {
	Indication verdict.Indication `json:"indication"`
	Signatures []struct {
		Indication verdict.Indication `json:"indication"`
		Level      string             `json:"level"`
		Signer     string             `json:"signer"`
		Whole      bool               `json:"whole_document"`
	} `json:"signatures"`
}

// verdict asks the node, and wants the levels named, in the order of the signatures.
func (o *office) verdict(ctx context.Context, s *sent, levels ...string) (judged, error) {
	var v judged
	if err := o.api.call(ctx, http.MethodGet, "/v1/packages/"+s.reply.SHA256+"/verdict", nil, nil, &v); err != nil {
		return v, fmt.Errorf("%s: %w", o.name, err)
	}
	var got []string
	for _, g := range v.Signatures {
		got = append(got, g.Level)
	}
	if v.Indication != verdict.TotalPassed || strings.Join(got, " ") != strings.Join(levels, " ") {
		return v, fmt.Errorf("%s is %s with signatures of level %v, expected %s and %v", s.doc.Code, v.Indication, got, verdict.TotalPassed, levels)
	}
	return v, nil
}

// decision: the chairman and the office sign one package, and the PDF in it was signed before. Whoever receives it can tell who did what.
func (d *day) decision(ctx context.Context) error {
	secretariat, finance := d.units[0], d.unit("Sở Tài chính")
	d.say.at("09:05", "Chủ tịch và Văn phòng cùng ký một quyết định, tệp PDF bên trong đã ký. / A person and the agency sign one package (XAdES).")
	pdf, err := signDemoPDF(ctx, demoPDF("Quyết định"), d.chairman, time.Now(), d.stamper)
	if err != nil {
		return err
	}
	s, err := secretariat.send(ctx, letter{kind: "Quyết định", notation: "QĐ-UBND", to: []*office{finance, d.centre}, pages: 3, by: d.chairman, level: xades.LevelB,
		subject: "Về việc phân bổ kinh phí khắc phục hậu quả thiên tai đợt 2 năm 2026",
		files:   []schemas.File{schemas.FileBytes("Quyết định.pdf", "application/pdf", pdf)}})
	if err != nil {
		return err
	}
	d.decided = s
	got, err := finance.take(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := d.centre.take(ctx, 1); err != nil {
		return err
	}
	v, err := finance.verdict(ctx, s, "B-B", "B-B")
	if err != nil {
		return err
	}
	d.say.note("Hai chữ ký, hai CA riêng (cá nhân: OCSP, cơ quan: CRL): %s. / The node asked both authorities.", v.Indication)
	file, err := d.attached(ctx, got)
	if err != nil {
		return err
	}
	ts := file.Signatures[0].Timestamps[0]
	d.say.note("%s: %s, %s ký, dấu thời gian %s. / The PDF's own signature.", file.Name, file.Indication, d.chairman.name, ts.Time.In(vietnam).Format("15:04:05"))
	for _, o := range []*office{finance, d.centre} {
		if err := o.report(ctx, s, "", schemas.StatusAccepted); err != nil {
			return err
		}
	}
	if _, err := d.centre.verdict(ctx, s, "B-B", "B-B"); err != nil {
		return err
	}
	_, err = secretariat.until(ctx, s, "status 03 of VPCP", func(a httpapi.DocumentAnswer) bool { return lastStatus(a, d.centre) == "03" })
	return err
}

// attached judges the signed PDF of a package as its recipient can.
func (d *day) attached(ctx context.Context, got []*schemas.Package) (*signedFile, error) {
	trust, err := d.province.believes()
	if err != nil {
		return nil, err
	}
	for _, p := range got {
		files, err := signedFiles(ctx, p, verdict.Options{Trust: trust, At: time.Now(), Revocation: revocation.NewOnline(revocation.OnlineOptions{Now: time.Now, AllowPrivate: true})})
		if err != nil {
			return nil, err
		}
		for i := range files {
			if f := &files[i]; f.Indication != verdict.TotalPassed || len(f.Signatures[0].Timestamps) == 0 {
				return nil, fmt.Errorf("the signature in %s: %s %s, expected %s with a time-stamp", f.Name, f.Indication, f.SubIndication, verdict.TotalPassed)
			}
			return &files[i], nil
		}
	}
	return nil, errors.New("no signed PDF came")
}

// suspension: the directory can interrupt a certificate, and let it go on.
func (d *day) suspension(ctx context.Context) error {
	forest := d.unit("Chi cục Kiểm lâm")
	d.say.at("11:45", "Chi cục Kiểm lâm thất lạc máy ký: tạm dừng chứng thư bằng thay đổi danh bạ. / A certificate is suspended by a signed change.")
	cert := forest.id.chain[0]
	if _, err := d.province.change(ctx, "Tạm dừng chứng thư của "+forest.name, schemas.RevokeCertificate{Holder: organisation(forest.code),
		SHA256: signing.Fingerprint(cert), From: time.Now(), Suspend: true, Reason: "Thất lạc máy ký"}); err != nil {
		return err
	}
	l := letter{kind: "Báo cáo", to: []*office{d.units[0]}, subject: "Báo cáo công tác phòng cháy, chữa cháy rừng mùa khô 2026"}
	r, err := forest.refusedLetter(ctx, l)
	if err != nil {
		return err
	}
	if r.Code != 3020 {
		return fmt.Errorf("a package under a suspended certificate was refused with %d, expected 3020", r.Code)
	}
	if _, err := d.province.change(ctx, "Khôi phục chứng thư của "+forest.name, schemas.EnrolCertificate{Holder: organisation(forest.code),
		Purposes: []schemas.Purpose{schemas.PurposeSign, schemas.PurposeVoucher}, DER: cert.Raw}); err != nil {
		return err
	}
	if _, err := forest.send(ctx, l); err != nil {
		return err
	}
	if _, err := d.units[0].take(ctx, 1); err != nil {
		return err
	}
	d.say.note("Trong lúc dừng: từ chối %d. Tìm thấy máy, khôi phục: văn bản ký lại được nhận. / Refused meanwhile, accepted again afterwards.", r.Code)
	return nil
}

// lostKey: an authority revokes a key. The node hears of it by itself; the step after the power cut shows what follows.
func (d *day) lostKey(ctx context.Context) error {
	health := d.unit("Sở Y tế")
	d.say.at("14:45", "Sở Y tế báo lộ khóa ký; CA thu hồi chứng thư và công bố CRL mới. / A key is lost: its authority revokes it.")
	d.revokedAt = time.Now()
	return d.province.office.records.revoke(health.id.chain[0], d.revokedAt, revocation.KeyCompromise)
}

// hearsWithin is how long a revocation can go unseen by the demonstration's nodes: the time after which they ask again, and half of it for what they
// fetched last.
const hearsWithin = demoRenew + demoRenew/2

// afterRevocation: what is signed with the lost key is refused, what was accepted before stays good, and a new key goes on.
func (d *day) afterRevocation(ctx context.Context) error {
	health := d.unit("Sở Y tế")
	d.say.at("15:20", "Kẻ lạ ký bằng khóa đã lộ. / Somebody uses the lost key.")
	select {
	case <-time.After(time.Until(d.revokedAt.Add(hearsWithin + 100*time.Millisecond))):
	case <-ctx.Done():
		return ctx.Err()
	}
	l := letter{kind: "Công văn", to: []*office{d.units[0]}, subject: "Về việc chuyển kinh phí mua sắm thiết bị y tế"}
	r, err := health.refusedLetter(ctx, l)
	if err != nil {
		return err
	}
	if r.Code != 3016 {
		return fmt.Errorf("a package under a revoked certificate was refused with %d, expected 3016", r.Code)
	}
	d.say.note("Từ chối %d — %s %s", r.Code, r.Vi, r.Details)
	if _, err := health.verdict(ctx, d.earlier, "XMLDSig"); err != nil {
		return err
	}
	d.say.note("%s nhận lúc sáng vẫn HỢP LỆ: chứng cứ CRL khi đó còn trong sổ. / What came before stays valid, and the record keeps why.", d.earlier.doc.Code)
	id, err := d.province.office.issue(trialca.Leaf{Name: health.name, OrgCode: health.code, Use: trialca.Sign})
	if err != nil {
		return err
	}
	if _, err := d.province.change(ctx, "Chứng thư mới của "+health.name, schemas.EnrolCertificate{Holder: organisation(health.code),
		Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: id.chain[0].Raw}); err != nil {
		return err
	}
	health.id = id
	if _, err := health.send(ctx, letter{kind: "Thông báo", to: []*office{d.units[0]}, subject: "Về việc thay đổi chứng thư số của Sở Y tế"}); err != nil {
		return err
	}
	if _, err := d.units[0].take(ctx, 1); err != nil {
		return err
	}
	d.say.note("Chứng thư mới vào danh bạ, Sở Y tế gửi tiếp. / With a new certificate the agency goes on.")
	return nil
}

// refusedLetter writes a letter that must be refused.
func (o *office) refusedLetter(ctx context.Context, l letter) (*refusedError, error) {
	s, err := o.write(ctx, l)
	if err != nil {
		return nil, err
	}
	return o.refused(ctx, s.bytes)
}

// dailyStamp turns the daily time-stamp on: the node is started with the new configuration, and dates its whole day at once.
func (d *day) dailyStamp(ctx context.Context) error {
	d.say.at("17:00", "Trạm tỉnh bật dấu thời gian hằng ngày lên sổ. / The daily time-stamp over the log is turned on.")
	if err := d.province.stop(); err != nil {
		return err
	}
	if err := d.province.configure("every: -24h", "every: 24h"); err != nil {
		return err
	}
	if err := d.province.start(ctx); err != nil {
		return err
	}
	stamp, err := d.province.stamped(ctx)
	if err != nil {
		return err
	}
	d.say.note("Một dấu cho %d sự kiện, lúc %s, của %s. / One token dates everything so far.", stamp.Size, stamp.Time.In(vietnam).Format("15:04:05"), "CA dấu thời gian thử nghiệm")
	return nil
}

// stamped waits for the first time-stamp of a running node, and reads it from its record.
func (n *demoNode) stamped(ctx context.Context) (timestamp.Stamped, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var state timestamp.State
		r, err := sqlitestore.OpenReader(ctx, n.data())
		if err == nil {
			err = errors.Join(r.Stream(ctx, timestamp.Stream, 0, func(e events.Event) (err error) {
				state, err = timestamp.Fold(state, e)
				return err
			}), r.Close())
		}
		if err != nil || state.Count > 0 {
			return state.Last, err
		}
		select {
		case <-ctx.Done():
			return state.Last, fmt.Errorf("the log of %s was not time-stamped: %w; see %s", n.name, ctx.Err(), filepath.Join(n.dir(), "serve.log"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// container fetches the evidence of the decision as its sender, and judges it as somebody who has only the file, the authorities and the log's key.
func (d *day) container(ctx context.Context, dir string) (string, error) {
	d.say.at("17:05", "Hồ sơ chứng cứ của quyết định, kiểm tra không cần trạm. / Evidence of the decision, judged offline.")
	secretariat := d.units[0]
	file := filepath.Join(dir, "quyet-dinh.asice")
	flags := clientFlags{node: d.province.url(), ca: filepath.Join(d.province.dir(), "trust", "trial-ca.crt"), tokenFile: filepath.Join(secretariat.dir, "token")}
	if err := writeNew(file, func(w io.Writer) error {
		_, err := fetchEvidence(ctx, flags, d.decided.reply.Document, w)
		return err
	}); err != nil {
		return "", err
	}
	trust, err := d.province.believes()
	if err != nil {
		return "", err
	}
	key, err := readKey(d.province.keyFile())
	if err != nil {
		return "", err
	}
	src, err := signing.OpenFile(file)
	if err != nil {
		return "", err
	}
	defer src.Close()
	r, err := evidence.Check(ctx, src, evidence.CheckOptions{Trust: trust, At: time.Now(), Key: &key})
	if err != nil {
		return "", err
	}
	if !r.OK() || len(r.Proofs) == 0 || r.Proofs[0].Proved == nil {
		return "", fmt.Errorf("the evidence %s is %s: %+v", file, r.Indication, r.Findings)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("couldn't look at evidence: %w", err)
	}
	d.say.note("%s, %d KiB, %d sự kiện có biên nhận: %s; có trước %s theo dấu thời gian. / Everything that proves it, in one file.", filepath.Base(file),
		info.Size()>>10, len(r.Proofs), r.Indication, r.Proofs[0].Proved.Time.In(vietnam).Format("15:04:05"))
	return file, nil
}

// believes are the authorities of the node's trust folder.
func (n *demoNode) believes() (*signing.Trust, error) {
	return signing.LoadTrust(n.config.path(n.config.Trust), true)
}
