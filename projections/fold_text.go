package projections

// Fold is the form in which search compares texts: composed, lower case, without Vietnamese diacritics, đ as d. For
// others who search among names the same way.
func Fold(s string) string { return Fold(s) }
