package portal

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tram-exchange/tram/internal/view"
	"pgregory.net/rapid"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestCatalogueIsComplete(t *testing.T) {
	for key, m := range allMessages {
		if strings.TrimSpace(m.vi) == "" || strings.TrimSpace(m.en) == "" {
			t.Errorf("%s: a language is empty: %q, %q", key, m.vi, m.en)
		}
		vi, en := placeholder.FindAllString(m.vi, -1), placeholder.FindAllString(m.en, -1)
		slices.Sort(vi)
		slices.Sort(en)
		if !slices.Equal(vi, en) {
			t.Errorf("%s: placeholders differ: %v in Vietnamese, %v in English", key, vi, en)
		}
		if strings.ContainsAny(m.vi+m.en, "<>") {
			t.Errorf("%s holds markup", key)
		}
	}
}

func TestEveryCodeHasWords(t *testing.T) {
	var keys []string
	for prefix, codes := range map[string][]string{
		"role.":      {string(RoleClerk), string(RoleViewer), string(RoleAuditor), string(RoleOperator), string(RoleStaff)},
		"assurance.": {"own", "custody", "agency", "channel", "unknown"},
		"priority.":  {"0", "1", "2", "3", "4"}, "business.": {"1", "2", "3"},
		"status.": {"01", "02", "03", "04", "05", "06", "13", "15", "16"},
		"sig.":    {KindOrganisation, KindPerson, KindCustody, KindAgency, KindChannel, KindForeign},
		"result.": {ResultIntact, ResultChanged, ResultWhole, ResultPartial, ResultChain, ResultUntrusted, ResultInValidity, ResultExpired, ResultBound,
			ResultNotBound, ResultNotRevoked, ResultRevoked, ResultSuspended, ResultRevocationUnknown, ResultRevocationNotChecked, ResultTimeProved, ResultTimeReceived, ResultNotCounted},
		"check.":         {CheckPeerQueue, CheckDisk, CheckCertificate, CheckViewLag, CheckRebuild, CheckHead, CheckPublished, CheckKey, CheckCluster, CheckClock, CheckPackages, CheckEvents, CheckReady, CheckBackup, CheckTimestamp, CheckRevocation, CheckOffice, CheckWitnesses, CheckWitness, CheckContradiction, CheckOtherLog, CheckNotices, "router"},
		"alarm.":         {AlarmSplit, AlarmRollback, AlarmBehind, "own." + AlarmSplit},
		"pdf.problem.":   {ProblemNotPDF, ProblemEncrypted, ProblemBroken, ProblemTooLarge},
		"trust.kind.":    trustKinds,
		"trust.purpose.": {"organisation", "person", "time-stamp", "node", "all"},
		"verdict.":       {"valid", "invalid", "open"},
		"health.":        {StateOK, StateWarn, StateBad},
		"ribbon.":        {"recalled", "updated", "replaced"},
		"relation.":      {"replies-to", "recalls", "recalled-by", "updates", "updated-by", "replaces", "replaced-by"},
		"event.": {"document.received.v1", "document.resent.v1", "document.status-reported.v1", "document.recalled.v1", "document.updated.v1", "document.replaced.v1",
			"delivery.offered.v1", "delivery.taken.v1", "delivery.acknowledged.v1", "delivery.withdrawn.v1", "delivery.marked.v1", "delivery.forwarded.v1",
			"delivery.retrying.v1", "delivery.failed.v1", "destruction.decided.v1", "destruction.executed.v1"},
	} {
		for _, c := range codes {
			keys = append(keys, prefix+c)
		}
	}
	for _, s := range []string{view.StateWaiting, view.StateTaken, view.StateAcknowledged, view.StateForwarded, view.StateQueued, view.StateFailed, view.StateWithdrawn, view.StateRecalled} {
		keys = append(keys, "state."+s, "who."+s)
	}
	for _, topic := range helpTopics {
		keys = append(keys, "help."+topic+".q", "help."+topic+".a")
	}
	for _, status := range []string{"400", "403", "404", "405", "413", "429", "500", "503"} {
		keys = append(keys, "error."+status, "error.title."+status)
	}
	for _, key := range keys {
		if _, ok := allMessages[key]; !ok {
			t.Errorf("no words for %s", key)
		}
	}
}

// TestTemplatesSpeakThroughTheCatalogue: no text stands in a template, every key asked for exists, every key is asked for.
func TestTemplatesSpeakThroughTheCatalogue(t *testing.T) {
	templates, err := filepath.Glob("templates/*.html")
	if err != nil || len(templates) < 10 {
		t.Fatalf("found %d templates, %v", len(templates), err)
	}
	action := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tag := regexp.MustCompile(`(?s)<[^>]*>`)
	key := regexp.MustCompile(`\bt "([^"]+)"`)
	kbd := regexp.MustCompile(`<kbd>[^<]*</kbd>`) // names of keys are the same in every language
	allowed := map[string]bool{"EN": true, "VI": true, "English": true, "Tiếng Việt": true, "sha256sum .edxml": true, "tram receipt check .tlog proof key KEY": true,
		"tram verify https key KEY token file TOKEN": true, "tram log check MIRROR key KEY": true, "python3 receipt check.py RECEIPT KEY": true}
	var source strings.Builder
	for _, name := range templates {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
		for _, m := range key.FindAllStringSubmatch(string(b), -1) {
			if _, ok := allMessages[m[1]]; !ok {
				t.Errorf("%s asks for %q, which the catalogue does not have", name, m[1])
			}
		}
		b = kbd.ReplaceAll(b, nil)
		text := tag.ReplaceAllString(action.ReplaceAllString(string(b), ""), "\n")
		for line := range strings.Lines(text) {
			words := strings.Join(strings.FieldsFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' }), " ")
			if strings.ContainsFunc(words, unicode.IsLetter) && !allowed[words] {
				t.Errorf("%s has words of its own: %q", name, words)
			}
		}
	}
	goFiles, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range goFiles {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "messages") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	all := source.String()
	for key := range allMessages {
		// Keys built of a prefix and a code are asked for by their prefix.
		prefix := key[:strings.LastIndex(key, ".")+1]
		if strings.HasPrefix(key, "event.") || strings.HasPrefix(key, "help.") || strings.HasSuffix(key, ".is") || strings.HasSuffix(key, ".hint") || strings.HasPrefix(key, "print.") {
			prefix = key[:strings.Index(key, ".")+1]
		}
		if !strings.Contains(all, `"`+key+`"`) && !strings.Contains(all, `"`+prefix+`"`) && !strings.Contains(all, `"`+prefix+`%d"`) {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ok       bool
	}{{"22/11/2026", "2026-11-22", true}, {"1/2/2026", "2026-02-01", true}, {" 01-02-2026 ", "2026-02-01", true}, {"1.2.2026", "2026-02-01", true},
		{"2026-11-22", "2026-11-22", true}, {"22112026", "2026-11-22", true}, {"", "", true}, {"31/02/2026", "", false}, {"11/22/2026", "", false},
		{"22/11/26", "", false}, {"hôm nay", "", false}, {"22/11/0001", "", false}} {
		got, ok := parseDate(c.in)
		if got != c.want || ok != c.ok {
			t.Errorf("parseDate(%q) = %q, %v, expected %q, %v", c.in, got, ok, c.want, c.ok)
		}
	}
	// Node time is UTC; people read +07:00.
	if got := moment(time.Date(2026, 11, 21, 19, 5, 0, 0, time.UTC)); got != "22/11/2026 02:05" {
		t.Errorf("moment is %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 365*1000).Draw(t, "day"))
		want := day.Format("2006-01-02")
		if got, ok := parseDate(dateWords(want)); !ok || got != want {
			t.Fatalf("%s came back as %s, %v", want, got, ok)
		}
	})
}

func TestNumbersAndSizes(t *testing.T) {
	vi, en := words{Vietnamese, allMessages}, words{English, allMessages}
	for _, c := range []struct{ got, want string }{
		{vi.number(1234567), "1.234.567"}, {en.number(1234567), "1,234,567"}, {vi.number(-1234), "-1.234"}, {vi.number(0), "0"}, {vi.number(100), "100"},
		{vi.bytes(1536), "1,5 KB"}, {en.bytes(5 << 30), "5 GB"}, {vi.bytes(-1), "–"}, {vi.bytes(1023), "1.023 B"},
		{vi.span(90 * time.Second), "1 phút"}, {vi.span(47 * time.Hour), "47 giờ"}, {en.span(49 * time.Hour), "2 days"}, {vi.span(120 * time.Millisecond), "120 ms"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, expected %q", c.got, c.want)
		}
	}
}

func TestTextCannotTurnThePage(t *testing.T) {
	w := words{Vietnamese, allMessages}
	got := w.say("event.delivery.taken.v1", "org", "Sở \u202eX")
	if strings.ContainsRune(got, 0x202e) || !strings.Contains(got, "\u2068Sở X\u2069") {
		t.Errorf("the override got through: %q", got)
	}
	if got := w.say("event.delivery.taken.v1", "org", "{org} {actor}"); !strings.HasPrefix(got, "{org} {actor} ") {
		t.Errorf("a name was taken for a placeholder: %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		if strings.ContainsFunc(fileName(s), func(r rune) bool { return isBidiControl(r) || unicode.IsControl(r) }) {
			t.Fatalf("%q shows as %q", s, fileName(s))
		}
		if head, more := cut(s, 10); len([]rune(head)) > 10 || !more && head != s {
			t.Fatalf("cut %q to %q", s, head)
		}
	})
}
