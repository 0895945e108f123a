package schemas

// Priority is the urgency of a document.
type Priority int

// Priorities.
const (
	PriorityNormal   Priority = 0 // thường
	PriorityUrgent   Priority = 1 // khẩn
	PriorityVery     Priority = 2 // thượng khẩn
	PriorityExpress  Priority = 3 // hỏa tốc
	PriorityByTheDay Priority = 4 // hỏa tốc hẹn giờ
)

// StatusCode is the two-digit code of a status message.
type StatusCode string

// Status codes. 07–12 and 14 are not assigned.
const (
	StatusArrived        StatusCode = "01" // đã đến
	StatusRejected       StatusCode = "02" // từ chối tiếp nhận
	StatusAccepted       StatusCode = "03" // đã tiếp nhận
	StatusAssigned       StatusCode = "04" // phân công xử lý
	StatusProcessing     StatusCode = "05" // đang xử lý
	StatusDone           StatusCode = "06" // hoàn thành
	StatusTakeBack       StatusCode = "13" // lấy lại
	StatusTakeBackAgreed StatusCode = "15" // đồng ý cập nhật/lấy lại
	StatusTakeBackDenied StatusCode = "16" // từ chối cập nhật/lấy lại
)

// SteeringMeaning is what a SteeringType means, once the sender's way of counting is known.
type SteeringMeaning int

// Meanings.
const (
	SteeringNone   SteeringMeaning = iota // không phải văn bản chỉ đạo
	SteeringOrder                         // chỉ đạo
	SteeringReport                        // báo cáo thực hiện chỉ đạo
)

// Steering is SteeringType as written, and as understood.
type Steering struct {
	Raw     string
	Meaning SteeringMeaning
}

// SteeringProfile says how a sender's side counts SteeringType: two ways are in use.
type SteeringProfile int

// Profiles.
const (
	SteeringFromOne  SteeringProfile = iota // 1 none, 2 order, 3 report (0 is read as none)
	SteeringFromZero                        // 0 none, 1 order, 2 report
)

// DocumentTypeEntry is one entry of the code lists of document types.
type DocumentTypeEntry struct {
	Group        int    // 1 legal (văn bản quy phạm pháp luật), 2 administrative
	Number       int    // inside the group
	Name         string // Vietnamese, lower case
	Abbreviation string // of NĐ 30/2020 Phụ lục III; "" if it has none
	ND30         int    // place among the 29 types of NĐ 30/2020 Điều 7; 0 if not one of them
}
