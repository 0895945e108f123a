package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/html/atom"
)

// administer clicks through the administration of an office: "administer PORTAL". People sign in with the first password of the script.
func administer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: administer PORTAL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	ts.Check(administration(ctx, args[0]))
}

// enter signs in with a password that must be changed, and changes it.
func enter(ctx context.Context, portal, user, password string) (*browser, error) {
	b, err := newBrowser(portal)
	if err == nil {
		err = b.signIn(ctx, demoAccount{Username: user, Password: password})
	}
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(b.at.Path, "/account") {
		return nil, fmt.Errorf("%s need not change the first password: %s", user, b.at.Path)
	}
	const chosen = "một câu của riêng tôi 2026"
	return b, b.send(ctx, "password", func(f url.Values) bool { return f.Has("old") }, url.Values{"old": {password}, "new": {chosen}, "again": {chosen}})
}

// refused expects the form to come back and say why.
func (b *browser) refused(err error, says string) error {
	if err == nil {
		return fmt.Errorf("%s was done, expected %q", b.at.Path, says)
	}
	if !strings.Contains(b.said(), says) {
		return fmt.Errorf("refused with %w, expected %q", err, says)
	}
	return nil
}

// shows expects words on the page.
func (b *browser) shows(list ...string) error {
	all := words(b.page)
	for _, s := range list {
		if !strings.Contains(all, s) {
			return fmt.Errorf("%s does not show %q: %s", b.at.Path, s, all)
		}
	}
	return nil
}

func administration(ctx context.Context, portal string) error {
	const first = "mot-mat-khau-dai-2026"
	tuan, err := enter(ctx, portal, "tuan.pa", first)
	if err != nil {
		return err
	}
	huy, err := enter(ctx, portal, "huy.vq", first)
	if err != nil {
		return err
	}
	duc, err := enter(ctx, portal, "duc.hm", first)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *browser, *browser, *browser) error{unitsAndPersons, twoAtOnce, whileAway} {
		if err := step(ctx, tuan, huy, duc); err != nil {
			return err
		}
	}
	if err := accountByTwo(ctx, portal, tuan, huy); err != nil {
		return err
	}
	for _, path := range []string{"/incoming", "/outgoing", "/drafts", "/dossiers", "/search?q=a", "/statistics", "/notes"} {
		if err := tuan.open(ctx, path); err == nil || !strings.Contains(err.Error(), "404") {
			return fmt.Errorf("who only administers opens %s: %v", path, err)
		}
	}
	return errors.Join(duc.open(ctx, "/incoming"), huy.open(ctx, "/incoming"), tuan.open(ctx, "/office/history"),
		tuan.shows("Đơn vị: Phòng Chuyển đổi số", "Quyết định 20/QĐ-SNV", "Vũ Quang Huy", "Ủy quyền: Hoàng Minh Đức → Phạm Thị Thu Hà", "người vận hành trạm", "Quyết định 12/QĐ-SNV"))
}

// unitsAndPersons begins a unit and a person of it; a unit in use stays, and nobody gives himself rights.
func unitsAndPersons(ctx context.Context, tuan, _, _ *browser) error {
	basis := url.Values{"basis": {"Quyết định 20/QĐ-SNV"}}
	with := func(pairs ...string) url.Values {
		out := url.Values{"basis": basis["basis"]}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = append(out[pairs[i]], pairs[i+1])
		}
		return out
	}
	if err := errors.Join(tuan.open(ctx, "/office/units/_new"), tuan.act(ctx, "SetUnit", with("unit_name", "Phòng Chuyển đổi số", "unit_short", "CĐS", "unit_parent", "van-phong")),
		tuan.shows("Đã lưu đơn vị.", "Phòng Chuyển đổi số"), tuan.open(ctx, "/office/units/phong-cchc")); err != nil {
		return err
	}
	if err := tuan.refused(tuan.act(ctx, "CloseUnit", basis), "Phòng Cải cách hành chính (Ngô Quốc Việt)"); err != nil {
		return err
	}
	if err := errors.Join(tuan.open(ctx, "/office/persons/_new"), tuan.act(ctx, "SetPerson", with("person_name", "Nguyễn Văn Minh", "person_position", "Chuyên viên",
		"duty_role", "specialist", "duty_unit", "phong-chuyen-doi-so", "duty_from", "", "duty_until", "31/12/2099")), tuan.shows("Đã lưu người và nhiệm vụ.", "Nguyễn Văn Minh"),
		tuan.open(ctx, "/office/persons/nv-012")); err != nil {
		return err
	}
	return tuan.refused(tuan.act(ctx, "SetPerson", with("duty_role", "administrator", "duty_unit", "", "duty_from", "", "duty_until", "", "duty_role", "leader", "duty_unit", "", "duty_from", "", "duty_until", "")),
		"không tự mở rộng quyền của mình")
}

// twoAtOnce: the slower of two sees what is there now, and can say it again.
func twoAtOnce(ctx context.Context, tuan, huy, _ *browser) error {
	name := func(s string) url.Values {
		return url.Values{"unit_name": {s}, "basis": {"Quyết định đổi tên"}}
	}
	if err := errors.Join(tuan.open(ctx, "/office/units/phong-tccb"), huy.open(ctx, "/office/units/phong-tccb"), tuan.act(ctx, "SetUnit", name("Phòng Tổ chức"))); err != nil {
		return err
	}
	return errors.Join(huy.refused(huy.act(ctx, "SetUnit", name("Phòng Cán bộ")), "Hiện nay: Phòng Tổ chức"), huy.act(ctx, "SetUnit", url.Values{}), huy.shows("Phòng Cán bộ"))
}

// whileAway: a leader says who acts for him, and takes it back.
func whileAway(ctx context.Context, _, huy, duc *browser) error {
	day := time.Now().In(vietnam).AddDate(0, 0, 7).Format("02/01/2006")
	if err := errors.Join(duc.open(ctx, "/away"), duc.act(ctx, "Delegate", url.Values{"delegate_to": {"nv-002"}, "end": {day}, "basis": {"Đi công tác"}}),
		duc.shows("Đã ghi ủy quyền.", "đến hết "+day, "Đang hiệu lực"), huy.open(ctx, "/office/delegations"), huy.shows("Phạm Thị Thu Hà", "Đang hiệu lực")); err != nil {
		return err
	}
	return errors.Join(duc.act(ctx, "WithdrawDelegation", nil), duc.shows("Đã kết thúc ủy quyền.", "Không có ủy quyền nào."))
}

// accountByTwo: one asks, another grants; both halves let the person in.
func accountByTwo(ctx context.Context, portal string, tuan, huy *browser) error {
	half := func(b *browser) string {
		for n := range b.page.Descendants() {
			if n.DataAtom == atom.P && attr(n, "class") == "secret" {
				return words(n)
			}
		}
		return ""
	}
	if err := errors.Join(tuan.open(ctx, "/office/persons/nv-013"), tuan.act(ctx, "AskAccount", nil)); err != nil {
		return err
	}
	one := half(tuan)
	if err := errors.Join(huy.open(ctx, "/office"), huy.shows("Nguyễn Văn Minh"), huy.open(ctx, "/office/persons/nv-013"), huy.act(ctx, "GrantAccount", nil)); err != nil {
		return err
	}
	minh, err := enter(ctx, portal, "minh.nv", one+"-"+half(huy))
	if err != nil {
		return err
	}
	return minh.open(ctx, "/incoming")
}
