package main

import (
	"fmt"
	"strings"
)

// What the documents of viewsLog speak of: the words of an agency's everyday correspondence, common ones and rare ones.

var viewsTypes = []struct{ name, short string }{
	{"Công văn", ""}, {"Báo cáo", "BC"}, {"Tờ trình", "TTr"}, {"Quyết định", "QĐ"}, {"Thông báo", "TB"}, {"Giấy mời", "GM"}, {"Kế hoạch", "KH"},
	{"Chỉ thị", "CT"}, {"Hướng dẫn", "HD"}, {"Biên bản", "BB"}, {"Công điện", "CĐ"}, {"Chương trình", "CTr"}, {"Đề án", "ĐA"}, {"Phương án", "PA"}, {"Quy chế", "QC"},
}

var viewsUnits = []string{"VP", "TCCB", "KHTC", "QLĐT", "TTra", "GT", "XD", "TNMT", "YT", "GDĐT", "NN", "TP", "NV", "CNTT"}

var (
	viewsActs = []string{"về việc triển khai", "về việc báo cáo kết quả", "phê duyệt", "về việc góp ý dự thảo", "về việc rà soát", "về việc đôn đốc thực hiện", "đề nghị thẩm định",
		"về việc xin ý kiến về", "mời họp bàn về", "về việc tăng cường", "ban hành", "về việc điều chỉnh", "hướng dẫn thực hiện", "về việc kiểm tra", "công bố", "về việc bàn giao"}
	viewsTopics = []string{"kế hoạch đầu tư công trung hạn", "công tác cải cách hành chính", "chuyển đổi số", "an toàn thông tin mạng", "quy hoạch sử dụng đất", "phòng chống thiên tai",
		"giải phóng mặt bằng", "vệ sinh an toàn thực phẩm", "giáo dục nghề nghiệp", "bảo hiểm y tế toàn dân", "dịch tả lợn châu Phi", "xây dựng nông thôn mới", "trật tự đô thị",
		"nhà ở xã hội", "vị trí việc làm", "tinh giản biên chế", "thi đua khen thưởng", "tiếp công dân", "giải quyết khiếu nại, tố cáo", "phòng cháy chữa cháy", "bảo trì đường bộ",
		"hệ thống thủy lợi", "cấp giấy chứng nhận quyền sử dụng đất", "khám sức khỏe định kỳ", "tuyển sinh đầu cấp", "dự toán ngân sách nhà nước", "quyết toán dự án hoàn thành",
		"đấu giá tài sản công", "xử lý vi phạm hành chính", "số hóa hồ sơ lưu trữ", "dịch vụ công trực tuyến toàn trình", "đề án phát triển vùng nguyên liệu vải thiều",
		"cụm công nghiệp", "chợ truyền thống", "bảo tồn quan họ", "trồng cây gây rừng", "đăng ký tàu cá", "thu gom rác thải sinh hoạt", "nước sạch nông thôn", "hội thi tay nghề"}
	viewsPlaces = []string{"Lục Ngạn", "Sơn Động", "Yên Thế", "Tân Yên", "Hiệp Hòa", "Việt Yên", "Yên Dũng", "Lạng Giang", "Lục Nam", "Chũ", "Bắc Giang", "Kép", "Vôi", "Nham Biền",
		"Phồn Xương", "Cầu Gồ", "Đồi Ngô", "An Châu", "Tây Yên Tử", "Bích Động", "Nếnh", "Thắng", "Cao Thượng", "Nhã Nam", "Bố Hạ", "Xương Giang", "Thọ Xương", "Đa Mai", "Dĩnh Kế", "Song Khê"}
	viewsFamily = []string{"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý", "Thân", "Giáp"}
	viewsMiddle = []string{"Văn", "Thị", "Đức", "Minh", "Thanh", "Quang", "Hữu", "Ngọc", "Xuân", "Thu"}
	viewsGiven  = []string{"An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Hạnh", "Hòa", "Hùng", "Hương", "Khánh", "Lan", "Linh", "Long", "Mai", "Nam", "Nga", "Phúc", "Quân", "Sơn", "Thảo", "Thủy",
		"Toàn", "Trang", "Tuấn", "Vinh", "Yến", "Đạt", "Ánh", "Oanh"}
)

func viewsOrgName(i int) string {
	return fmt.Sprintf("%s %s", []string{"Sở", "Ủy ban nhân dân huyện", "Ban Quản lý dự án", "Trung tâm", "Chi cục"}[i%5], viewsPlaces[i%len(viewsPlaces)])
}

// subject is some 15 words; one in it, a project's number, is rare.
func (l *viewsLog) subject(typ string) string {
	return fmt.Sprintf("%s %s %s tại %s %s, dự án %d năm %d", typ, pick(l, viewsActs), pick(l, viewsTopics), strings.ToLower(pick(l, []string{"Huyện", "Thị xã", "Xã", "Phường"})),
		pick(l, viewsPlaces), 1000+l.r.IntN(90_000), l.clock.Year())
}

func (l *viewsLog) person() string {
	return pick(l, viewsFamily) + " " + pick(l, viewsMiddle) + " " + pick(l, viewsGiven)
}

func pick[T any](l *viewsLog, list []T) T { return list[l.r.IntN(len(list))] }
