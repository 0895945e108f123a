package verdict

// advice says what somebody who got the document can do about a check that did not pass.
var advice = map[string]sentence{
	CheckXML:             {"Lấy lại tệp gốc: có thể tệp bị cắt cụt, sửa đổi hoặc không phải XML.", "Get the original file again: it may be cut off, edited, or no XML."},
	CheckPDF:             {"Lấy lại tệp gốc: có thể tệp bị hỏng, bị mã hoá hoặc không phải PDF.", "Get the original file again: it may be broken, encrypted, or no PDF."},
	CheckRevisions:       {"So sánh với bản gốc từ nơi ký; phần thêm sau không được chữ ký này bảo vệ.", "Compare it with the signer's original; what was added is not covered by this signature."},
	CheckSigned:          {"Đề nghị nơi gửi ký số rồi gửi lại.", "Ask the sender to sign it and send it again."},
	CheckCoverage:        {"Đừng dùng phần không được ký; đề nghị nơi gửi ký toàn bộ văn bản.", "Do not use what is not signed; ask the sender to sign all of it."},
	CheckOrganisation:    {"Đề nghị cơ quan gửi ký lại toàn bộ gói tin.", "Ask the sending organisation to sign the whole package."},
	CheckSchema:          {"Đề nghị nơi gửi sửa gói tin cho đúng cấu trúc rồi ký lại.", "Ask the sender to repair the package and sign it again."},
	CheckFormat:          {"Đề nghị nơi gửi ký lại bằng phần mềm theo chuẩn chữ ký XML.", "Ask the sender to sign again with software that follows the XML signature standard."},
	CheckSigningCert:     {"Đề nghị nơi gửi kèm chứng thư của người ký trong KeyInfo.", "Ask the sender to put the signing certificate into KeyInfo."},
	CheckSigningCertProp: {"Đề nghị nơi gửi ký lại theo XAdES (SigningCertificateV2).", "Ask the sender to sign again with XAdES (SigningCertificateV2)."},
	CheckProperties:      {"Lấy lại bản gốc từ nơi ký: phần bao quanh các thuộc tính đã bị sửa.", "Get the original from the signer: what surrounds the properties was changed."},
	CheckReferenceFound:  {"Bổ sung tệp mà chữ ký trỏ tới (--detached), hoặc đề nghị gửi lại.", "Supply the file that the signature refers to (--detached), or ask for the document again."},
	CheckReferenceDigest: {"Không dùng văn bản này; lấy lại bản gốc từ nơi ký.", "Do not use this document; get the original from the signer."},
	CheckValue:           {"Không dùng văn bản này; lấy lại bản gốc từ nơi ký.", "Do not use this document; get the original from the signer."},
	CheckChain:           {"Kiểm tra nơi cấp chứng thư; nếu đáng tin, thêm chứng thư của nơi đó vào thư mục --trust.", "Find out who issued the certificate; if that authority is to be trusted, put its certificate into the --trust folder."},
	CheckPurpose:         {"Đề nghị ký lại bằng chứng thư được cấp cho mục đích này.", "Ask for a signature with a certificate that was issued for this purpose."},
	CheckKeyUsage:        {"Đề nghị ký lại bằng chứng thư được cấp để ký.", "Ask for a signature with a certificate that is meant for signing."},
	CheckValidity:        {"Tìm bằng chứng về thời điểm ký (dấu thời gian, biên nhận), hoặc đề nghị ký lại.", "Look for proof of when it was signed (a time-stamp, a receipt), or ask for a new signature."},
	CheckRevocation:      {"Đặt CRL mới của nơi cấp vào thư mục --trust, hoặc chạy với --online.", "Put the issuer's current CRL into the --trust folder, or use --online."},
	CheckAlgorithm:       {"Đề nghị ký lại bằng RSASSA-PSS hoặc ECDSA với SHA-256 trở lên.", "Ask for a signature with RSASSA-PSS or ECDSA and SHA-256 or better."},
	CheckDigestAlgorithm: {"Đề nghị ký lại với SHA-256 trở lên; văn bản cũ: dùng chính sách có thời hạn (--policy).", "Ask for a signature with SHA-256 or better; for old documents use a policy with dates (--policy)."},
	CheckKeySize:         {"Đề nghị ký lại bằng khoá RSA từ 2048 bit hoặc ECDSA từ 256 bit.", "Ask for a signature with an RSA key of 2048 bits or an ECDSA key of 256 bits, or more."},
	CheckSignaturePolicy: {"Thêm chính sách này vào tệp --policy nếu biết rõ nó.", "Add this policy to the --policy file if you know it."},
	CheckLevel:           {"Đề nghị bổ sung dấu thời gian hoặc dữ liệu kiểm chứng.", "Ask for time-stamps or validation data to be added."},
	CheckTimestamp:       {"Kiểm tra nơi cấp dấu thời gian; nếu đáng tin, thêm chứng thư của nơi đó vào thư mục --trust.", "Find out who made the time-stamp; if that authority is to be trusted, put its certificate into the --trust folder."},
	CheckTimestampOrder:  {"Không dùng các dấu thời gian này; đề nghị gửi lại văn bản gốc.", "Do not rely on these time-stamps; ask for the original document."},
	CheckLegacyPadding:   {"Không cần làm gì; nên đổi thuật toán khi thay chứng thư.", "Nothing has to be done; the algorithm should change with the next certificate."},
	CheckTrial:           {"Không dùng cho công việc thật.", "Not for real work."},
}

// Advice says, in Vietnamese and English, what to do about a check that did not pass; empty where there is nothing to do.
func (c Check) Advice() (vi, en string) {
	if c.Result == Passed || c.Result == Ignored {
		return "", ""
	}
	a := advice[c.ID]
	if c.ID == CheckRevocation && c.Result == Failed {
		a = sentence{"Tìm bằng chứng rằng văn bản có trước khi thu hồi (dấu thời gian, biên nhận), hoặc liên hệ nơi ký.",
			"Look for proof that the document is older than the revocation (a time-stamp, a receipt), or ask the signer."}
	}
	return a.vi, a.en
}
