package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/schemas"
)

// TestPeopleAreTold: a document comes to an agency of a true node, and its clerk's webhook is called once, with nothing of the document; also
// when the node is killed after the webhook had it and before the node knew.
func TestPeopleAreTold(t *testing.T) {
	calls := make(chan [2]string, 10) // id, everything
	var node *benchSite
	first := true
	hook := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		defer func() {
			calls <- [2]string{r.Header.Get("webhook-id"), fmt.Sprint(r.Method, r.URL, r.Header, string(b))}
		}()
		if first {
			first = false
			if err := node.kill(); err != nil { // it waits for this answer
				t.Error(err)
			}
		}
	}))
	t.Cleanup(hook.Close)
	node = testSite(t)
	must(t, node.stop())
	address, err := freeAddress()
	must(t, err)
	roots := filepath.Join(node.demoNode.dir(), "hook.crt")
	must(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}), 0o600))
	must(t, node.configure("  listen: \"\"\n  plain_http: false", "  listen: \""+address+"\"\n  plain_http: true"))
	must(t, node.configure("webhook: {enabled: false}", "webhook: {enabled: true, private_hosts: [127.0.0.1], roots: hook.crt}"))
	must(t, node.start(t.Context()))

	const agency = "H99.02"
	_, err = node.change(t.Context(), "Quyết định 1/QĐ", schemas.SetRegister{Agency: agency, Register: "chung", Name: "Sổ đến"},
		schemas.SetPerson{Agency: agency, Person: "nv-004", Name: "Nguyễn Thị Lan", Position: "Văn thư", Duties: []schemas.OfficeDuty{{Role: "clerk"}}})
	must(t, err)
	_, err = node.account(t.Context(), portal.NewAccount{Username: "lan.nt", DisplayName: "Nguyễn Thị Lan", Org: agency, Role: portal.RoleStaff, Person: "nv-004"})
	must(t, err)
	accounts, err := portal.OpenAccounts(portal.AccountsConfig{Path: filepath.Join(node.data(), portalFile)})
	must(t, err)
	t.Cleanup(func() { accounts.Close() })
	account, err := accounts.Account(t.Context(), "lan.nt")
	must(t, err)
	_, err = accounts.Notices().SetWebhook(t.Context(), account.ID, hook.URL, 0)
	must(t, err)
	must(t, accounts.Notices().Choose(t.Context(), account.ID, notice.ByWebhook, notice.Choice{Kinds: []notice.Kind{notice.Work}, Pace: notice.AtOnce}, 0))

	_, err = node.one(t.Context(), 0, []byte("nội dung"))
	must(t, err)
	next := func() [2]string {
		t.Helper()
		select {
		case c := <-calls:
			return c
		case <-time.After(90 * time.Second):
			t.Fatal("nobody was told")
		}
		return [2]string{}
	}
	told := next()
	must(t, node.start(t.Context()))
	again := next()
	if told[0] != again[0] || told[0] == "" {
		t.Errorf("after the kill the id is %q, before it was %q", again[0], told[0])
	}
	for _, c := range []string{told[1], again[1]} {
		if !strings.Contains(c, `"counts":{"work":1}`) || !strings.Contains(c, `"link":"http://`+address+`/portal/notes"`) {
			t.Errorf("called with %s", c)
		}
		for _, word := range []string{"Báo cáo", "cải cách", "BC-DV", "H99", "Đơn vị", "Lan", "nv-004", "bao-cao", account.ID} {
			if strings.Contains(c, word) {
				t.Errorf("%q leaves: %s", word, c)
			}
		}
	}
	until(t, "the cursor behind what was told", func() bool {
		ways, err := accounts.Notices().Ways(t.Context(), account.ID)
		must(t, err)
		return len(ways) == 1 && !ways[0].Begun() && !ways[0].Told.IsZero()
	})
	b, err := os.ReadFile(filepath.Join(node.demoNode.dir(), "serve.log"))
	must(t, err)
	if strings.Contains(string(b), hook.URL) {
		t.Error("the address of a person's webhook stands in the node's log")
	}
	checks, err := http.Get("http://" + node.config.Operations + "/readyz?verbose")
	if node.config.Operations != "" {
		must(t, err)
		defer checks.Body.Close()
		text, err := io.ReadAll(checks.Body)
		must(t, err)
		if !strings.Contains(string(text), "notices") {
			t.Errorf("the checks do not speak of it: %s", text)
		}
	}
}
