package schemas

// Secrecy is a level of state secrecy.
type Secrecy int

// Levels.
const (
	SecrecyNone Secrecy = iota
	SecrecyMat          // mật
	SecrecyToiMat       // tối mật
	SecrecyTuyetMat     // tuyệt mật
)

// String is the name used in Trạm headers: none, mat, toi-mat, tuyet-mat.
func (s Secrecy) String() string {
	switch s {
	case SecrecyMat:
		return "mat"
	case SecrecyToiMat:
		return "toi-mat"
	case SecrecyTuyetMat:
		return "tuyet-mat"
	}
	return "none"
}

// Vietnamese is the name people read.
func (s Secrecy) Vietnamese() string {
	switch s {
	case SecrecyMat:
		return "mật"
	case SecrecyToiMat:
		return "tối mật"
	case SecrecyTuyetMat:
		return "tuyệt mật"
	}
	return "không mật"
}
