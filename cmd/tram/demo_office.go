package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/testdata/demo"
)

// demoOffice is an agency of the demonstration that has no software of its own: it works in the portal, and its key lies with the node.
type demoOffice struct {
	agency string // name of the unit
	file   string // its part of the directory
	short  string // ends the user names of its people
	key    identity
	people []demoStaff
}

// demoStaff is a person with an account: who it is in the office, and the user name without the agency.
type demoStaff struct {
	user, person, name string
}

// demoOffices are the three that work a day. Names are those of their files.
func demoOffices() []*demoOffice {
	return []*demoOffice{
		{agency: committee, file: demo.OfficeOfCommittee, short: "vpub", people: []demoStaff{
			{"chutich", "nv-101", "Chủ tịch UBND tỉnh (lãnh đạo)"}, {"phochutich", "nv-102", "Phó Chủ tịch UBND tỉnh (lãnh đạo)"},
			{"vanthu", "nv-104", "Văn thư Văn phòng UBND tỉnh"}, {"truongphong", "nv-105", "Trưởng phòng Khoa giáo - Văn xã"},
			{"chuyenvien", "nv-106", "Chuyên viên phòng Khoa giáo - Văn xã"}, {"luutru", "nv-111", "Lưu trữ viên"},
			{"kiemsoat", "nv-112", "Kiểm soát viên (thanh tra nội bộ)"}, {"quantri", "nv-113", "Quản trị của Văn phòng UBND tỉnh"}}},
		{agency: "Sở Nội vụ", file: demo.OfficeOfDepartment, short: "snv", people: []demoStaff{
			{"giamdoc", "nv-001", "Giám đốc Sở Nội vụ (lãnh đạo)"}, {"vanthu", "nv-004", "Văn thư Sở Nội vụ"},
			{"truongphong", "nv-005", "Trưởng phòng Tổ chức cán bộ"}, {"chuyenvien", "nv-006", "Chuyên viên phòng Tổ chức cán bộ"}}},
		{agency: "Huyện Hiệp Hòa", file: demo.OfficeOfDistrict, short: "hiephoa", people: []demoStaff{
			{"chutich", "nv-201", "Chủ tịch UBND huyện Hiệp Hòa (lãnh đạo)"}, {"vanthu", "nv-204", "Văn thư huyện Hiệp Hòa"},
			{"truongphong", "nv-205", "Trưởng phòng Tài chính - Kế hoạch"}, {"chuyenvien", "nv-206", "Chuyên viên phòng Tài chính - Kế hoạch"}}},
	}
}

// custody makes the key of an agency that works in the portal, before the node starts: it signs with it what the agency's people do.
func (o *demoOffice) custody(n *demoNode, code string) (err error) {
	if o.key, err = n.office.issue(trialca.Leaf{Name: o.agency, OrgCode: code, Use: trialca.Sign}); err != nil {
		return err
	}
	name := "custody-" + code
	if err := writePair(filepath.Join(n.dir(), "keys"), name, o.key.key, o.key.chain[0]); err != nil {
		return err
	}
	const after = "  - {purpose: tsa, ref: keys/tsa.pem, chain: keys/tsa.crt}"
	return n.configure(after, after+fmt.Sprintf("\n  - {purpose: organisation, holder: %s, ref: keys/%s.pem, chain: keys/%s.crt}", code, name, name))
}

// unitCode is the code of a unit by its name, before there are agencies.
func unitCode(name string) (string, error) {
	units, err := demo.Units()
	if err != nil {
		return "", err
	}
	for i, u := range units {
		if u.Name == name {
			return codeOfUnit(i), nil
		}
	}
	return "", fmt.Errorf("couldn't find unit %q", name)
}

func codeOfUnit(i int) string { return fmt.Sprintf("H02.%02d", i+1) }

// openOffices writes the offices into the directory: each agency's units, people and rules, by signed changes.
func (d *day) openOffices(ctx context.Context) error {
	d.say.at("15:30", "Ba cơ quan không có phần mềm riêng làm việc trên Trạm: UBND tỉnh, Sở Nội vụ, huyện Hiệp Hòa. / Three agencies begin to work in the portal.")
	for _, o := range d.offices {
		b, err := demo.Office(o.file)
		if err != nil {
			return err
		}
		var list []operationYAML
		if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&list); err != nil {
			return fmt.Errorf("couldn't read %s: %w", o.file, err)
		}
		var ops []schemas.Operation
		for _, y := range list {
			more, err := y.operations(writing{})
			if err != nil {
				return fmt.Errorf("couldn't read %s: %w", o.file, err)
			}
			ops = append(ops, more...)
		}
		if _, err := d.province.change(ctx, "Mở văn phòng của "+o.agency+" trên Trạm", ops...); err != nil {
			return err
		}
		d.say.note("%s: đơn vị, người, sổ, mẫu ký hiệu, quy trình trình ký, danh mục hồ sơ, lịch làm việc: %d thao tác trong một gói tin có ký.", o.agency, len(ops))
	}
	return nil
}

// enrolCustody writes the keys in custody into the directory: before the nodes meet, so that the other node knows them too.
func (d *day) enrolCustody(ctx context.Context) error {
	var ops []schemas.Operation
	for _, o := range d.offices {
		ops = append(ops, schemas.EnrolCertificate{Holder: organisation(d.unit(o.agency).code), Purposes: []schemas.Purpose{schemas.PurposeCustody}, DER: o.key.chain[0].Raw})
	}
	_, err := d.province.change(ctx, "Khóa ký do trạm giữ cho ba cơ quan", ops...)
	return err
}

// staff makes the accounts of the offices' people and remembers them.
func (d *day) staff(ctx context.Context) (out []demoAccount, err error) {
	d.accountOf = map[string]demoAccount{}
	for _, o := range d.offices {
		for _, p := range o.people {
			a, err := d.province.account(ctx, portal.NewAccount{Username: p.user + "." + o.short, DisplayName: p.name, Org: d.unit(o.agency).code, Role: portal.RoleStaff, Person: p.person})
			if err != nil {
				return nil, err
			}
			d.accountOf[a.Username] = a
			out = append(out, a)
		}
	}
	return out, nil
}

// at gives the browser of a person, signed in.
func (d *day) at(ctx context.Context, user string) (*browser, error) {
	if b := d.browsers[user]; b != nil {
		return b, nil
	}
	a, ok := d.accountOf[user]
	if !ok {
		return nil, fmt.Errorf("couldn't find account %s", user)
	}
	b, err := newBrowser(d.province.portal())
	if err == nil {
		err = b.signIn(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	if d.browsers == nil {
		d.browsers = map[string]*browser{}
	}
	d.browsers[user] = b
	return b, nil
}

// eventually tries again until it succeeds: what another node or the views have still to do takes a moment.
func eventually(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s did not come about", what), err)
		case <-tick.C:
		}
	}
}
