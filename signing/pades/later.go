package pades

import (
	"errors"
	"slices"
)

const maxLater = 2000 // objects that are looked at to say what they are

// later lists the revisions whose cross-references stand at or behind an offset, the oldest first.
func (f *file) later(end int64, m *material) ([]Later, error) {
	var out []Later
	looked := 0
	for i := len(f.revisions) - 1; i >= 0; i-- {
		rev := f.revisions[i]
		if f.base+rev.at < end {
			continue
		}
		l := Later{Table: f.base + rev.at}
		kinds := map[string]bool{}
		for _, s := range f.sections[rev.first : rev.first+rev.own] {
			for n := range s.count {
				e, ok, err := s.entry(f, s.first+n)
				if err != nil && !isBad(err) {
					return out, err
				}
				if err != nil || !ok || e.kind == 0 {
					continue
				}
				l.Objects++
				if looked++; looked > maxLater {
					kinds["other"] = true
					if looked > 100*maxLater {
						return append(out, l), nil
					}
					continue
				}
				k, err := f.kind(s.first+n, rev.first, m)
				var big *tooBigError
				if err != nil && !isBad(err) && !errors.As(err, &big) {
					return out, err
				}
				if k != "" {
					kinds[k] = true
				}
			}
		}
		for k := range kinds {
			l.Kinds = append(l.Kinds, k)
		}
		slices.Sort(l.Kinds)
		out = append(out, l)
	}
	return out, nil
}

// kind says what sort of object it is; empty for cross-references and object streams.
func (f *file) kind(num int64, from int, m *material) (string, error) {
	if m.objects[num] {
		return "validation", nil
	}
	v, err := f.object(num, from)
	if err != nil {
		return "other", err
	}
	d, _ := v.(*dict)
	s, isStream := v.(*stream)
	if isStream {
		d = s.dict
	}
	if d == nil {
		return "other", nil
	}
	switch d.get("Type") {
	case name("XRef"), name("ObjStm"):
		return "", nil
	case name("Page"), name("Pages"):
		return "page", nil
	case name("Catalog"):
		return "catalog", nil
	case name("Sig"), name("DocTimeStamp"), name("SigRef"), name("TransformParams"), name("SigFieldLock"):
		return "signature", nil
	case name("DSS"), name("VRI"):
		return "validation", nil
	case name("Metadata"):
		return "metadata", nil
	case name("XObject"), name("Font"), name("FontDescriptor"):
		return "appearance", nil
	}
	switch {
	case d.get("FT") == name("Sig") || d.get("ByteRange") != nil:
		return "signature", nil
	case d.get("Fields") != nil: // the form itself, which many writers keep in the catalogue
		return "catalog", nil
	case d.get("FT") != nil || d.get("Subtype") == name("Widget"):
		return "form", nil
	case d.get("Type") == name("Annot"):
		return "annotation", nil
	case d.get("Producer") != nil || d.get("ModDate") != nil:
		return "metadata", nil
	case isStream && d.get("Subtype") == name("Form"):
		return "appearance", nil
	case isStream:
		return "content", nil
	}
	return "other", nil
}
