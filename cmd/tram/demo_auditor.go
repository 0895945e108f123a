package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/schemas"
)

// The inspectorate of the demonstration: a right over every agency for a month, given by a signed change like everything else.
const (
	demoInspectorate = "thanh-tra-tinh"
	demoInspection   = "118-QD-TTr-2026"
)

// auditorToken is where the inspectorate's token for the API lies.
func (n *demoNode) auditorToken() string { return filepath.Join(n.dir(), "auditor", "token") }

// inspect lets the inspectorate read: in the portal by the account, from its own machine by the token.
func (d *day) inspect(ctx context.Context) (demoAccount, error) {
	if err := os.MkdirAll(filepath.Dir(d.province.auditorToken()), 0o700); err != nil {
		return demoAccount{}, err
	}
	digest, err := saveToken(d.province.auditorToken())
	if err != nil {
		return demoAccount{}, err
	}
	auditor, token, now := schemas.Holder{Kind: schemas.HolderAuditor, ID: demoInspectorate}, [32]byte(digest), time.Now().Truncate(time.Second)
	if _, err := d.province.change(ctx, "Quyết định thanh tra 118/QĐ-TTr",
		schemas.GrantReading{ID: demoInspection, Reader: auditor, From: now, To: now.AddDate(0, 1, 0), Reason: "Thanh tra việc gửi nhận văn bản điện tử"},
		schemas.RegisterClient{ID: demoInspectorate, Holder: auditor, TokenSHA256: &token},
	); err != nil {
		return demoAccount{}, err
	}
	d.say.note("Thanh tra tỉnh được đọc mọi cơ quan trong một tháng, theo quyết định ghi trong sổ. / The inspectorate may read every agency for a month.")
	return d.province.account(ctx, portal.NewAccount{Username: "thanhtra", DisplayName: "Thanh tra tỉnh", Role: portal.RoleAuditor, Right: demoInspection})
}
