package portal

// adminRoutes are the pages of who administers an agency's office, and of everybody's own delegations. All changes of the office go one
// way: the act says which form it was.
var adminRoutes = []route{
	{"GET", "/away", inOffice, (*Portal).away, noForm},
	{"POST", "/away", inOffice, (*Portal).changeAway, longForm},
	{"GET", "/office", administrators, (*Portal).officePage, noForm},
	{"GET", "/office/units", administrators, (*Portal).officeUnits, noForm},
	{"GET", "/office/units/{id}", administrators, (*Portal).officeUnit, noForm},
	{"GET", "/office/persons", administrators, (*Portal).officePersons, noForm},
	{"GET", "/office/persons/{id}", administrators, (*Portal).officePerson, noForm},
	{"POST", "/office/persons/{id}/account", administrators, (*Portal).personAccount, smallForm},
	{"GET", "/office/delegations", administrators, (*Portal).officeDelegations, noForm},
	{"GET", "/office/rules", administrators, (*Portal).officeRules, noForm},
	{"GET", "/office/rules/{kind}", administrators, (*Portal).officeRule, noForm},
	{"GET", "/office/history", administrators, (*Portal).officeHistory, noForm},
	{"POST", "/office/change", administrators, (*Portal).changeOffice, longForm},
}

// newItem stands in an address for a thing that is still to be made: no id has a _.
const newItem = "_new"
