package pades

import (
	"errors"
	"maps"
	"reflect"
	"slices"
)

const (
	maxLater   = 2000    // objects that are looked at to say what they are
	maxCounted = 200_000 // objects that are counted
)

// later lists the revisions whose cross-references stand at or behind an offset, the oldest first.
func (f *file) later(end int64, m *material) ([]Later, error) {
	var out []Later
	looked := 0
	for i := len(f.revisions) - 1; i >= 0; i-- {
		rev := f.revisions[i]
		if f.base+rev.at < end {
			continue
		}
		c := &changes{f: f, from: rev.first, older: rev.first + rev.own, m: m, kinds: map[string]bool{}}
		l := Later{Table: f.base + rev.at}
		if err := c.revision(rev, &l, &looked); err != nil {
			return out, err
		}
		if i+1 < len(f.revisions) && !reflect.DeepEqual(rev.trailer.get("Root"), f.revisions[i+1].trailer.get("Root")) {
			c.kinds["page"] = true // another catalogue may show other pages
		}
		l.Kinds = slices.Sorted(maps.Keys(c.kinds))
		out = append(out, l)
	}
	return out, nil
}

// changes tells what one revision brought.
type changes struct {
	f           *file
	from, older int // views: with this revision, and without
	m           *material
	kinds       map[string]bool
}

func (c *changes) revision(rev revision, l *Later, looked *int) error {
	for _, s := range c.f.sections[rev.first : rev.first+rev.own] {
		for n := range s.count {
			e, ok, err := s.entry(c.f, s.first+n)
			if err != nil && !isBad(err) {
				return err
			}
			if err != nil || !ok || e.kind == 0 && s.first+n == 0 {
				continue
			}
			l.Objects++
			if *looked++; *looked > maxCounted {
				return nil
			}
			if *looked > maxLater {
				c.kinds["other"] = true
				continue
			}
			if err := c.object(s.first + n); err != nil {
				return err
			}
		}
	}
	return nil
}

// get resolves an object in a view; what can't be read is nil.
func (c *changes) get(num int64, from int) (any, error) {
	v, err := c.f.object(num, from)
	var big *tooBigError
	if isBad(err) || errors.As(err, &big) {
		return nil, nil
	}
	return unplaced(v), err
}

// object tells what was done to an object: added, or put in place of an older one. What overwrites something that pages may show counts as
// content, because fonts and drawings can be exchanged to make a page read otherwise.
func (c *changes) object(num int64) error {
	v, err := c.get(num, c.from)
	if err != nil {
		return err
	}
	if c.m.objects[num] {
		c.kinds["validation"] = true
		return nil
	}
	old, err := c.get(num, c.older)
	if err != nil {
		return err
	}
	if v == nil { // taken away
		v, old = old, nil
	}
	if v == nil {
		return nil
	}
	k := sort(v)
	d, _ := v.(*dict)
	od, _ := old.(*dict)
	list, isList := v.(array)
	switch {
	case k == "":
	case old == nil:
		c.kinds[k] = true
	case isList:
		oldList, _ := old.(array)
		return c.list(oldList, list)
	case k == "appearance":
		c.kinds["content"] = true
	case k == "page" && d != nil && od != nil:
		return c.keys(od, d, "page", []name{"LastModified", "Tabs"})
	case k == "catalog" && d != nil && od != nil:
		c.kinds[k] = true
		return c.keys(od, d, "other", freeOfCatalog)
	default:
		c.kinds[k] = true
	}
	return nil
}

// keys compares a dictionary with its older form. Lists of annotations and fields are looked into; free keys may change.
func (c *changes) keys(old, now *dict, kind string, free []name) error {
	all := slices.Collect(maps.Keys(now.m))
	for k := range old.m {
		if _, there := now.m[k]; !there {
			all = append(all, k)
		}
	}
	for _, k := range all {
		a, b := old.get(k), now.get(k)
		if slices.Contains(free, k) || reflect.DeepEqual(a, b) {
			continue
		}
		switch k {
		case "Annots", "Fields":
			before, err := c.array(a, c.older)
			if err != nil {
				return err
			}
			after, err := c.array(b, c.from)
			if err != nil {
				return err
			}
			if err := c.list(before, after); err != nil {
				return err
			}
		case "AcroForm":
			if err := c.form(a, b); err != nil {
				return err
			}
		case "Pages":
			c.kinds["page"] = true
		case "XFA":
			c.kinds["content"] = true
		default:
			c.kinds[kind] = true
		}
	}
	return nil
}

// freeOfCatalog are keys of the catalogue and the form that signing and validating change.
var freeOfCatalog = []name{"DSS", "Extensions", "Metadata", "Version", "Perms", "SigFlags", "DR", "DA", "NeedAppearances"}

// form compares forms that stand in the catalogue or beside it.
func (c *changes) form(old, now any) error {
	both := [2]*dict{}
	for i, v := range []any{old, now} {
		if r, ok := v.(ref); ok {
			var err error
			if v, err = c.get(r.num, []int{c.older, c.from}[i]); err != nil {
				return err
			}
		}
		if both[i], _ = v.(*dict); both[i] == nil {
			both[i] = &dict{}
		}
	}
	return c.keys(both[0], both[1], "form", freeOfCatalog)
}

func (c *changes) array(v any, from int) (array, error) {
	if r, ok := v.(ref); ok {
		var err error
		if v, err = c.get(r.num, from); err != nil {
			return nil, err
		}
	}
	a, _ := unplaced(v).(array)
	return a, nil
}

// list tells what came into a list and what was taken out.
func (c *changes) list(old, now array) error {
	for _, step := range []struct {
		in, without array
		from        int
	}{{now, old, c.from}, {old, now, c.older}} {
		for _, v := range step.in {
			if slices.ContainsFunc(step.without, func(o any) bool { return reflect.DeepEqual(o, v) }) {
				continue
			}
			if r, ok := v.(ref); ok {
				var err error
				if v, err = c.get(r.num, step.from); err != nil {
					return err
				}
			}
			if k := sort(v); k != "" {
				c.kinds[k] = true
			}
		}
	}
	return nil
}

// sort says what kind of object v is; empty for cross-references and object streams.
func sort(v any) string {
	d, _ := v.(*dict)
	s, isStream := v.(*stream)
	if isStream {
		d = s.dict
	}
	if d == nil {
		return "other"
	}
	switch d.get("Type") {
	case name("XRef"), name("ObjStm"):
		return ""
	case name("Page"), name("Pages"):
		return "page"
	case name("Catalog"):
		return "catalog"
	case name("Sig"), name("DocTimeStamp"), name("SigRef"), name("TransformParams"), name("SigFieldLock"):
		return "signature"
	case name("DSS"), name("VRI"):
		return "validation"
	case name("Metadata"):
		return "metadata"
	case name("XObject"), name("Font"), name("FontDescriptor"):
		return "appearance"
	}
	switch {
	case d.get("FT") == name("Sig") || d.get("ByteRange") != nil:
		return "signature"
	case d.get("Fields") != nil: // the form itself, which many writers keep in the catalogue
		return "catalog"
	case d.get("FT") != nil || d.get("Subtype") == name("Widget"):
		return "form"
	case d.get("Type") == name("Annot") || d.get("Rect") != nil && d.get("Subtype") != nil:
		return "annotation"
	case d.get("Producer") != nil || d.get("ModDate") != nil:
		return "metadata"
	case isStream && d.get("Subtype") == name("Form"):
		return "appearance"
	case isStream:
		return "content"
	}
	return "other"
}
