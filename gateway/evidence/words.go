package evidence

import (
	"encoding/json"

	"github.com/tram-exchange/tram/signing/verdict"
)

// Checks by id. They are never reused.
const (
	idForm       = "container-form"
	idReadable   = "entry-readable"
	idManifest   = "manifest"
	idMissing    = "entry-missing"
	idAdded      = "entry-added"
	idOrder      = "order"
	idDigest     = "entry-digest"
	idUnsigned   = "entry-unsigned"
	idContainer  = "container-signature"
	idNodeSigner = "container-signer"
	idStatement  = "statement"
	idReceipt    = "receipt"
	idToken      = "time-stamp"
	idNoTime     = "time-unproved"
	idPackage    = "package-digest"
	idAbsent     = "package-absent"
	idKind       = "package-kind"
	idSignatures = "package-signatures"
	idEvidence   = "stored-evidence"
	idRevocation = "revocation-answer"

	idWitnesses   = "witnesses"
	idCosignature = "cosignature"
)

// words are the sentences of a check: when it is passed, and when it is not.
type words struct{ passVi, passEn, failVi, failEn string }

var sentences = map[string]words{
	idForm: {"Tệp là vật chứa ASiC-E đúng dạng.", "The file is a well-formed ASiC-E container.",
		"Tệp không phải vật chứa ASiC-E đúng dạng.", "The file is not a well-formed ASiC-E container."},
	idReadable: {"Tệp đọc được.", "The entry can be read.", "Tệp bị hỏng: độ dài hoặc tổng kiểm tra không khớp.", "The entry is damaged: its length or checksum does not fit."},
	idManifest: {"Bản kê khớp.", "The manifest fits.", "Bản kê evidence.json không dùng được.", "The manifest evidence.json cannot be used."},
	idMissing:  {"", "", "Tệp này đã bị lấy đi.", "This entry has been removed."},
	idAdded:    {"", "", "Tệp này đã bị thêm vào.", "This entry has been put in."},
	idOrder:    {"", "", "Thứ tự đã bị thay đổi.", "The order has been changed."},
	idDigest:   {"", "", "Tệp này đã bị thay đổi.", "This entry has been changed."},
	idUnsigned: {"", "", "Chữ ký của trạm không phủ tệp này.", "The node's signature does not cover this entry."},
	idContainer: {"Chữ ký của trạm trên vật chứa có giá trị.", "The node's signature over the container holds.",
		"Chữ ký của trạm trên vật chứa chưa chứng minh được.", "The node's signature over the container does not hold or is not proved."},
	idNodeSigner: {"", "", "Chưa chứng minh được vật chứa do trạm của sổ này ký.", "It is not proved that the container is signed by the node of this log."},
	idStatement:  {"", "", "Bản ghi sự kiện không khớp.", "The statement does not fit."},
	idReceipt: {"Sổ có chứa sự kiện này.", "The log holds this statement.",
		"Chưa chứng minh được sổ có chứa sự kiện này.", "It is not proved that the log holds this statement."},
	idToken: {"Dấu thời gian có giá trị.", "The time-stamp holds.", "Dấu thời gian chưa có giá trị.", "The time-stamp does not hold or is not proved."},
	idNoTime: {"", "", "Chưa có dấu thời gian tin được phủ sự kiện này; giờ chỉ theo lời của trạm.",
		"No time-stamp that is believed covers this statement; its time is the node's word."},
	idPackage: {"Gói tin đúng là gói tin mà sự kiện nêu.", "The package is the one that the statement names.",
		"Gói tin không phải gói tin mà sự kiện nêu.", "The package is not the one that the statement names."},
	idAbsent: {"", "", "Gói tin không có trong hồ sơ.", "The package is not in the container."},
	idKind: {"", "", "Nội dung gói tin không khớp với sự kiện, hoặc không đọc được như gói tin đã biết.",
		"What the package holds does not fit the statement, or cannot be read as a known package."},
	idSignatures: {"Chữ ký trên gói tin có giá trị.", "The signatures of the package hold.",
		"Chữ ký trên gói tin không có giá trị hoặc chưa chứng minh được.", "The signatures of the package do not hold or are not proved."},
	idEvidence: {"Dữ liệu xác thực đúng là dữ liệu mà sự kiện nêu.", "The stored evidence is the one that the statement names.",
		"Dữ liệu xác thực không khớp với gói tin.", "The stored evidence does not fit the package."},
	idWitnesses: {"Đủ bên chứng kiến theo chính sách đã ký đầu nhật ký của sự kiện này.", "Enough witnesses of the policy have cosigned the head that holds this statement.",
		"Chưa đủ bên chứng kiến theo chính sách ký đầu nhật ký của sự kiện này.", "Too few witnesses of the policy have cosigned the head that holds this statement."},
	idCosignature: {"", "", "Chữ ký chứng kiến trên đầu nhật ký của sự kiện này không đúng theo chính sách.",
		"The signature lines under the head of this statement do not hold by the witness policy."},
	idRevocation: {"", "", "Trả lời về thu hồi chứng thư không đọc được.", "An answer about revocation cannot be read."},
}

func (k *checker) pass(part, id, detail string)    { k.tell(part, id, verdict.Passed, detail) }
func (k *checker) fail(part, id, detail string)    { k.tell(part, id, verdict.Failed, detail) }
func (k *checker) unknown(part, id, detail string) { k.tell(part, id, verdict.Unknown, detail) }
func (k *checker) warn(part, id, detail string)    { k.tell(part, id, verdict.Warning, detail) }

func (k *checker) tell(part, id string, r verdict.Result, detail string) {
	w := sentences[id]
	f := Finding{Part: part, ID: id, Result: r, Vi: w.failVi, En: w.failEn, Detail: detail}
	if r == verdict.Passed {
		f.Vi, f.En = w.passVi, w.passEn
	}
	k.r.Findings = append(k.r.Findings, f)
}

// senderOf reads whose document a statement is about.
func senderOf(p *proved) string {
	var d struct {
		Sender string `json:"sender"`
	}
	if json.Unmarshal(p.Statement.Data, &d) != nil {
		return ""
	}
	return d.Sender
}
