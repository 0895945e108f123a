package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/bilingual"
	"github.com/tram-exchange/tram/internal/notice"
)

// Message is all that leaves the node.
type Message struct {
	ID       string // the same whenever the same is told again
	Counts   []Count
	Link     string // into the portal
	Account  string // where the choice is changed
	Language string // vi or en
	At       time.Time
}

// Count is how much of a kind.
type Count struct {
	Kind notice.Kind
	N    int
}

// message makes that of a way.
func (l *looker) message(w notice.Way, counts map[notice.Kind]int) Message {
	m := Message{ID: id(w), Counts: sorted(counts), Account: l.o.Link + "/account", Language: w.Language, At: l.now}
	switch {
	case w.UpTo > 0:
		m.Link = l.o.Link + "/notes"
	case counts[notice.Late]+counts[notice.Above] > 0:
		m.Link = l.o.Link + "/?box=late"
	default:
		m.Link = l.o.Link + "/"
	}
	return m
}

// id follows from what is told to whom: account, channel, positions and day. Who does not know them learns nothing from it.
func id(w notice.Way) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tram notice v1\n%s\n%s\n%d\n%d\n%d\n%s\n", w.Account, w.Channel, w.Set, w.From, w.UpTo, w.Telling))
	return hex.EncodeToString(sum[:])
}

// nouns are what a count is of, for one and for several.
var nouns = map[notice.Kind][2]bilingual.Text{
	notice.Work:   {bilingual.Say("1 việc mới", "1 new task"), bilingual.Say("%[1]d việc mới", "%[1]d new tasks")},
	notice.Back:   {bilingual.Say("1 việc bị trả lại, thu hồi hoặc được đề nghị lấy lại", "1 thing given back, recalled or asked back"), bilingual.Say("%[1]d việc bị trả lại, thu hồi hoặc được đề nghị lấy lại", "%[1]d things given back, recalled or asked back")},
	notice.Done:   {bilingual.Say("1 việc đã giao nay đã xong", "1 task that you gave is done"), bilingual.Say("%[1]d việc đã giao nay đã xong", "%[1]d tasks that you gave are done")},
	notice.Status: {bilingual.Say("1 phản hồi của nơi nhận", "1 answer of a recipient"), bilingual.Say("%[1]d phản hồi của nơi nhận", "%[1]d answers of recipients")},
	notice.Due:    {bilingual.Say("1 việc đến hạn hôm nay hoặc ngày làm việc tiếp theo", "1 task due today or on the next working day"), bilingual.Say("%[1]d việc đến hạn hôm nay hoặc ngày làm việc tiếp theo", "%[1]d tasks due today or on the next working day")},
	notice.Late:   {bilingual.Say("1 việc quá hạn", "1 late task"), bilingual.Say("%[1]d việc quá hạn", "%[1]d late tasks")},
	notice.Above:  {bilingual.Say("1 việc quá hạn lâu ở nơi bạn phụ trách", "1 task late for long where you are in charge"), bilingual.Say("%[1]d việc quá hạn lâu ở nơi bạn phụ trách", "%[1]d tasks late for long where you are in charge")},
}

func say(t bilingual.Text, language string) string {
	if language == "en" {
		return t.En
	}
	return t.Vi
}

// words of a count.
func (c Count) words(language string) string {
	if c.N == 1 {
		return say(nouns[c.Kind][0], language)
	}
	return fmt.Sprintf(say(nouns[c.Kind][1], language), c.N)
}

// sum is all counts in one line.
func (m Message) sum() string {
	parts := make([]string, len(m.Counts))
	for i, c := range m.Counts {
		parts[i] = c.words(m.Language)
	}
	return strings.Join(parts, ", ")
}

// subject of an e-mail.
func (m Message) subject(node string) string { return node + ": " + m.sum() }

// sentences of an e-mail around its counts.
var (
	sentenceYouHave = bilingual.Say("Bạn có:", "You have:")
	sentenceOpen    = bilingual.Say("Mở cổng để xem:", "Open the portal:")
	sentenceWhy     = bilingual.Say("Thư này do trạm tự gửi theo lựa chọn của bạn và không chứa nội dung văn bản. Đổi lựa chọn:",
		"The station sent this by itself, as you have chosen. It holds nothing of any document. Change your choice:")
	sentenceCode = bilingual.Say("Mã xác nhận địa chỉ thư điện tử: %[1]s", "Code to confirm this e-mail address: %[1]s")
	sentenceType = bilingual.Say("Nhập mã này ở trang Tài khoản trước %[1]s. Nếu không phải bạn yêu cầu, hãy bỏ qua thư này: địa chỉ sẽ không được dùng.",
		"Enter it on the account page before %[1]s. If it was not you who asked, do nothing: the address will not be used.")
	subjectCode = bilingual.Say("%[1]s: mã xác nhận địa chỉ thư điện tử", "%[1]s: code to confirm an e-mail address")
)
