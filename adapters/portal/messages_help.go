package portal

// The catalogue: the help page, one question and answer each. helpTopics gives their order.
var helpMessages = map[string]message{
	"help.title": {"Trợ giúp", "Help"},
	"help.lead":  {"Những từ bạn gặp trên cổng này nghĩa là gì, và khi nào cần làm gì.", "What the words on these pages mean, and when to do something."},

	"help.station.q": {"Trạm là gì?", "What is a station?"},
	"help.station.a": {"Trạm nhận văn bản đã ký số của cơ quan này, chuyển nguyên vẹn đến cơ quan kia và ghi lại lúc nào văn bản qua, chữ ký ra sao. Tên lấy từ trạm ngựa ngày xưa: công văn niêm phong đi qua, mỗi trạm đều ghi sổ.", "A station takes signed documents from one agency to another, unaltered, and writes down when each passed and in what state its signatures were. The name is that of the relay stations of old, which kept a book of every sealed dispatch."},
	"help.states.q":  {"“Chờ nhận”, “Đã lấy về”, “Đã nhận” khác nhau thế nào?", "Waiting, taken, received: what is the difference?"},
	"help.states.a":  {"Chờ nhận: văn bản nằm trong hộp nhận. Đã lấy về: phần mềm của nơi nhận đã tải văn bản nhưng chưa xác nhận là đã giữ được. Đã nhận: nơi nhận đã xác nhận. Mở xem trong cổng này không tính là nhận; phần mềm quản lý văn bản của cơ quan mới nhận.", "Waiting: it lies in the mailbox. Taken: the recipient's system fetched it but has not confirmed that it keeps it. Received: it has confirmed. Looking at a document in this portal does not count as receiving; your agency's document system receives."},
	"help.peer.q":    {"“Chờ chuyển trạm” và “Đã chuyển trạm”?", "Queued and handed over?"},
	"help.peer.a":    {"Nơi nhận do trạm khác phục vụ, ví dụ trạm của Văn phòng Chính phủ. Chờ chuyển trạm: trạm ấy chưa trả lời, trạm này vẫn gửi lại. Đã chuyển trạm: trạm ấy đã giữ văn bản và đưa lại biên nhận.", "The recipient is served by another station, such as that of the Government Office. Queued: that station has not answered and this one keeps trying. Handed over: it holds the document and has returned a receipt."},
	"help.failed.q":  {"Thấy “Không gửi được” thì làm gì?", "What do I do about a failed delivery?"},
	"help.failed.a":  {"Mở văn bản, xem mục “Ai đang giữ văn bản” để biết nơi nào và vì sao. Gửi văn bản cho nơi đó bằng cách khác theo quy định, và báo người quản trị trạm.", "Open the document and look under “Who has it” for the place and the reason. Send it there another way as the rules say, and tell the administrator."},
	"help.recall.q":  {"Văn bản bị thu hồi, cập nhật, thay thế?", "Recalled, updated, replaced?"},
	"help.recall.a":  {"Nếu thu hồi trước khi nơi nhận lấy về, văn bản rời hộp nhận. Nếu đã lấy về, bản ấy được đánh dấu đã thu hồi: không dùng để giải quyết công việc. Văn bản cập nhật hay thay thế là văn bản riêng, có liên kết ở đầu trang.", "Recalled before it was taken: it leaves the mailbox. Recalled after: the copy is marked and must not be acted on. An update or a replacement is a document of its own, linked at the top of the page."},
	"help.urgent.q":  {"Độ khẩn?", "Urgency?"},
	"help.urgent.a":  {"Khẩn, thượng khẩn, hỏa tốc do cơ quan gửi ghi. Văn bản khẩn cần trình ngay khi nhận được. Trạm không nhận văn bản mật, tối mật, tuyệt mật.", "Urgent, very urgent and express are set by the sender. Present such a document as soon as it arrives. The station refuses state secrets of every level."},
	"help.vouch.q":   {"Bốn mức bảo đảm là gì?", "What are the four levels of assurance?"},
	"help.vouch.a":   {"Chữ ký của chính cơ quan gửi là mức cao nhất. Ký tại trạm: trạm ký bằng khoá của cơ quan khi người có quyền bấm gửi. Cơ quan bảo đảm thay: hệ thống cũ không ký được, cơ quan ký gói ngoài. Kênh bảo đảm: chỉ chứng nhận đã nhận đúng các byte ấy. Mức này hiện mãi mãi cùng văn bản.", "The sender's own signature is the highest. Custody: the station signs with the agency's key when an authorised person sends. Vouched by agency: an old system cannot sign, the agency signs the outer package. Vouched by channel: only attests that these bytes were received. The level stays with the document for ever."},
	"help.receipt.q": {"Biên nhận để làm gì?", "What is a receipt for?"},
	"help.receipt.a": {"Biên nhận là một tệp nhỏ có chữ ký của trạm, chứng minh văn bản đã vào nhật ký ở đúng vị trí ấy. Hãy lưu cùng hồ sơ. Nhiều năm sau vẫn kiểm tra được bằng lệnh tram receipt check hoặc công cụ của người khác, không cần mạng, không cần tin trạm.", "A receipt is a small file with the station's signature, which proves that the document entered the log at that position. Keep it with the dossier. Years later it can be checked with tram receipt check or someone else's tool, offline, without trusting the station."},
	"help.search.q":  {"Tìm văn bản thế nào cho nhanh?", "How do I find a document quickly?"},
	"help.search.a":  {"Gõ vài từ của trích yếu, có dấu hay không dấu đều được: “bao cao phong chong bao” cũng ra. Gõ một phần số ký hiệu: 7816/VPCP. Gõ ngày: 22/11/2026. Trong sổ có thể lọc thêm theo nơi gửi, tên loại và tình trạng.", "Type some words of the subject, with or without diacritics. Type part of a number: 7816/VPCP. Type a date: 22/11/2026. In a register you can also filter by agency, kind and state."},
	"help.empty.q":   {"Vì sao vài cột của sổ để trống?", "Why are some columns of the register empty?"},
	"help.empty.a":   {"Số đến, đơn vị nhận xử lý và nơi lưu bản do cơ quan bạn ghi. Trạm không bịa ra số: cột để trống cho đến khi có sự kiện ghi điều đó.", "Arrival number, handling unit and file copy are set by your agency. The station invents nothing: a column stays empty until an event sets it."},
	"help.session.q": {"Vì sao tôi bị đăng xuất?", "Why was I signed out?"},
	"help.session.a": {"Phiên làm việc kết thúc khi không dùng một thời gian, hoặc sau tối đa một ngày làm việc. Ở trang Tài khoản, bạn xem được mình đang đăng nhập ở đâu và kết thúc phiên lạ.", "A session ends when it is not used for a while, and at the latest after a working day. On the account page you see where you are signed in and can end a session you don't know."},
	"help.who.q":     {"Ai đọc được văn bản?", "Who can read a document?"},
	"help.who.a":     {"Chỉ cơ quan gửi, cơ quan nhận, và người có quyền kiểm tra ghi trong danh bạ có thời hạn. Người vận hành trạm không mở được văn bản nào. Mỗi lần đăng nhập và mở văn bản đều được ghi lại.", "Only the sender, the recipients, and holders of a recorded right for a period. The station's operator can open no document. Every sign-in and every opening is logged."},
}

var helpTopics = []string{"station", "states", "peer", "failed", "recall", "urgent", "vouch", "receipt", "search", "empty", "session", "who"}

var allMessages = newCatalogue(pageMessages, recordMessages, signatureMessages, auditMessages, helpMessages, pastMessages, officeMessages, incomingMessages, outgoingMessages, dossierMessages, figureMessages, noticeMessages, adminMessages)
