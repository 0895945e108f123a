package schemas

import (
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestSecrecyOfText(t *testing.T) {
	for _, c := range []struct {
		text string
		want Secrecy
	}{
		// Stamps.
		{"MẬT", SecrecyMat},
		{" MẬT ", SecrecyMat},
		{"(MẬT) Báo cáo tình hình biên giới", SecrecyMat},
		{"[MẬT] BÁO CÁO TÌNH HÌNH BIÊN GIỚI", SecrecyMat},
		{"MẬT: BÁO CÁO TÌNH HÌNH", SecrecyMat},
		{"MẬT - BÁO CÁO TÌNH HÌNH", SecrecyMat},
		{"MẬT\nBÁO CÁO TÌNH HÌNH", SecrecyMat},
		{"MẬT BÁO CÁO TÌNH HÌNH BIÊN GIỚI", SecrecyMat},
		{"MẬT CÔNG VĂN VỀ VIỆC TUẦN TRA", SecrecyMat},
		{"MẬT Báo cáo tình hình", SecrecyMat},
		{"Báo cáo tình hình biên giới. MẬT", SecrecyMat},
		{"Báo cáo tình hình biên giới MẬT", SecrecyMat},
		{"BÁO CÁO TÌNH HÌNH (MẬT)", SecrecyMat},
		{"Độ mật: MẬT", SecrecyMat},
		{"Văn bản này mang dấu “MẬT”, không sao chụp", SecrecyMat},
		{"12/MẬT-UBND", SecrecyMat},
		{"TỐI MẬT", SecrecyToiMat},
		{"PHƯƠNG ÁN TỐI MẬT BẢO VỆ MỤC TIÊU", SecrecyToiMat},
		{"Phương án - TUYỆT MẬT", SecrecyTuyetMat},
		{"TUYỆT  MẬT", SecrecyTuyetMat},
		{"TUYỆT\u00a0MẬT", SecrecyTuyetMat},
		{"TỐI MẬT; kèm phụ lục TUYỆT MẬT", SecrecyTuyetMat},
		{"M\u200bẬT", SecrecyMat},
		{"MẬT 01 bản", SecrecyMat},
		// Ordinary words.
		{"", SecrecyNone},
		{"mật", SecrecyNone},
		{"Mật", SecrecyNone},
		{"Mật độ dân số năm 2025", SecrecyNone},
		{"Điều chỉnh mật độ xây dựng", SecrecyNone},
		{"ĐIỀU CHỈNH MẬT ĐỘ XÂY DỰNG", SecrecyNone},
		{"MẬT ĐỘ DÂN SỐ", SecrecyNone},
		{"MẬT ĐỘ", SecrecyNone},
		{"Chỉ tiêu MẬT ĐỘ (người/km²)", SecrecyNone},
		{"TĂNG CƯỜNG BẢO MẬT HỆ THỐNG", SecrecyNone},
		{"BẢO MẬT", SecrecyNone},
		{"BẢO-MẬT THÔNG TIN", SecrecyNone},
		{"Quy chế BẢO MẬT", SecrecyNone},
		{"Quy chế “BẢO MẬT”", SecrecyNone},
		{"Tập huấn bảo mật", SecrecyNone},
		{"DANH MỤC BÍ MẬT NHÀ NƯỚC", SecrecyNone},
		{"PHÁT TRIỂN NGHỀ NUÔI ONG LẤY MẬT TẠI LỤC NGẠN", SecrecyNone},
		{"SẢN XUẤT MẬT ONG HOA VẢI", SecrecyNone},
		{"Mật ong Lục Ngạn", SecrecyNone},
		{"MẬT MÃ DÂN SỰ", SecrecyNone},
		{"Đổi MẬT KHẨU thư công vụ", SecrecyNone},
		{"TÌNH THÂN MẬT GIỮA HAI TỈNH", SecrecyNone},
		{"không mật", SecrecyNone},
		{"MẶT TRẬN TỔ QUỐC", SecrecyNone},
		{"MẤT ĐIỆN", SecrecyNone},
		{"TỐI ƯU MẬT ĐỘ TRỒNG", SecrecyNone},
		{"MẬT_ĐỘ_DÂN_SỐ", SecrecyNone},
		{"AMẬTB", SecrecyNone},
	} {
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC} {
			if got := SecrecyOfText(form.String(c.text)); got != c.want {
				t.Errorf("%q in form %d is %v, want %v", c.text, form, got, c.want)
			}
		}
	}
}

func TestSecrecyOfNotation(t *testing.T) {
	for _, c := range []struct {
		text string
		want Secrecy
	}{
		{"MẬT-UBND", SecrecyMat}, {"12/MẬT-UBND", SecrecyMat}, {"UBND-MẬT", SecrecyMat}, {"BC-UBND(MẬT)", SecrecyMat}, {"Mật-UBND", SecrecyMat},
		{"TỐI MẬT-UBND", SecrecyToiMat}, {"TỐIMẬT-QS", SecrecyToiMat}, {"TUYỆT-MẬT", SecrecyTuyetMat},
		{"H05,2025/11/18,12/MẬT-UBND", SecrecyMat},
		{"QĐ-UBND", SecrecyNone}, {"KH-MTTQ", SecrecyNone}, {"BMẬT-UBND", SecrecyNone}, {"MAT-UBND", SecrecyNone}, {"", SecrecyNone},
	} {
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if got := SecrecyOfNotation(form.String(c.text)); got != c.want {
				t.Errorf("%q is %v, want %v", c.text, got, c.want)
			}
		}
	}
}

func TestSecrecyOfElement(t *testing.T) {
	for v, want := range map[string]Secrecy{"": SecrecyNone, " 0 ": SecrecyNone, "Không": SecrecyNone, "Thường": SecrecyNone, "none": SecrecyNone,
		"mật": SecrecyMat, "MẬT": SecrecyMat, "1": SecrecyMat, "C": SecrecyMat, "điều gì đó": SecrecyMat,
		"Tối mật": SecrecyToiMat, "toi-mat": SecrecyToiMat, "TUYỆT MẬT": SecrecyTuyetMat, "3": SecrecyTuyetMat} {
		if got := secrecyOfElement(v); got != want {
			t.Errorf("%q is %v, want %v", v, got, want)
		}
	}
}

func TestSecrecyNames(t *testing.T) {
	for s, want := range map[Secrecy]string{SecrecyNone: "none", SecrecyMat: "mat", SecrecyToiMat: "toi-mat", SecrecyTuyetMat: "tuyet-mat", -1: "none", 9: "tuyet-mat"} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", int(s), s.String(), want)
		}
	}
}

// Another sender's secrecy element means nothing in this sender's packages.
func TestSecrecyElementIsTheSenders(t *testing.T) {
	doc := vectorNamed(t, "secret-extension")
	for sender, secret := range map[string]bool{"": true, "000.00.00.G22": true, "000.00.00.g22": true, "H05": false} {
		o := Options{Now: vectorTime, SecrecyElements: []SecrecyElement{{Sender: sender, Namespace: "urn:qlvb:mo-rong", Local: "DoMat"}}}
		_, err := Parse(t.Context(), ReceivedBytes(doc.bytes), o)
		if (err != nil) != secret {
			t.Errorf("with an element of sender %q: %v, want secret %v", sender, err, secret)
		}
	}
}

func vectorNamed(tb testing.TB, name string) vector {
	tb.Helper()
	for _, v := range readVectors(tb) {
		if v.name == name {
			return v
		}
	}
	tb.Fatalf("no vector %s", name)
	return vector{}
}
