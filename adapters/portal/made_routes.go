package portal

// madeRoutes are the pages of what an agency makes: drafts, outgoing documents, dossiers; and those that look at all of the work.
var madeRoutes = []route{
	{"GET", "/drafts", staff, (*Portal).drafts, noForm},
	{"GET", "/drafts/new", staff, (*Portal).newDraftPage, noForm},
	{"POST", "/drafts/new", staff, (*Portal).saveNewDraft, filesForm},
	{"GET", "/drafts/recipients", staff, (*Portal).recipientsPart, noForm},
	{"GET", "/drafts/copy", staff, (*Portal).copyPage, noForm},
	{"POST", "/drafts/copy", staff, (*Portal).makeCopy, filesForm},
	{"GET", "/outgoing", staff, (*Portal).sent, noForm},
	{"GET", "/outgoing/print", staff, (*Portal).printSent, noForm},
	{"GET", "/outgoing/export", staff, (*Portal).exportSent, noForm},
	{"GET", "/outgoing/{id}", staff, (*Portal).sentPage, noForm},
	{"POST", "/outgoing/{id}/act", staff, (*Portal).actSent, longForm},
	{"GET", "/outgoing/{id}/edit", staff, (*Portal).editDraftPage, noForm},
	{"POST", "/outgoing/{id}/edit", staff, (*Portal).saveVersion, filesForm},
	{"GET", "/outgoing/{id}/files/{sha256}/{index}", staff, (*Portal).sentFile, noForm},
	{"GET", "/outgoing/{id}/files/{sha256}/{index}/signatures", staff, (*Portal).sentSignatures, noForm},
	{"GET", "/outgoing/{id}/package/{sha256}", staff, (*Portal).sentPackage, noForm},
	{"GET", "/dossiers", staff, (*Portal).dossiers, noForm},
	{"GET", "/dossiers/new", staff, (*Portal).newDossierPage, noForm},
	{"POST", "/dossiers/new", staff, (*Portal).openDossier, longForm},
	{"GET", "/dossiers/put", staff, (*Portal).putPage, noForm},
	{"POST", "/dossiers/put", staff, (*Portal).put, longForm},
	{"GET", "/dossiers/{id}", staff, (*Portal).dossier, noForm},
	{"POST", "/dossiers/{id}/act", staff, (*Portal).actDossier, longForm},
	{"POST", "/dossiers/{id}/files", staff, (*Portal).actDossier, filesForm},
	{"GET", "/dossiers/{id}/files/{sha256}/{index}", staff, (*Portal).dossierFile, noForm},
	{"GET", "/dossiers/{id}/files/{sha256}/{index}/signatures", staff, (*Portal).dossierSignatures, noForm},
	{"GET", "/dossiers/{id}/print", staff, (*Portal).printDossier, noForm},
	{"GET", "/dossiers/{id}/export", staff, (*Portal).exportDossier, noForm},
	{"GET", "/leader", staff, (*Portal).leader, noForm},
	{"POST", "/leader/{kind}/{id}", staff, (*Portal).actLeader, longForm},
	{"GET", "/statistics", staff, (*Portal).statistics, noForm},
}

// competences are the usual ways to say in whose name or place a document is signed (NĐ 30/2020 Điều 13).
var competences = []string{"TM. ỦY BAN NHÂN DÂN", "KT. CHỦ TỊCH", "KT. GIÁM ĐỐC", "Q. GIÁM ĐỐC", "TL. CHỦ TỊCH", "TL. GIÁM ĐỐC", "TUQ. CHỦ TỊCH", "TUQ. GIÁM ĐỐC"}
