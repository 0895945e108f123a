package httpapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wants picks the offered media type that the Accept header likes best; the first offer when it says nothing, ""
// when it excludes all. Among equals the earlier offer wins.
func wants(r *http.Request, offers ...string) string {
	values := r.Header.Values("Accept")
	if len(values) == 0 {
		return offers[0]
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(values, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality is the weight of the most specific range that matches.
func quality(values []string, offer string) float64 {
	group, _, _ := strings.Cut(offer, "/")
	weight, specific := 0.0, -1
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
			if err != nil {
				continue
			}
			level := -1
			switch media {
			case offer:
				level = 2
			case group + "/*":
				level = 1
			case "*/*":
				level = 0
			}
			if level <= specific && level < 0 || level < specific {
				continue
			}
			q := 1.0
			if s, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(s, 64); err != nil {
					continue
				}
			}
			weight, specific = q, level
		}
	}
	return weight
}
