package orgid

// TopLevel codes as of QĐ 20/2020/QĐ-TTg and QĐ 09/2025/QĐ-TTg. They are defaults for a new directory and names for people:
// what is valid on a given day is what the directory's changes say. Dates and successors of closed codes follow from the rule
// that merged provinces keep the code of the province whose name lives on; each is to be confirmed by the directory.

// Top is a level-1 organisation.
type Top struct {
	Code      string
	Name      string // Vietnamese
	Closed    string // first day that the code is closed, yyyy-MM-dd; "" if it is open
	Successor string // code that takes its documents, "" if none is known
}

const (
	mergerDay   = "2025-07-01" // provinces
	decisionDay = "2025-04-14" // ministries: QĐ 09/2025 in force
)

// LookupTop is the level-1 organisation of a code (of any level and either form).
func LookupTop(code string) (Top, bool) {
	id, err := Parse(code)
	if err != nil {
		return Top{}, false
	}
	top := id.TopLevel()
	if top == "" {
		return Top{}, false
	}
	n := int(top[1]-'0')*10 + int(top[2]-'0')
	switch top[0] {
	case 'G':
		t, ok := ministry(n)
		return t, ok
	case 'H', 'K':
		return province(top[0], n)
	}
	return Top{}, false
}

// Tops lists all level-1 organisations known here, by code.
func Tops() []Top {
	var all []Top
	for n := range 100 {
		if t, ok := ministry(n); ok {
			all = append(all, t)
		}
	}
	for _, letter := range []byte{'H', 'K'} {
		for n := 1; n < len(provinces); n++ {
			t, _ := province(letter, n)
			all = append(all, t)
		}
	}
	return all
}

func ministry(n int) (Top, bool) {
	for _, m := range ministries {
		if m.n == n {
			t := Top{Code: code('G', n), Name: m.name}
			if m.closed {
				t.Closed = decisionDay
				if m.successor > 0 {
					t.Successor = code('G', m.successor)
				}
			}
			return t, true
		}
	}
	return Top{}, false
}

func province(letter byte, n int) (Top, bool) {
	if n < 1 || n >= len(provinces) {
		return Top{}, false
	}
	p := provinces[n]
	prefix := "Ủy ban nhân dân "
	if letter == 'K' {
		prefix = "Hội đồng nhân dân "
	}
	t := Top{Code: code(letter, n), Name: prefix + p.name}
	if p.successor > 0 {
		t.Closed, t.Successor = mergerDay, code(letter, p.successor)
	}
	return t, true
}

func code(letter byte, n int) string {
	return string([]byte{letter, byte('0' + n/10), byte('0' + n%10)})
}

var ministries = []struct {
	n         int
	name      string
	closed    bool
	successor int
}{
	{1, "Bộ Công an", false, 0},
	{2, "Bộ Công Thương", false, 0},
	{3, "Bộ Giáo dục và Đào tạo", false, 0},
	{4, "Bộ Giao thông vận tải", true, 17},
	{5, "Bộ Kế hoạch và Đầu tư", true, 12},
	{6, "Bộ Khoa học và Công nghệ", false, 0},
	{7, "Bộ Lao động - Thương binh và Xã hội", true, 9},
	{8, "Bộ Ngoại giao", false, 0},
	{9, "Bộ Nội vụ", false, 0},
	{10, "Bộ Nông nghiệp và Môi trường", false, 0},
	{11, "Bộ Quốc phòng", false, 0},
	{12, "Bộ Tài chính", false, 0},
	{13, "Bộ Tài nguyên và Môi trường", true, 10},
	{14, "Bộ Thông tin và Truyền thông", true, 6},
	{15, "Bộ Tư pháp", false, 0},
	{16, "Bộ Văn hóa, Thể thao và Du lịch", false, 0},
	{17, "Bộ Xây dựng", false, 0},
	{18, "Bộ Y tế", false, 0},
	{19, "Ngân hàng Nhà nước Việt Nam", false, 0},
	{20, "Thanh tra Chính phủ", false, 0},
	{21, "Bộ Dân tộc và Tôn giáo", false, 0},
	{22, "Văn phòng Chính phủ", false, 0},
	{27, "Đài Tiếng nói Việt Nam", false, 0},
	{28, "Đài Truyền hình Việt Nam", false, 0},
	{30, "Thông tấn xã Việt Nam", false, 0},
}

// provinces by number; successor is the number of the province that keeps its code after the merger.
var provinces = [...]struct {
	name      string
	successor int
}{
	{}, // numbers start at 1
	{"tỉnh An Giang", 0},
	{"tỉnh Bắc Giang", 5},
	{"tỉnh Bắc Kạn", 55},
	{"tỉnh Bạc Liêu", 12},
	{"tỉnh Bắc Ninh", 0},
	{"tỉnh Bà Rịa - Vũng Tàu", 29},
	{"tỉnh Bến Tre", 61},
	{"tỉnh Bình Định", 21},
	{"tỉnh Bình Dương", 29},
	{"tỉnh Bình Phước", 19}, // 10
	{"tỉnh Bình Thuận", 36},
	{"tỉnh Cà Mau", 0},
	{"thành phố Cần Thơ", 0},
	{"tỉnh Cao Bằng", 0},
	{"tỉnh Đắk Lắk", 0},
	{"tỉnh Đắk Nông", 36},
	{"thành phố Đà Nẵng", 0},
	{"tỉnh Điện Biên", 0},
	{"tỉnh Đồng Nai", 0},
	{"tỉnh Đồng Tháp", 0}, // 20
	{"tỉnh Gia Lai", 0},
	{"tỉnh Hà Giang", 60},
	{"tỉnh Hải Dương", 24},
	{"thành phố Hải Phòng", 0},
	{"tỉnh Hà Nam", 42},
	{"thành phố Hà Nội", 0},
	{"tỉnh Hà Tĩnh", 0},
	{"tỉnh Hòa Bình", 44},
	{"Thành phố Hồ Chí Minh", 0},
	{"tỉnh Hậu Giang", 13}, // 30
	{"tỉnh Hưng Yên", 0},
	{"tỉnh Khánh Hòa", 0},
	{"tỉnh Kiên Giang", 1},
	{"tỉnh Kon Tum", 48},
	{"tỉnh Lai Châu", 0},
	{"tỉnh Lâm Đồng", 0},
	{"tỉnh Lạng Sơn", 0},
	{"tỉnh Lào Cai", 0},
	{"tỉnh Long An", 53},
	{"tỉnh Nam Định", 42}, // 40
	{"tỉnh Nghệ An", 0},
	{"tỉnh Ninh Bình", 0},
	{"tỉnh Ninh Thuận", 32},
	{"tỉnh Phú Thọ", 0},
	{"tỉnh Phú Yên", 15},
	{"tỉnh Quảng Bình", 50},
	{"tỉnh Quảng Nam", 17},
	{"tỉnh Quảng Ngãi", 0},
	{"tỉnh Quảng Ninh", 0},
	{"tỉnh Quảng Trị", 0}, // 50
	{"tỉnh Sóc Trăng", 13},
	{"tỉnh Sơn La", 0},
	{"tỉnh Tây Ninh", 0},
	{"tỉnh Thái Bình", 31},
	{"tỉnh Thái Nguyên", 0},
	{"tỉnh Thanh Hóa", 0},
	{"thành phố Huế", 0},
	{"tỉnh Tiền Giang", 20},
	{"tỉnh Trà Vinh", 61},
	{"tỉnh Tuyên Quang", 0}, // 60
	{"tỉnh Vĩnh Long", 0},
	{"tỉnh Vĩnh Phúc", 44},
	{"tỉnh Yên Bái", 38},
}
