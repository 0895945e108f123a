package verdict

// sentence is what a check says, in both languages.
type sentence struct{ vi, en string }

// The checks. Their identifiers are stable: programs read them.
const (
	CheckXML              = "xml"
	CheckSigned           = "signed"
	CheckCoverage         = "coverage"
	CheckOrganisation     = "organisation-signature"
	CheckSchema           = "schema"
	CheckFormat           = "format"
	CheckSigningCert      = "signing-certificate"
	CheckSigningCertProp  = "signing-certificate-property"
	CheckReferenceFound   = "reference-found"
	CheckReferenceDigest  = "reference-digest"
	CheckValue            = "signature-value"
	CheckChain            = "chain"
	CheckPurpose          = "chain-purpose"
	CheckKeyUsage         = "key-usage"
	CheckValidity         = "validity"
	CheckRevocation       = "revocation"
	CheckAlgorithm        = "algorithm"
	CheckDigestAlgorithm  = "digest-algorithm"
	CheckKeySize          = "key-size"
	CheckLegacyPadding    = "legacy-padding"
	CheckTrial            = "trial-authority"
	CheckSigningTime      = "signing-time"
	CheckSignaturePolicy  = "signature-policy"
	CheckLevel            = "level"
	CheckManifest         = "manifest"
	CheckUnnamespaced     = "unnamespaced-signature"
	CheckTimestamp        = "time-stamp"
	CheckTimestampFormat  = "time-stamp-format"
	CheckTimestampImprint = "time-stamp-imprint"
	CheckTimestampValue   = "time-stamp-signature"
	CheckTimestampSigner  = "time-stamp-signer"
	CheckTimestampOrder   = "time-stamp-order"
	CheckPDF              = "pdf"
	CheckRevisions        = "revisions"
	CheckProperties       = "properties"
)

// sentences has one pair for every check and result that occurs; a test holds it complete.
var sentences = map[string]map[Result]sentence{
	CheckXML: {
		Passed: {"Tệp là XML đúng quy cách.", "The file is well-formed XML."},
		Failed: {"Tệp không phải XML đúng quy cách mà Trạm chấp nhận.", "The file is not well-formed XML of the form that is accepted."},
	},
	CheckPDF: {
		Passed:  {"Tệp là PDF đúng quy cách.", "The file is a PDF as it should be."},
		Warning: {"Tệp PDF không đúng quy cách; chữ ký được tìm bằng cách dò.", "The PDF is not as it should be; its signatures were found by searching."},
		Failed:  {"Không đọc được tệp PDF.", "The PDF could not be read."},
	},
	CheckRevisions: {
		Passed:  {"Sau chữ ký không có nội dung nào được thêm hoặc sửa.", "No content was added or changed after this signature."},
		Failed:  {"Sau chữ ký đã có nội dung được thêm hoặc sửa.", "Content was added or changed after this signature."},
		Warning: {"Sau chữ ký tệp còn được thêm hoặc sửa.", "The file was added to or changed after this signature."},
	},
	CheckSigned: {
		Passed: {"Văn bản có chữ ký số.", "The document is signed."},
		Failed: {"Văn bản không có chữ ký số nào.", "The document has no digital signature."},
	},
	CheckCoverage: {
		Passed:  {"Toàn bộ nội dung văn bản đã được ký.", "Everything in the document is signed."},
		Failed:  {"Có nội dung trong văn bản không được chữ ký nào bảo vệ.", "The document contains content that no signature covers."},
		Ignored: {"Chính sách không đòi hỏi ký toàn bộ văn bản.", "Policy does not ask that the whole document be signed."},
	},
	CheckOrganisation: {
		Passed:  {"Chữ ký của cơ quan đứng đúng chỗ và bảo vệ toàn bộ gói tin.", "The organisation's signature stands in the header and covers the whole package."},
		Failed:  {"Không có chữ ký của cơ quan trong phần đầu bảo vệ toàn bộ gói tin.", "No signature in the header covers the whole package."},
		Unknown: {"Chữ ký bảo vệ toàn bộ gói tin chưa được kết luận là hợp lệ.", "The signature that covers the whole package is not found valid."},
	},
	CheckSchema: {
		Passed: {"Gói tin đúng cấu trúc quy định.", "The package has the form that is prescribed."},
		Failed: {"Gói tin không đúng cấu trúc quy định.", "The package does not have the form that is prescribed."},
	},
	CheckFormat: {
		Passed: {"Chữ ký đúng cấu trúc.", "The signature has the form of a signature."},
		Failed: {"Chữ ký không đúng cấu trúc được chấp nhận.", "The signature does not have an accepted form."},
	},
	CheckSigningCert: {
		Passed:  {"Đã xác định được chứng thư của người ký.", "The signing certificate was identified."},
		Unknown: {"Không tìm thấy chứng thư của người ký.", "The signing certificate was not found."},
	},
	CheckSigningCertProp: {
		Passed:  {"Thuộc tính được ký nêu đúng chứng thư này.", "The signed property names this certificate."},
		Failed:  {"Thuộc tính được ký nêu một chứng thư khác.", "The signed property names another certificate."},
		Warning: {"Chữ ký không nêu chứng thư trong thuộc tính được ký.", "No signed property names the certificate."},
		Unknown: {"Chính sách đòi hỏi thuộc tính được ký nêu chứng thư, nhưng chữ ký không có.", "Policy asks for a signed property that names the certificate, and there is none."},
		Ignored: {"Không xét thuộc tính được ký nêu chứng thư.", "The signed property that names the certificate was not asked for."},
	},
	CheckReferenceFound: {
		Passed:  {"Đã tìm thấy nội dung mà chữ ký trỏ tới.", "What the signature refers to was found."},
		Unknown: {"Không tìm thấy nội dung mà chữ ký trỏ tới.", "What the signature refers to was not found."},
		Failed:  {"Nội dung mà chữ ký trỏ tới không xác định được rõ ràng.", "What the signature refers to is ambiguous."},
	},
	CheckReferenceDigest: {
		Passed: {"Nội dung được ký còn nguyên vẹn.", "The signed content is unchanged."},
		Failed: {"Nội dung đã bị thay đổi sau khi ký.", "The content was changed after it was signed."},
	},
	CheckValue: {
		Passed:  {"Giá trị chữ ký khớp với chứng thư của người ký.", "The signature value fits the signing certificate."},
		Failed:  {"Giá trị chữ ký không khớp: chữ ký hỏng hoặc giả mạo.", "The signature value does not fit: it is broken or forged."},
		Unknown: {"Không kiểm tra được giá trị chữ ký.", "The signature value could not be checked."},
	},
	CheckChain: {
		Passed:  {"Chứng thư dẫn tới một tổ chức chứng thực được tin cậy.", "The certificate leads to a trusted authority."},
		Unknown: {"Chứng thư không dẫn tới tổ chức chứng thực nào được tin cậy.", "The certificate does not lead to a trusted authority."},
	},
	CheckPurpose: {
		Passed: {"Tổ chức chứng thực được tin cậy cho mục đích này.", "The authority is trusted for this purpose."},
		Failed: {"Tổ chức chứng thực không được tin cậy cho mục đích này.", "The authority is not trusted for this purpose."},
	},
	CheckKeyUsage: {
		Passed: {"Chứng thư được dùng để ký văn bản.", "The certificate is meant for signing."},
		Failed: {"Chứng thư không được cấp để ký văn bản.", "The certificate is not meant for signing."},
	},
	CheckValidity: {
		Passed: {"Các chứng thư có hiệu lực tại thời điểm xét.", "The certificates were valid at the time that counts."},
		Failed: {"Chữ ký có trước khi chứng thư có hiệu lực.", "The signature is older than its certificate."},
		Unknown: {"Chứng thư đã hết hạn và không có gì chứng minh chữ ký có trước đó.",
			"A certificate has expired and nothing proves that the signature is older."},
	},
	CheckRevocation: {
		Passed: {"Chứng thư không bị thu hồi trước thời điểm ký được chứng minh.", "The certificate was not revoked before the time that is proved."},
		Failed: {"Chứng thư đã bị thu hồi hoặc tạm dừng, và không có gì chứng minh chữ ký có trước đó.", "The certificate was revoked or suspended, and nothing proves that the signature is older."},
		Unknown: {"Không có thông tin thu hồi đủ mới; hãy thử lại sau hoặc bổ sung CRL, OCSP.",
			"There is no revocation information that is fresh enough; try later, or supply a CRL or OCSP answer."},
		Warning: {"Chứng thư không nêu nguồn thông tin thu hồi nào.", "The certificate names no source of revocation information."},
		Ignored: {"Chính sách không xét thu hồi.", "Policy does not ask about revocation."},
	},
	CheckAlgorithm: {
		Passed: {"Thuật toán ký được chính sách chấp nhận.", "The signature algorithm is accepted by policy."},
		Failed: {"Thuật toán ký không được chính sách chấp nhận.", "The signature algorithm is not accepted by policy."},
		Unknown: {"Thuật toán ký đã hết thời hạn sử dụng và không có gì chứng minh chữ ký có trước đó.",
			"The signature algorithm is past its time and nothing proves that the signature is older."},
	},
	CheckDigestAlgorithm: {
		Passed: {"Thuật toán băm được chính sách chấp nhận.", "The digest algorithms are accepted by policy."},
		Failed: {"Thuật toán băm không được chính sách chấp nhận.", "A digest algorithm is not accepted by policy."},
		Unknown: {"Thuật toán băm đã hết thời hạn sử dụng và không có gì chứng minh chữ ký có trước đó.",
			"A digest algorithm is past its time and nothing proves that the signature is older."},
	},
	CheckKeySize: {
		Passed: {"Độ dài khoá được chính sách chấp nhận.", "The keys are long enough for policy."},
		Failed: {"Khoá không được chính sách chấp nhận.", "A key is not accepted by policy."},
		Unknown: {"Độ dài khoá đã hết thời hạn sử dụng và không có gì chứng minh chữ ký có trước đó.",
			"A key is past its time and nothing proves that the signature is older."},
	},
	CheckLegacyPadding: {
		Warning: {"Chữ ký dùng RSA PKCS#1 v1.5: còn hiệu lực nhưng dưới danh mục hiện hành, nên chuyển sang RSASSA-PSS hoặc ECDSA.",
			"The signature uses RSA PKCS#1 v1.5: valid, but below the current list; RSASSA-PSS or ECDSA should take its place."},
	},
	CheckTrial: {
		Warning: {"Chứng thư của tổ chức chứng thực thử nghiệm.", "Certificate of a trial authority."},
	},
	CheckSigningTime: {
		Passed:  {"Thời điểm ký do người ký khai phù hợp.", "The signing time that the signer claims is plausible."},
		Warning: {"Thời điểm ký do người ký khai không hợp lý; nó không được dùng để xét.", "The signing time that the signer claims is not plausible; it is not used."},
		Ignored: {"Người ký không khai thời điểm ký.", "The signer claims no signing time."},
	},
	CheckSignaturePolicy: {
		Passed:  {"Chính sách mà chữ ký viện dẫn đã biết.", "The policy that the signature claims is known."},
		Failed:  {"Chính sách mà chữ ký viện dẫn không đúng bản đã biết.", "The policy that the signature claims is not the one that is known."},
		Warning: {"Chữ ký viện dẫn một chính sách không có ở đây.", "The signature claims a policy that is not known here."},
		Unknown: {"Chữ ký viện dẫn một chính sách không có ở đây, mà quy định đòi hỏi phải có.", "The signature claims a policy that is not known here, and has to be."},
		Ignored: {"Chữ ký không viện dẫn chính sách cần xét.", "The signature claims no policy that has to be known."},
	},
	CheckLevel: {
		Passed: {"Chữ ký đạt mức yêu cầu.", "The signature has the level that is required."},
		Failed: {"Chữ ký không đạt mức yêu cầu.", "The signature does not have the level that is required."},
	},
	CheckManifest: {
		Warning: {"Các tham chiếu bên trong ds:Manifest được ký nhưng không được kiểm tra.", "The references inside a ds:Manifest are signed but not checked."},
	},
	CheckUnnamespaced: {
		Warning: {"Có phần tử tên Signature ngoài không gian tên của chữ ký XML; không được tính là chữ ký.",
			"Elements named Signature stand outside the namespace of XML signatures; they count as none."},
	},
	CheckTimestamp: {
		Passed:  {"Dấu thời gian hợp lệ.", "The time-stamp is sound."},
		Warning: {"Dấu thời gian không dùng được làm bằng chứng.", "The time-stamp proves nothing."},
	},
	CheckTimestampFormat: {
		Passed: {"Dấu thời gian đúng cấu trúc.", "The time-stamp has the right form."},
		Failed: {"Dấu thời gian không đúng cấu trúc.", "The time-stamp does not have the right form."},
	},
	CheckTimestampImprint: {
		Passed: {"Dấu thời gian được đóng trên đúng nội dung này.", "The time-stamp is over these very bytes."},
		Failed: {"Dấu thời gian được đóng trên nội dung khác.", "The time-stamp is over other bytes."},
	},
	CheckTimestampValue: {
		Passed: {"Chữ ký của dấu thời gian khớp.", "The time-stamp's own signature fits."},
		Failed: {"Chữ ký của dấu thời gian không khớp.", "The time-stamp's own signature does not fit."},
	},
	CheckTimestampSigner: {
		Passed: {"Chứng thư được cấp riêng để đóng dấu thời gian.", "The certificate is for time-stamping alone."},
		Failed: {"Chứng thư không được cấp để đóng dấu thời gian.", "The certificate is not for time-stamping."},
	},
	CheckTimestampOrder: {
		Passed: {"Thứ tự các dấu thời gian hợp lý.", "The time-stamps are in order."},
		Failed: {"Thứ tự các dấu thời gian mâu thuẫn.", "The time-stamps contradict each other in order."},
	},
	CheckProperties: {
		Warning: {"Chữ ký mang thuộc tính sai quy cách hoặc không được ký; chúng không được dùng.",
			"The signature carries properties that are malformed or not signed; they are not used."},
		Unknown: {"Người ký đã ký các thuộc tính, nhưng không đọc được chúng.", "The signer signed properties, and they could not be read."},
	},
}

// say makes a check with its sentences.
func say(id string, r Result, detail string) Check {
	s := sentences[id][r]
	return Check{ID: id, Result: r, Vi: s.vi, En: s.en, Detail: detail}
}

// checklist collects checks and the first of those that decide.
type checklist struct {
	checks []Check
	end    Conclusion // zero until something decides
	brief  bool       // keep only what decides
}

func (l *checklist) pass(id, detail string)   { l.note(id, Passed, detail) }
func (l *checklist) warn(id, detail string)   { l.note(id, Warning, detail) }
func (l *checklist) ignore(id, detail string) { l.note(id, Ignored, detail) }

func (l *checklist) note(id string, r Result, detail string) {
	if !l.brief {
		l.checks = append(l.checks, say(id, r, detail))
	}
}

// fail records a check that decides: with INDETERMINATE for what could not be found out, and as told otherwise.
func (l *checklist) fail(id string, r Result, c Conclusion, detail string) {
	l.checks = append(l.checks, say(id, r, detail))
	l.decide(c)
}

// decide keeps the first conclusion.
func (l *checklist) decide(c Conclusion) {
	if l.end.Indication == "" {
		l.end = c
	}
}

// take adds what was said of a chain.
func (l *checklist) take(v *ChainVerdict) {
	l.checks = append(l.checks, v.Checks...)
	if !v.OK() {
		l.decide(v.Conclusion)
	}
}

// conclusion is that of the first check that decided.
func (l *checklist) conclusion() Conclusion {
	if l.end.Indication == "" {
		return Conclusion{Indication: TotalPassed}
	}
	return l.end
}

func indeterminate(s SubIndication) Conclusion { return Conclusion{Indeterminate, s} }
func failed(s SubIndication) Conclusion        { return Conclusion{TotalFailed, s} }
