package gateway

// What a clerk, a specialist, a head or a leader is told when an act on an incoming document or a dossier is refused.
const (
	// 7050–7099: documents that came to the agency.
	CodeIncomingUnknown     = 7050 // no such document, or not for this person
	CodeIncomingRight       = 7051
	CodeIncomingUnnumbered  = 7052 // not registered yet
	CodeIncomingNumbering   = 7053
	CodeIncomingRegistered  = 7054
	CodeIncomingRefused     = 7055
	CodeIncomingWithdrawn   = 7056
	CodeIncomingAsked       = 7057 // the sender asks for it back
	CodeIncomingFinished    = 7058
	CodeIncomingNotFinished = 7059
	CodeIncomingNotAssigned = 7060
	CodeIncomingAssigned    = 7061
	CodeIncomingStarted     = 7062
	CodeIncomingExchange    = 7064 // only for what did not
	CodeIncomingRegister    = 7065
	CodeAssigneeUnit        = 7066
	CodeAssigneePerson      = 7067
	CodeAssigneeApart       = 7068
	CodeAssigneeTwice       = 7069
	CodeAssigneeOutside     = 7070
	CodeIncomingPresentTo   = 7071
	CodeIncomingSame        = 7072
	CodeDeadlinePast        = 7073 // named before today
	CodeDeadlinePassed      = 7074 // the one there is has passed
	CodeDeadlineBeyond      = 7075
	CodeIncomingReply       = 7076
	CodeIncomingLinked      = 7077
	CodeIncomingFull        = 7078
	CodeIncomingNotAsked    = 7079 // the sender does not ask for it back
	CodeIncomingAnswered    = 7080

	// 7150–7179: work dossiers.
	CodeDossierUnknown   = 7150 // no such dossier, or not for this person
	CodeDossierRight     = 7151
	CodeDossierOpened    = 7152
	CodeDossierClosed    = 7153
	CodeDossierNotClosed = 7154
	CodeDossierNumbering = 7155
	CodeDossierOpenTasks = 7156
	CodeDossierFilePlan  = 7157
	CodeDossierRetention = 7158
	CodeDossierOutside   = 7159
	CodeDossierSame      = 7160
	CodeDossierDocument  = 7161
	CodeDossierInside    = 7162
	CodeDossierItem      = 7163
	CodeDossierTask      = 7164
	CodeDossierTaskTaken = 7165
	CodeDossierTaskDone  = 7166
	CodeDossierFull      = 7167
)

var incomingCatalogue = []Entry{
	{CodeIncomingUnknown, "incoming-unknown", 404, once,
		"Cơ quan không có văn bản đến này, hoặc văn bản không thuộc phần việc của bạn; hãy kiểm tra lại mã văn bản.",
		"The agency has no such incoming document, or it is not yours to see; check the document's id."},
	{CodeIncomingRight, "incoming-right", 403, once,
		"Vai trò của bạn không được làm việc này với văn bản; hãy đề nghị văn thư, lãnh đạo hoặc người chủ trì thực hiện.",
		"Your duties do not allow this with the document; ask a clerk, a leader or whoever is in charge."},
	{CodeIncomingUnnumbered, "incoming-unregistered", 409, once,
		"Văn bản chưa vào sổ nên chưa được xử lý; hãy để văn thư đăng ký văn bản trước.",
		"The document is not in the register yet; a clerk must register it first."},
	{CodeIncomingNumbering, "incoming-numbering", 409, again,
		"Văn bản đang được cấp số đến; hãy thử lại sau giây lát.",
		"The document's number is being given; try again in a moment."},
	{CodeIncomingRegistered, "incoming-registered", 409, once,
		"Văn bản này đã vào sổ; không đăng ký lại và không trả lại nữa, hãy xử lý tiếp hoặc kết thúc với kết quả phù hợp.",
		"The document is in the register; it is neither registered again nor given back: go on with it, or finish it with that result."},
	{CodeIncomingRefused, "incoming-refused", 409, once,
		"Văn bản đã được trả lại nơi gửi nên không xử lý nữa; nếu cần, hãy đề nghị nơi gửi gửi lại.",
		"The document was given back to its sender and is not worked on any more; ask the sender to send it again if it is needed."},
	{CodeIncomingWithdrawn, "incoming-withdrawn", 409, once,
		"Nơi gửi đã thu hồi văn bản này; hãy dừng xử lý, chỉ mở lại khi nơi gửi gửi lại.",
		"The sender took the document back; stop working on it, and reopen it only when the sender has given it again."},
	{CodeIncomingAsked, "incoming-asked-back", 409, once,
		"Nơi gửi đang đề nghị lấy lại văn bản; hãy trả lời đồng ý hay từ chối trước khi xử lý tiếp.",
		"The sender asks for the document back; agree or decline before going on with it."},
	{CodeIncomingFinished, "incoming-finished", 409, once,
		"Văn bản đã kết thúc xử lý; hãy mở lại trước nếu còn việc phải làm.",
		"The work on the document is finished; reopen it first if there is more to do."},
	{CodeIncomingNotFinished, "incoming-not-finished", 409, once,
		"Văn bản chưa kết thúc nên không có gì để mở lại; hãy xử lý tiếp như bình thường.",
		"The document is not at its end, so there is nothing to reopen; just go on with it."},
	{CodeIncomingNotAssigned, "incoming-not-assigned", 409, once,
		"Văn bản chưa được giao cho ai chủ trì; hãy để lãnh đạo phân công trước.",
		"Nobody is in charge of the document yet; a leader must assign it first."},
	{CodeIncomingAssigned, "incoming-assigned", 409, once,
		"Văn bản đã được phân công; hãy phân công lại hoặc chuyển trả thay vì trình.",
		"The document is assigned already; assign it again or transfer it back instead of presenting it."},
	{CodeIncomingStarted, "incoming-started", 409, once,
		"Văn bản đã được bắt đầu xử lý trước đó; hãy xử lý tiếp hoặc kết thúc.",
		"Work on the document has begun before; go on with it, or finish it."},
	{CodeIncomingExchange, "incoming-exchange", 409, once,
		"Mã này dành cho văn bản đến qua trục liên thông; hãy đăng ký văn bản từ danh sách chờ vào sổ, hoặc chọn mã khác cho văn bản giấy.",
		"That id is one of a document of the exchange; register it from the list of arrivals, or choose another id for paper."},
	{CodeIncomingRegister, "incoming-register", 422, once,
		"Không có sổ văn bản đến này hoặc sổ đã đóng; hãy chọn sổ đang dùng của cơ quan.",
		"There is no such register of arrivals, or it is closed; choose one that the agency uses."},
	{CodeAssigneeUnit, "assignee-unit", 422, once,
		"Không có đơn vị này trong cơ quan hoặc đơn vị đã giải thể; hãy chọn đơn vị đang hoạt động.",
		"There is no such unit in the agency, or it is closed; choose one that works."},
	{CodeAssigneePerson, "assignee-person", 422, once,
		"Người này không còn làm việc hoặc không có nhiệm vụ xử lý công việc; hãy chọn người khác.",
		"That person does not work here any more, or has no duty that handles work; choose another."},
	{CodeAssigneeApart, "assignee-apart", 422, once,
		"Người này không thuộc đơn vị đã chọn; hãy chọn đúng đơn vị của người đó hoặc người khác trong đơn vị.",
		"That person is not in the unit named; choose the person's unit, or another person of the unit."},
	{CodeAssigneeTwice, "assignee-twice", 422, once,
		"Một đơn vị hoặc một người được nêu hai lần; mỗi nơi chỉ chủ trì hoặc phối hợp một lần.",
		"A unit or person is named twice; each is in charge or cooperates once."},
	{CodeAssigneeOutside, "assignee-outside", 403, once,
		"Trưởng đơn vị chỉ phân công trong đơn vị mình; hãy đề nghị lãnh đạo phân công cho đơn vị khác.",
		"A head assigns within the own units only; ask a leader to assign it to another unit."},
	{CodeIncomingPresentTo, "present-to", 422, once,
		"Người này không phải lãnh đạo hay trưởng đơn vị; hãy trình người có quyền phân công.",
		"That person is neither leader nor head; present it to somebody who may assign it."},
	{CodeIncomingSame, "incoming-same", 409, once,
		"Việc này không thay đổi gì so với hiện tại; hãy kiểm tra lại nội dung định thay đổi.",
		"Nothing would change by this; check what you meant to change."},
	{CodeDeadlinePast, "deadline-past", 422, once,
		"Hạn xử lý nằm trước hôm nay; hãy chọn hôm nay hoặc một ngày sau đó.",
		"The deadline lies before today; choose today or a later day."},
	{CodeDeadlinePassed, "deadline-passed", 403, once,
		"Hạn xử lý đã qua; chỉ lãnh đạo được đổi hạn và phải nêu lý do.",
		"The deadline has passed; only a leader may move it, and must say why."},
	{CodeDeadlineBeyond, "deadline-beyond", 403, once,
		"Hạn này muộn hơn hạn lãnh đạo đã giao; hãy chọn hạn sớm hơn hoặc đề nghị lãnh đạo gia hạn.",
		"That is later than the day a leader has set; choose an earlier one, or ask the leader for more time."},
	{CodeIncomingReply, "reply-not-own", 422, once,
		"Văn bản trả lời phải là văn bản do chính cơ quan phát hành hoặc dự thảo của cơ quan; hãy chọn lại.",
		"A reply is a document that the agency itself has issued, or a draft of its own; choose again."},
	{CodeIncomingLinked, "reply-linked", 409, once,
		"Văn bản trả lời này đã được gắn trước đó; không cần gắn lại.",
		"That reply is linked already; there is nothing to do."},
	{CodeIncomingFull, "incoming-full", 422, once,
		"Đã vượt số lượng cho phép của một văn bản; hãy rút gọn danh sách hoặc lập hồ sơ công việc.",
		"Over what one document may have; shorten the list, or open a dossier for the work."},
	{CodeIncomingNotAsked, "incoming-not-asked", 409, once,
		"Nơi gửi không đề nghị lấy lại văn bản này nên không có gì để trả lời; hãy xử lý tiếp như bình thường.",
		"The sender does not ask for the document back, so there is nothing to answer; just go on with it."},
	{CodeIncomingAnswered, "incoming-answered", 409, once,
		"Đã trả lời đề nghị lấy lại này; hãy chờ trạm báo cho nơi gửi.",
		"That request was answered before; wait for the node to tell the sender."},
}

var dossierCatalogue = []Entry{
	{CodeDossierUnknown, "dossier-unknown", 404, once,
		"Cơ quan không có hồ sơ này, hoặc hồ sơ không thuộc phần việc của bạn; hãy kiểm tra lại mã hồ sơ.",
		"The agency has no such dossier, or it is not yours to see; check the dossier's id."},
	{CodeDossierRight, "dossier-right", 403, once,
		"Vai trò của bạn không được làm việc này với hồ sơ; hãy đề nghị người lập hồ sơ, trưởng đơn vị hoặc lãnh đạo.",
		"Your duties do not allow this with the dossier; ask whoever is in charge of it, the head of the unit or a leader."},
	{CodeDossierOpened, "dossier-opened", 409, once,
		"Mã hồ sơ này đã được dùng; hãy chọn mã khác cho hồ sơ mới.",
		"That id is an existing dossier's; choose another for a new one."},
	{CodeDossierClosed, "dossier-closed", 409, once,
		"Hồ sơ đã kết thúc nên không thay đổi được; hãy đề nghị trưởng đơn vị hoặc lãnh đạo mở lại trước.",
		"The dossier is closed and cannot be changed; ask the head of the unit or a leader to reopen it first."},
	{CodeDossierNotClosed, "dossier-not-closed", 409, once,
		"Hồ sơ đang mở nên không cần mở lại; hãy làm việc tiếp.",
		"The dossier is open, so there is nothing to reopen; just go on with it."},
	{CodeDossierNumbering, "dossier-numbering", 409, again,
		"Hồ sơ đang được cấp số và ký hiệu; hãy thử kết thúc lại sau giây lát.",
		"The dossier's code is being given; try to close it again in a moment."},
	{CodeDossierOpenTasks, "dossier-open-tasks", 409, once,
		"Hồ sơ còn nhiệm vụ chưa xong; hãy kết thúc các nhiệm vụ đó trước.",
		"Tasks of the dossier are not done; finish them first."},
	{CodeDossierFilePlan, "dossier-file-plan", 422, once,
		"Danh mục hồ sơ không có đề mục này, đề mục đã đóng hoặc của đơn vị khác; hãy chọn đề mục đang dùng.",
		"The file plan has no such entry, or it is closed or another unit's; choose one in use."},
	{CodeDossierRetention, "dossier-retention", 422, once,
		"Cơ quan không có thời hạn bảo quản này; hãy chọn trong bảng thời hạn bảo quản.",
		"The agency has no such retention period; choose one of its list."},
	{CodeDossierOutside, "dossier-outside", 403, once,
		"Người nhận thuộc đơn vị khác; hãy đề nghị lãnh đạo giao hồ sơ ra ngoài đơn vị.",
		"The person is of another unit; ask a leader to give the dossier outside the unit."},
	{CodeDossierSame, "dossier-same", 409, once,
		"Việc này không thay đổi gì so với hiện tại của hồ sơ; hãy kiểm tra lại.",
		"Nothing of the dossier would change by this; check what you meant to change."},
	{CodeDossierDocument, "dossier-document", 422, once,
		"Không có văn bản này trong cơ quan, văn bản chưa vào sổ, hoặc bạn không được xem; hãy chọn lại văn bản.",
		"The agency has no such document, or it is not registered, or not yours to see; choose again."},
	{CodeDossierInside, "dossier-inside", 409, once,
		"Văn bản đã có trong hồ sơ; hãy xem số thứ tự được nêu trong mục lục.",
		"The document lies in the dossier already; see the number named in the contents list."},
	{CodeDossierItem, "dossier-item", 422, once,
		"Mục lục không có số này, hoặc mục đó đã được lấy ra; hãy kiểm tra lại mục lục.",
		"The contents list has no such number, or it was taken out before; look at the list again."},
	{CodeDossierTask, "dossier-task", 422, once,
		"Hồ sơ không có nhiệm vụ này; hãy kiểm tra lại danh sách nhiệm vụ.",
		"The dossier has no such task; look at the list of tasks again."},
	{CodeDossierTaskTaken, "dossier-task-taken", 409, once,
		"Mã nhiệm vụ này đã được dùng trong hồ sơ; hãy chọn mã khác cho nhiệm vụ mới.",
		"That id is another task's of the dossier; choose another for a new one."},
	{CodeDossierTaskDone, "dossier-task-done", 409, once,
		"Nhiệm vụ này đã kết thúc trước đó; hãy giao nhiệm vụ mới nếu còn việc.",
		"That task was finished before; give a new one if there is more to do."},
	{CodeDossierFull, "dossier-full", 422, once,
		"Hồ sơ đã đạt số văn bản hoặc nhiệm vụ tối đa; hãy lập hồ sơ mới cho phần tiếp theo.",
		"The dossier has as many documents or tasks as one may have; open a new one for what follows."},
}
