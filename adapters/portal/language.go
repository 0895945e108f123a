package portal

// Languages of the portal.
const (
	Vietnamese = "vi"
	English    = "en"
)
