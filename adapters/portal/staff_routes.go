package portal

// livePath is asked by open pages, not by people.
const livePath = "/live"

// staffRoutes are the pages of people at work in an agency's office.
var staffRoutes = []route{
	{"GET", livePath, inOffice, (*Portal).live, noForm},
	{"GET", "/menu", inOffice, (*Portal).menu, noForm},
	{"GET", "/notes", inOffice, (*Portal).notes, noForm},
	{"GET", "/incoming", staff, (*Portal).arrivals, noForm},
	{"GET", "/incoming/print", staff, (*Portal).printArrivals, noForm},
	{"GET", "/incoming/export", staff, (*Portal).exportArrivals, noForm},
	{"GET", "/incoming/new", staff, (*Portal).paperPage, noForm},
	{"POST", "/incoming/new", staff, (*Portal).registerPaper, filesForm},
	{"GET", "/incoming/{id}", staff, (*Portal).arrival, noForm},
	{"POST", "/incoming/{id}/act", staff, (*Portal).actArrival, longForm},
	{"GET", "/incoming/{id}/files/{sha256}/{index}", staff, (*Portal).arrivalFile, noForm},
	{"GET", "/incoming/{id}/files/{sha256}/{index}/signatures", staff, (*Portal).arrivalSignatures, noForm},
	{"GET", "/incoming/{id}/package/{sha256}", staff, (*Portal).arrivalPackage, noForm},
	{"GET", "/incoming/{id}/receipts/{position}", staff, (*Portal).arrivalReceipt, noForm},
	{"GET", "/incoming/{id}/evidence", staff, (*Portal).arrivalEvidence, noForm},
}
