package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/testdata/demo"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	dir    string
	exe    string // the program that the nodes run
	once   bool
	asJSON bool
}

// demoMark says that a folder was made by the demonstration, and may be made anew by it.
const demoMark = ".tram-demo"

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Một ngày làm việc của tỉnh và Văn phòng Chính phủ, trên máy này / a working day, on this machine",
		Long: `Makes two nodes under trial authorities of their own, plays a working day through their HTTP doors, verifies both records, and leaves the
portal up with its address and accounts printed. Nothing outside --dir is touched; everything listens on loopback.

With --once it ends after the verification; with --json the last line is one JSON object with what was counted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			exe, err := os.Executable()
			if err != nil {
				return fmt.Errorf("couldn't find the program itself: %w", err)
			}
			o.exe = exe
			return runDemo(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().StringVar(&o.dir, "dir", "demo", "folder to make; one that an earlier demonstration made is made anew")
	cmd.Flags().BoolVar(&o.once, "once", false, "end after the day")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print a JSON object as the last line")
	return cmd
}

// demoAnswer is the last line with --json.
type demoAnswer struct {
	Nodes      []demoNodeAnswer `json:"nodes"`
	Documents  int              `json:"documents"`  // distinct, over the network
	Deliveries int              `json:"deliveries"` // (document, recipient) pairs acknowledged
	Statuses   int              `json:"statuses"`   // distinct status messages
	Refused    int              `json:"refused"`
	Duplicates int              `json:"duplicates"` // handed in again by a sender; retries between nodes are not counted
	Office     demoOfficeAnswer `json:"office"`     // not counted above

	TimeStamps     uint64 `json:"time_stamps"`     // over heads of the logs
	RevokedRefused int    `json:"revoked_refused"` // packages that a revoked key had signed
	Evidence       string `json:"evidence"`        // container that was made and judged
	Witnessed      int    `json:"witnessed"`       // witnesses behind the receipt that was led to a cosigned head
}

// demoOfficeAnswer is what the offices did in the portal.
type demoOfficeAnswer struct {
	Documents  int `json:"documents"`
	Deliveries int `json:"deliveries"`
	Statuses   int `json:"statuses"` // sent by the node itself for what people did
	Acts       int `json:"acts"`     // signed packages of people
	Readings   int `json:"readings"` // of documents
}

type demoNodeAnswer struct {
	Org      string `json:"org"`
	Dir      string `json:"dir"`
	Events   uint64 `json:"events"`
	Packages uint64 `json:"packages"`
}

func runDemo(ctx context.Context, out io.Writer, o demoOptions) (err error) {
	dir, err := demoFolder(o.dir)
	if err != nil {
		return err
	}
	say := &narrator{w: out}
	if !o.once {
		say.pace = 400 * time.Millisecond
	}
	fmt.Fprintln(out, "TRẠM: một ngày làm việc / a working day. THỬ NGHIỆM / TRIAL: keys, agencies and documents are made up for this demonstration.")
	d, err := setUpDemo(ctx, dir, o.exe, say)
	if d != nil {
		defer func() { err = errors.Join(err, d.stop()) }()
	}
	if err != nil {
		return err
	}
	accounts, err := d.accounts(ctx)
	if err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	container, err := d.container(ctx, dir)
	if err != nil {
		return err
	}
	answer, err := d.prove(ctx)
	if err != nil {
		return err
	}
	answer.Evidence = container
	if answer.Witnessed, err = d.witnessed(ctx, dir); err != nil {
		return err
	}
	if o.asJSON {
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return fmt.Errorf("couldn't print answer: %w", err)
		}
	}
	if o.once {
		return nil
	}
	d.invite(out, accounts, container)
	<-ctx.Done()
	fmt.Fprintln(out, "\nĐang dừng hai trạm. / Stopping.")
	return nil
}

// demoFolder makes the folder, empty. A folder that something else made is left alone.
func demoFolder(name string) (string, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("couldn't locate %s: %w", name, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("couldn't look into %s: %w", dir, err)
	}
	if len(entries) > 0 {
		mine, err := exists(filepath.Join(dir, demoMark))
		if err != nil {
			return "", err
		}
		if !mine {
			return "", fmt.Errorf("couldn't use %s: there is something in it that no demonstration made", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", fmt.Errorf("couldn't make %s anew: %w", dir, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("couldn't make %s: %w", dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, demoMark), []byte("made by tram demo\n"), 0o600); err != nil {
		return "", fmt.Errorf("couldn't make %s: %w", dir, err)
	}
	return dir, nil
}

// setUpDemo makes and starts authorities and nodes, and lets the agencies in by signed changes. It gives the day also with an error
// when something of it may be running.
func setUpDemo(ctx context.Context, dir, exe string, say *narrator) (*day, error) {
	say.at("07:00", "Lập hai trạm: tỉnh Bắc Giang và Văn phòng Chính phủ, mỗi trạm một cơ quan chứng thực và danh bạ riêng. / Two nodes, each with its own trust.")
	authorities, err := openDemoAuthorities(filepath.Join(dir, "authorities"))
	if err != nil {
		return nil, err
	}
	d := &day{say: say, authorities: authorities, by: map[string]*office{}, tally: &tally{}, offices: demoOffices()}
	if d.province, err = newDemoNode(dir, exe, "H02", "Trạm tỉnh Bắc Giang", "tram.bacgiang.example/log", "127.0.0.1:8080", authorities, -24*time.Hour); err != nil {
		return d, err
	}
	if d.vpcp, err = newDemoNode(dir, exe, "G22", "Trạm Văn phòng Chính phủ", "tram.vpcp.example/log", "127.0.0.1:8081", authorities, 24*time.Hour); err != nil {
		return d, err
	}
	for _, o := range d.offices {
		code, err := unitCode(o.agency)
		if err != nil {
			return d, err
		}
		if err := o.custody(d.province, code); err != nil {
			return d, err
		}
	}
	if err := errors.Join(d.province.trustPeer(d.vpcp), d.vpcp.trustPeer(d.province)); err != nil {
		return d, err
	}
	if err := errors.Join(d.province.witnessedBy(ctx, d.vpcp, false), d.vpcp.witnessedBy(ctx, d.province, false)); err != nil {
		return d, err
	}
	if d.stamper, err = authorities.stamper(); err != nil {
		return d, err
	}
	say.note("CA cơ quan, CA cá nhân và dấu thời gian tách riêng trong danh sách tin cậy; trạm hỏi CRL, OCSP. / Nodes ask their authorities.")
	say.note("Hai trạm chứng kiến nhật ký của nhau: trạm này ký thêm vào đầu nhật ký của trạm kia. / The nodes cosign each other's logs.")
	for _, n := range []*demoNode{d.vpcp, d.province} {
		if err := n.start(ctx); err != nil {
			return d, err
		}
	}
	return d, d.enrol(ctx)
}

// stop ends nodes and authorities, as far as they were started. A node takes a second to drain, so they do it together.
func (d *day) stop() error {
	stopped := make(chan error, 2)
	for _, n := range []*demoNode{d.province, d.vpcp} {
		go func() {
			if n == nil {
				stopped <- nil
				return
			}
			stopped <- n.stop()
		}()
	}
	return errors.Join(<-stopped, <-stopped, d.authorities.end())
}

// enrol lets the agencies in, and makes the nodes known to each other.
func (d *day) enrol(ctx context.Context) error {
	units, err := demo.Units()
	if err != nil {
		return err
	}
	phases := map[int][]*office{}
	for i, u := range units {
		o := newOffice(codeOfUnit(i), u.Name, i, d.tally)
		d.units, d.by[u.Name] = append(d.units, o), o
		phases[u.Phase] = append(phases[u.Phase], o)
	}
	for phase := 1; phase <= len(phases); phase++ {
		if err := enrolOffices(ctx, d.province, fmt.Sprintf("Kết nối các đơn vị giai đoạn %d", phase), phases[phase]...); err != nil {
			return err
		}
		d.say.note("Giai đoạn %d: %d đơn vị vào danh bạ bằng một gói tin có ký. / Phase %d enters by one signed change.", phase, len(phases[phase]), phase)
	}
	if d.chairman, err = newPerson(d.authorities.persons, "Lê Quang Vinh", "Chủ tịch UBND tỉnh"); err != nil {
		return err
	}
	if _, err := d.province.change(ctx, "Chứng thư của Chủ tịch", schemas.EnrolCertificate{Holder: organisation(d.units[0].code),
		Purposes: []schemas.Purpose{schemas.PurposePerson}, DER: d.chairman.id.chain[0].Raw}); err != nil {
		return err
	}
	d.centre = newOffice("G22", "Văn phòng Chính phủ", len(units), d.tally)
	d.centre.notation = "VPCP"
	if err := enrolOffices(ctx, d.vpcp, "Cơ quan của trạm", d.centre); err != nil {
		return err
	}
	if err := d.enrolCustody(ctx); err != nil {
		return err
	}
	if err := errors.Join(d.province.meet(ctx, d.vpcp, "G22"), d.vpcp.meet(ctx, d.province, "H02")); err != nil {
		return err
	}
	if err := d.acquainted(ctx); err != nil {
		return err
	}
	d.say.note("Hai trạm đã trao đổi danh bạ có ký. / The nodes have learned each other's agencies.")
	return nil
}

var (
	surnames   = []string{"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô", "Dương", "Giáp", "Thân"}
	givenNames = []string{"Thị Hạnh", "Văn Đức", "Thu Hà", "Quang Huy", "Minh Tuấn", "Thị Lan", "Xuân Trường", "Ngọc Ánh", "Hữu Nghĩa"}
)

// newOffice makes up the people of an agency.
func newOffice(code, name string, i int, t *tally) *office {
	return &office{
		code: code, name: name, tally: t, numbers: &counter{n: 100 + 7*i},
		clerk:    surnames[i%len(surnames)] + " " + givenNames[i%len(givenNames)],
		position: "Chánh Văn phòng", notation: initials(name) + "-VP",
	}
}

// initials are the first letters of the words of a name: "Sở Nội vụ" is SNV.
func initials(name string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		b.WriteRune(unicode.ToUpper([]rune(w)[0]))
	}
	return b.String()
}

// acquainted waits until each node knows the other's agencies.
func (d *day) acquainted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, ask := range []struct {
		who  *office
		code string
	}{{d.units[0], d.centre.code}, {d.centre, d.units[len(d.units)-1].code}} {
		for {
			err := ask.who.api.call(ctx, "GET", "/v1/directory/"+ask.code, nil, nil, nil)
			var r *refusedError
			if err == nil {
				break
			}
			if !errors.As(err, &r) {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the nodes did not learn of each other's agencies: %s asks for %s: %w", ask.who.name, ask.code, err)
			case <-tick.C:
			}
		}
	}
	return nil
}

// accounts makes the people of the portal.
func (d *day) accounts(ctx context.Context) ([]demoAccount, error) {
	var out []demoAccount
	for _, a := range []struct {
		node *demoNode
		user string
		org  *office
		role portal.Role
		name string
	}{
		{d.province, "vanhanh", nil, portal.RoleOperator, "Người vận hành trạm tỉnh"},
		{d.vpcp, "vanthu.vpcp", d.centre, portal.RoleClerk, "Văn thư Văn phòng Chính phủ"},
	} {
		org := ""
		if a.org != nil {
			org = a.org.code
		}
		acc, err := a.node.account(ctx, portal.NewAccount{Username: a.user, DisplayName: a.name, Org: org, Role: a.role})
		if err != nil {
			return nil, err
		}
		out = append(out, acc)
	}
	people, err := d.staff(ctx)
	if err != nil {
		return nil, err
	}
	out = append(people, out...)
	auditor, err := d.inspect(ctx)
	if err != nil {
		return nil, err
	}
	return append(out, auditor), nil
}

// prove verifies both records while the nodes run, and counts from them what happened.
func (d *day) prove(ctx context.Context) (*demoAnswer, error) {
	d.say.at("17:10", "Kiểm chứng sổ của cả hai trạm. / Both records are proved.")
	answer := &demoAnswer{Duplicates: d.tally.duplicates}
	documents, statuses := map[string]bool{}, map[string]bool{}
	own := map[string]bool{} // of them, what a node did for an office
	acts := map[events.Digest]bool{}
	for _, n := range []*demoNode{d.province, d.vpcp} {
		offers := map[string]bool{} // delivery streams of documents, not of status messages
		v, err := runVerification(ctx, verifyOptions{dir: n.data(), keyFile: n.keyFile(), each: func(e events.Event) {
			s := &e.Statement
			if s.Package != nil && isAct(s.Stream) {
				acts[s.Package.SHA256] = true
			}
			switch s.Name {
			case document.NameReceived:
				documents[s.Stream] = true
				own[s.Stream] = own[s.Stream] || s.Client == gateway.ClientNode
			case document.NameStatusReported:
				sum := s.Package.SHA256.String()
				statuses[sum] = true
				own[sum] = own[sum] || s.Client == gateway.ClientNode
			case delivery.NameOffered:
				var o delivery.Offered
				if json.Unmarshal(s.Data, &o) == nil && o.ItemID == delivery.ItemDocument {
					offers[s.Stream] = true
				}
			case delivery.NameAcknowledged:
				switch {
				case offers[s.Stream] && s.Client == gateway.ClientNode:
					answer.Office.Deliveries++
				case offers[s.Stream]:
					answer.Deliveries++
				}
			case reading.NameOpened:
				answer.Office.Readings++
			case refusal.NameRecorded:
				answer.Refused++
				var r refusal.Recorded
				if json.Unmarshal(s.Data, &r) == nil && r.Code == "3016" {
					answer.RevokedRefused++
				}
			}
		}}, nil)
		if err != nil {
			return nil, err
		}
		if !v.OK {
			return nil, fmt.Errorf("the record of %s is not good: %s: %s", n.name, v.Error.Kind, v.Error.Reason)
		}
		d.say.note("%s: %d sự kiện, %d gói tin, %d lần kiểm lại chữ ký, %d dấu thời gian: ĐÚNG. / proved.", n.name, v.Events, v.Packages, v.Judged, v.Stamps)
		answer.TimeStamps += v.Stamps
		answer.Nodes = append(answer.Nodes, demoNodeAnswer{Org: n.org, Dir: n.data(), Events: v.Events, Packages: v.Packages})
	}
	answer.Documents, answer.Office.Documents = split(documents, own)
	answer.Statuses, answer.Office.Statuses = split(statuses, own)
	answer.Office.Acts = len(acts)
	t := d.tally
	if t.documents != answer.Documents || t.acknowledged != answer.Deliveries || t.statuses != answer.Statuses || t.refused != answer.Refused {
		return nil, fmt.Errorf("the records say %d documents, %d deliveries, %d statuses, %d refused; the agencies counted %d, %d, %d, %d",
			answer.Documents, answer.Deliveries, answer.Statuses, answer.Refused, t.documents, t.acknowledged, t.statuses, t.refused)
	}
	d.say.note("%d văn bản, %d lượt nhận, %d trạng thái, %d từ chối, %d gửi lặp: sổ và các cơ quan đếm như nhau. / Records and agencies agree.",
		answer.Documents, answer.Deliveries, answer.Statuses, answer.Refused, answer.Duplicates)
	d.say.note("Ba văn phòng: %d việc có ký của người, %d văn bản, %d trạng thái trạm tự gửi, %d lần mở văn bản được ghi. / The offices: signed acts, documents, statuses, readings.",
		answer.Office.Acts, answer.Office.Documents, answer.Office.Statuses, answer.Office.Readings)
	return answer, nil
}

// isAct says whether a stream is that of an agency's work.
func isAct(stream string) bool {
	return strings.HasPrefix(stream, incoming.StreamPrefix) || strings.HasPrefix(stream, outgoing.StreamPrefix) || strings.HasPrefix(stream, dossier.StreamPrefix)
}

// split counts what agencies did with their own software, and what the node did for those that work in the portal.
func split(all, own map[string]bool) (others, offices int) {
	for x := range all {
		if own[x] {
			offices++
		} else {
			others++
		}
	}
	return others, offices
}

// invite says where the portal is and who may sign in.
func (d *day) invite(out io.Writer, accounts []demoAccount, container string) {
	fmt.Fprintf(out, "\nCổng làm việc / portal:  %s   (VPCP: %s)\n", d.province.portal(), d.vpcp.portal())
	for _, a := range accounts {
		fmt.Fprintf(out, "  %-20s %-36s %s\n", a.Username, a.Password, a.Name)
	}
	fmt.Fprintf(out, "API: %s  (%s)\n", d.province.url(), d.vpcp.url())
	fmt.Fprintf(out, "Kiểm chứng lại / verify again:  %s verify %s --key %s\n", here(d.province.exe), here(d.province.data()), here(d.province.keyFile()))
	fmt.Fprintf(out, "Kiểm tra chứng cứ / check the evidence:  %s evidence check %s --trust %s\n", here(d.province.exe), here(container), here(d.province.config.path(d.province.config.Trust)))
	fmt.Fprintln(out, "Ctrl-C để dừng. / Ctrl-C stops.")
}

// here is a path as one would type it from the current folder.
func here(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return "." + string(filepath.Separator) + rel
}
