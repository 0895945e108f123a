package portal

// pastMessages are the words of pages seen as they stood.
var pastMessages = map[string]message{
	"asof.title":        {"Xem như ngày …", "See as of a day …"},
	"asof.day":          {"Như lúc hết ngày", "As of the end of"},
	"asof.show":         {"Xem", "Show"},
	"asof.note":         {"Trạm dựng lại từ nhật ký đúng những gì đã có lúc đó. Quyền xem xét theo hôm nay; nội dung đã tiêu hủy thì quá khứ cũng không còn.", "The station works out from its log exactly what there was then. Who may see it is judged today; what has been destroyed is gone from the past too."},
	"asof.is.day":       {"Bạn đang xem quá khứ: như lúc hết ngày {day}.", "You are looking at the past: as of the end of {day}."},
	"asof.is":           {"Bạn đang xem quá khứ: như lúc {time}.", "You are looking at the past: as of {time}."},
	"asof.last":         {"Nhật ký lúc đó có {n} sự kiện, sự kiện cuối lúc {time}.", "The log had {n} events then, the last one of {time}."},
	"asof.before":       {"Lúc đó nhật ký chưa có sự kiện nào.", "The log had no events then."},
	"asof.print.day":    {"Như lúc hết ngày {day}", "As of the end of {day}"},
	"asof.print":        {"Như lúc {time}", "As of {time}"},
	"asof.now":          {"Về hiện tại", "Back to now"},
	"asof.bad":          {"Không hiểu ngày “{value}”. Hãy chọn một ngày.", "“{value}” is no day. Choose one."},
	"asof.future":       {"Ngày đó chưa tới, nên chưa ai biết sổ sẽ ghi gì. Trang này là hiện tại.", "That day has not come yet, so nobody knows what it holds. This page is of now."},
	"asof.waiting":      {"Trạm đang dựng lại sổ sách của lúc đó từ nhật ký.", "The station is working out from its log how things stood then."},
	"asof.waiting.note": {"Trang tự tải lại khi xong. Lần sau xem cùng ngày sẽ có ngay.", "The page reloads by itself. The next time the same day is there at once."},
	"asof.progress":     {"Đã đọc được bao nhiêu nhật ký", "How much of the log has been read"},
	"asof.busy":         {"Đang có nhiều ngày khác được dựng lại. Trang tự thử lại.", "Several other days are being worked out. The page tries again by itself."},
	"asof.room":         {"Trạm không đủ chỗ trên đĩa để dựng lại lúc đó. Hãy báo người vận hành trạm.", "The station has no room on its disk for that. Tell whoever runs it."},
	"asof.none":         {"Lúc đó chưa có trang này: văn bản chưa vào sổ, hoặc chưa tới cơ quan của bạn.", "There was no such page then: the document was not in the register yet, or had not reached your agency."},
}
