package httpapi

import (
	"net/http"

	"github.com/tram-exchange/tram/gateway"
)

// Groups of callers, for the table.
var (
	insiders = []gateway.Kind{ // every registered caller
		gateway.KindAgency, gateway.KindChannel, gateway.KindPeer, gateway.KindAuditor,
		gateway.KindOperator, gateway.KindAdministrator,
	}
	submitters = []gateway.Kind{ // documents by agencies and channels; directory changes also by those who run the node
		gateway.KindAgency, gateway.KindChannel, gateway.KindOperator, gateway.KindAdministrator,
	}
	readers  = []gateway.Kind{gateway.KindAgency, gateway.KindAuditor}
	agency   = []gateway.Kind{gateway.KindAgency}
	auditors = []gateway.Kind{gateway.KindAuditor}
	staff    = []gateway.Kind{gateway.KindOperator, gateway.KindAdministrator}
)

// table is every route of the API. What a caller who is let in may see is judged by the core: another's document is
// not found, whoever asks.
func (a *API) table() []Route {
	routes := []Route{
		{Method: http.MethodGet, Pattern: "/openapi.json", Public: true, Handle: a.getOpenAPI, Doc: Doc{
			Summary: "This description.", Type: jsonType, Tag: "published"}},
		{Method: http.MethodGet, Pattern: "/errors", Public: true, Handle: a.getErrors, Doc: Doc{
			Summary: "Every refusal with its number, in two languages: JSON, or a page for browsers.", Tag: "published", Answer: []gateway.Entry{}}},
		{Method: http.MethodGet, Pattern: "/schemas/", Public: true, Handle: a.getSchemas, Doc: Doc{
			Summary: "Names of the published XML schemas.", Tag: "published", Answer: SchemaList{}}},
		{Method: http.MethodGet, Pattern: "/schemas/{file}", Public: true, Handle: a.getSchema, Doc: Doc{
			Summary: "One schema.", Tag: "published", Type: "application/xml", Errors: []int{gateway.CodeNotFound}}},
		{Method: http.MethodGet, Pattern: "/healthz", Public: true, Handle: a.getHealth, Doc: Doc{
			Summary: "200 while the process lives.", Tag: "node", Answer: Health{}}},
		{Method: http.MethodGet, Pattern: "/readyz", Public: true, Handle: a.getReady, Doc: Doc{
			Summary: "200 while packages are taken in, else 503 with the reason.", Tag: "node", Answer: Health{},
			Errors: []int{gateway.CodeDiskFull, gateway.CodeDraining, gateway.CodeStarting, gateway.CodeClock, gateway.CodeLogBehind, gateway.CodeLogSplit, gateway.CodeStoreAway}}},
		{Method: http.MethodGet, Pattern: "/v1/checkpoint", Public: true, Handle: a.getCheckpoint, Doc: Doc{
			Summary: "Latest signed head of the log (C2SP checkpoint).", Tag: "record", Type: textType}},
		{Method: http.MethodGet, Pattern: "/v1/trust-list", Public: true, Handle: a.getTrustList, Doc: Doc{
			Summary: "Authorities whose certificates count, for whom and when.", Tag: "directory", Query: trustQuery, Answer: TrustListAnswer{},
			Errors: []int{gateway.CodeParameter}}},
		{Method: http.MethodGet, Pattern: "/v1/whoami", Allow: insiders, Handle: a.getWhoAmI, Doc: Doc{
			Summary: "Who the node takes the caller for.", Tag: "node", Answer: WhoAmI{}}},

		{Method: http.MethodPost, Pattern: "/v1/packages", Allow: submitters, Body: true, Handle: a.postPackage, Doc: Doc{
			Summary: "Hand in a signed package. 201 when it is recorded, 200 when it was before; the receipt is in the body.",
			Tag:     "packages", Body: "application/xml", Answer: AcceptedAnswer{}, Type: textType, Created: true, Errors: handInErrors}},
		{Method: http.MethodGet, Pattern: "/v1/packages/{sha256}", Allow: readers, Handle: a.getPackage, Doc: Doc{
			Summary: "The package exactly as it was handed in; Range is honoured.", Tag: "packages", Type: "application/xml",
			Errors: []int{gateway.CodeNotFound, gateway.CodeRange, gateway.CodeDestroyed}}},
		{Method: http.MethodGet, Pattern: "/v1/packages/{sha256}/receipt", Allow: readers, Handle: a.getReceipt, Doc: Doc{
			Summary: "Receipt of the package (C2SP tlog-proof).", Tag: "packages", Type: textType, Errors: []int{gateway.CodeNotFound}}},
		{Method: http.MethodGet, Pattern: "/v1/packages/{sha256}/content", Allow: readers, Handle: a.getContent, Doc: Doc{
			Summary: "The file that a Submission carries, unaltered.", Tag: "packages", Type: "application/octet-stream",
			Errors: []int{gateway.CodeNotFound}}},
		{Method: http.MethodGet, Pattern: "/v1/packages/{sha256}/evidence", Allow: readers, Handle: a.getEvidence, Doc: Doc{
			Summary: "How the signatures were judged at acceptance: chains, and what was known of revocation.", Tag: "packages",
			Answer: SignatureEvidence{}, Errors: []int{gateway.CodeNotFound}}},
		{Method: http.MethodGet, Pattern: "/v1/packages/{sha256}/evidence/{answer}", Allow: readers, Handle: a.getAnswer, Doc: Doc{
			Summary: "A CRL or OCSP response that the evidence refers to, DER.", Tag: "packages", Type: "application/octet-stream",
			Errors: []int{gateway.CodeNotFound}}},
		{Method: http.MethodGet, Pattern: "/v1/packages/{sha256}/verdict", Allow: readers, Handle: a.getVerdict, Doc: Doc{
			Summary: "Verdict on the signatures in the words of EN 319 102-1, as of acceptance and by the answers kept then.", Tag: "packages",
			Type: jsonType, Errors: []int{gateway.CodeNotFound, gateway.CodeDestroyed}}},

		{Method: http.MethodGet, Pattern: "/v1/documents", Allow: readers, Handle: a.getDocuments, Doc: Doc{
			Summary: "One page of a register: outgoing or incoming documents of an organisation.", Tag: "documents", Query: registerQuery,
			Answer: DocumentPage{}, Errors: []int{gateway.CodeParameter, gateway.CodeNotFound, gateway.CodePastBuilding, gateway.CodePastRoom, gateway.CodeBusy}}},
		{Method: http.MethodGet, Pattern: "/v1/documents/{key}", Allow: readers, Handle: a.getDocument, Doc: Doc{
			Summary: "State and history of a document: who has it, what was reported, what proves it.", Tag: "documents", Query: []Param{asOfParam},
			Answer: DocumentAnswer{}, Errors: []int{gateway.CodeParameter, gateway.CodeNotFound, gateway.CodePastBuilding, gateway.CodePastRoom, gateway.CodeBusy}}},
		{Method: http.MethodGet, Pattern: "/v1/documents/{key}/receipts/{position}", Allow: readers, Handle: a.getDocumentReceipt, Doc: Doc{
			Summary: "Receipt of one event of a document's history (C2SP tlog-proof).", Tag: "documents", Type: textType, Errors: []int{gateway.CodeNotFound}}},

		{Method: http.MethodGet, Pattern: "/v1/mailbox", Allow: agency, Handle: a.getMailbox, Doc: Doc{
			Summary: "Open entries in order of offer, after a cursor; wait= makes it a long poll.", Tag: "mailbox", Query: mailboxQuery,
			Answer: MailboxPage{}, Errors: []int{gateway.CodeParameter, gateway.CodeNotFound, gateway.CodeBusy}}},
		{Method: http.MethodPost, Pattern: "/v1/mailbox/take", Allow: agency, Handle: a.postTake, Doc: Doc{
			Summary: "Take open entries under a lease. Parallel takers get different ones.", Tag: "mailbox", Request: TakeBody{}, Query: takeQuery,
			Answer: TakenAnswer{}, Errors: []int{gateway.CodeParameter, gateway.CodeNotFound, gateway.CodeMediaType}}},
		{Method: http.MethodPost, Pattern: "/v1/mailbox/{id}/ack", Allow: agency, Handle: a.postAcknowledge, Doc: Doc{
			Summary: "Acknowledge a taken entry: the recipient has it. Repeating it gets the same answer.", Tag: "mailbox", Answer: AcknowledgedAnswer{},
			Errors: []int{gateway.CodeNotFound, gateway.CodeDeliveryState}}},

		{Method: http.MethodGet, Pattern: "/v1/audit/events", Allow: auditors, Handle: a.getAuditEvents, Doc: Doc{
			Summary: "Statements in order of position, those that the auditor may read; tram verify with an address asks for them.", Tag: "record",
			Query: auditQuery, Answer: AuditPage{}, Errors: []int{gateway.CodeParameter, gateway.CodeForbidden}}},
		{Method: http.MethodGet, Pattern: "/v1/audit/events/{position}/evidence", Allow: auditors, Handle: a.getAuditEvidence, Doc: Doc{
			Summary: "Stored validation evidence of an event, as it was written.", Tag: "record", Type: "application/octet-stream",
			Errors: []int{gateway.CodeNotFound, gateway.CodeForbidden}}},
		{Method: http.MethodGet, Pattern: "/v1/audit/events/{position}/package", Allow: auditors, Handle: a.getAuditPackage, Doc: Doc{
			Summary: "The package that an event names, exactly as it was handed in: also changes of the directory, which no register shows.", Tag: "record",
			Type: "application/xml", Errors: []int{gateway.CodeNotFound, gateway.CodeForbidden, gateway.CodeDestroyed}}},

		{Method: http.MethodGet, Pattern: "/v1/directory", Allow: insiders, Handle: a.getDirectory, Doc: Doc{
			Summary: "Organisations with their codes and successors.", Tag: "directory", Query: directoryQuery, Answer: DirectoryPage{}}},
		{Method: http.MethodGet, Pattern: "/v1/directory/{code}", Allow: insiders, Handle: a.getOrganisation, Doc: Doc{
			Summary: "The organisation that a code means today, any of its codes.", Tag: "directory", Answer: OrganisationAnswer{},
			Errors: []int{gateway.CodeNotFound}}},
	}
	if a.c.Metrics != nil {
		routes = append(routes, Route{Method: http.MethodGet, Pattern: "/metrics", Allow: staff, Handle: a.getMetrics, Doc: Doc{
			Summary: "Numbers for Prometheus; operators only.", Tag: "node", Type: textType}})
	}
	return routes
}

var handInErrors = []int{
	gateway.CodeTooLarge, gateway.CodeTooSlow, gateway.CodeCutShort, gateway.CodeMalformed, gateway.CodeUnsigned,
	gateway.CodeNotSender, gateway.CodeRecipientsUnknown, gateway.CodeSecret, gateway.CodeDocumentTaken, gateway.CodeDiskFull,
}
