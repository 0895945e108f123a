package portal

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
)

func TestStaffAccounts(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	good := NewAccount{Username: "binh", Org: orgInterior, Role: RoleStaff, Person: "nv-012", Password: testPassword}
	for _, c := range []struct {
		name   string
		change func(*NewAccount)
	}{
		{"of no agency", func(n *NewAccount) { n.Org = "" }},
		{"nobody", func(n *NewAccount) { n.Person = "" }},
		{"no id", func(n *NewAccount) { n.Person = "Trần Văn Bình" }},
		{"a clerk with a person", func(n *NewAccount) { n.Role = RoleClerk }},
	} {
		n := good
		c.change(&n)
		if _, err := a.CreateAccount(t.Context(), n); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
	if _, err := a.CreateAccount(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	again := good
	again.Username = "binh2"
	if _, err := a.CreateAccount(t.Context(), again); !errors.Is(err, ErrPersonTaken) {
		t.Errorf("a second account of one person: %v, expected ErrPersonTaken", err)
	}
	again.Org = "H02.09"
	if _, err := a.CreateAccount(t.Context(), again); err != nil {
		t.Errorf("the same id in another agency: %v", err)
	}
	in, err := try(t, a, "binh", testPassword, "10.0.0.1", "")
	if err != nil || in.Account.Person != "nv-012" || in.Account.Role != RoleStaff {
		t.Errorf("signed in as %+v, %v", in.Account, err)
	}
	acc, _, err := a.session(t.Context(), in.Token)
	if err != nil || acc.Person != "nv-012" {
		t.Errorf("session of %+v, %v", acc, err)
	}
}

func TestSetPerson(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	staff := NewAccount{Username: "binh", Org: orgInterior, Role: RoleStaff, Person: "nv-012", Password: testPassword}
	operator := NewAccount{Username: "ops", Role: RoleOperator, Password: testPassword}
	for _, n := range []NewAccount{staff, operator} {
		if _, err := a.CreateAccount(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	in, err := try(t, a, "lan", testPassword, "10.0.0.1", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		username, person string
		want             error
	}{
		{"lan", "nv-012", ErrPersonTaken},
		{"lan", "NV 1", nil},
		{"ops", "nv-1", nil},
		{"nobody", "nv-1", ErrNoAccount},
	} {
		if err := a.SetPerson(t.Context(), c.username, c.person); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s is %s: error %v, expected %v", c.username, c.person, err, c.want)
		}
	}
	if err := a.SetPerson(t.Context(), "lan", "nv-1"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.session(t.Context(), in.Token); err == nil {
		t.Error("the session goes on with other rights")
	}
	acc, err := a.Account(t.Context(), "lan")
	if err != nil || acc.Role != RoleStaff || acc.Person != "nv-1" {
		t.Errorf("account is %+v, %v", acc, err)
	}
	if err := a.SetPerson(t.Context(), "lan", "nv-1"); err != nil {
		t.Errorf("said again: %v", err)
	}
}

// A portal.db of before staff accounts keeps its accounts.
func TestOlderFileIsTakenOver(t *testing.T) {
	c := AccountsConfig{Path: filepath.Join(t.TempDir(), "portal.db"), Cost: cheap}
	db, err := sql.Open("sqlite", "file:"+c.Path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(accountsSchema1 + `PRAGMA user_version=1;
		INSERT INTO accounts VALUES('tk-1','lan','Lan','H02.05','clerk','','vi','x',0,0,1,0);`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a, err := OpenAccounts(c)
		if err != nil {
			t.Fatal(err)
		}
		acc, err := a.Account(context.Background(), "lan")
		if err != nil || acc.Role != RoleClerk || acc.Org != "H02.05" || acc.Person != "" {
			t.Errorf("account is %+v, %v", acc, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
