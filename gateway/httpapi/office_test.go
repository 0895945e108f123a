package httpapi_test

import (
	"github.com/tram-exchange/tram/schemas"
)

// senderOffice opens the office of the sender: an administrator who heads a unit, a specialist of another.
func senderOffice() []schemas.Operation {
	return []schemas.Operation{
		schemas.SetUnit{Agency: codeSender, Unit: "van-phong", Name: "Văn phòng"},
		schemas.SetUnit{Agency: codeSender, Unit: "phong-ns", Name: "Phòng Ngân sách"},
		schemas.SetPerson{Agency: codeSender, Person: "nv-1", Name: "Quản trị", Duties: []schemas.OfficeDuty{
			{Role: "administrator"}, {Role: "head", Unit: "van-phong"}}},
		schemas.SetPerson{Agency: codeSender, Person: "nv-2", Name: "Chuyên viên", Duties: []schemas.OfficeDuty{{Role: "specialist", Unit: "phong-ns"}}},
	}
}
