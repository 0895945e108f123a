package signing

import "strings"

// joinBases reduces the xml:base values of an element and its omitted ancestors, outermost first, to one, as Canonical
// XML 1.1 §2.4 asks: from the right, each pair by joinURI.
func joinBases(values []string) string {
	joined := values[len(values)-1]
	for i := len(values) - 2; i >= 0; i-- {
		joined = joinURI(values[i], joined)
	}
	return joined
}

// uriParts are the components of RFC 3986 §3; what follows # is never part of a base.
type uriParts struct {
	scheme, authority, path, query    string
	hasScheme, hasAuthority, hasQuery bool
}

func splitURI(s string) (u uriParts) {
	s, _, _ = strings.Cut(s, "#")
	s, u.query, u.hasQuery = strings.Cut(s, "?")
	if i := strings.IndexAny(s, ":/"); i > 0 && s[i] == ':' {
		u.scheme, u.hasScheme, s = s[:i], true, s[i+1:]
	}
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		u.hasAuthority = true
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			u.authority, s = rest[:i], rest[i:]
		} else {
			u.authority, s = rest, ""
		}
	}
	u.path = s
	return u
}

func (u *uriParts) String() string {
	var b strings.Builder
	if u.hasScheme {
		b.WriteString(u.scheme + ":")
	}
	if u.hasAuthority {
		b.WriteString("//" + u.authority)
	}
	b.WriteString(u.path)
	if u.hasQuery {
		b.WriteString("?" + u.query)
	}
	return b.String()
}

// joinURI resolves ref against base like RFC 3986 §5.2, except that base may be relative itself, that what cannot be resolved
// (leading "..") stays, and that a trailing ".." names a folder.
func joinURI(base, ref string) string {
	b, r := splitURI(base), splitURI(ref)
	if b.path == ".." || strings.HasSuffix(b.path, "/..") {
		b.path += "/"
	}
	t := uriParts{scheme: b.scheme, hasScheme: b.hasScheme, authority: b.authority, hasAuthority: b.hasAuthority, query: r.query, hasQuery: r.hasQuery}
	switch {
	case r.hasScheme:
		t = r
		t.path = withoutDots(r.path)
	case r.hasAuthority:
		t.authority, t.hasAuthority, t.path = r.authority, true, withoutDots(r.path)
	case r.path == "":
		t.path = b.path
		if !r.hasQuery {
			t.query, t.hasQuery = b.query, b.hasQuery
		}
	case r.path[0] == '/':
		t.path = withoutDots(r.path)
	case b.hasAuthority && b.path == "":
		t.path = withoutDots("/" + r.path)
	default:
		t.path = withoutDots(b.path[:strings.LastIndexByte(b.path, '/')+1] + r.path)
	}
	return t.String()
}

// withoutDots removes "." and ".." segments and repeated slashes. A relative path stays relative and keeps the ".." that lead
// out of it.
func withoutDots(path string) string {
	rooted := strings.HasPrefix(path, "/")
	var out []string
	folder := false // the path names a folder: it ends in a slash or in dots
	for segment := range strings.SplitSeq(path, "/") {
		folder = true
		switch {
		case segment == "" || segment == ".":
		case segment != "..":
			out, folder = append(out, segment), false
		case len(out) > 0 && out[len(out)-1] != "..":
			out = out[:len(out)-1]
		case !rooted:
			out = append(out, "..")
		}
	}
	s := strings.Join(out, "/")
	if rooted {
		s = "/" + s
	}
	if folder && len(out) > 0 {
		s += "/"
	}
	return s
}
