package pades

import (
	"fmt"
)

const (
	maxFields     = 20_000
	maxFieldDepth = 24
	maxFieldName  = 500
)

// found is a signature dictionary and the field it was found in.
type found struct {
	field string
	d     *dict
}

// contents is the hex string of the dictionary in the file; ok is false if there is none.
func (s found) contents() (str, bool) {
	c, ok := s.d.get("Contents").(str)
	return c, ok && c.hex && c.start >= 0
}

// walker goes through the form fields of a view.
type walker struct {
	f     *file
	from  int
	seen  map[int64]bool
	count int
	out   []found
	bad   error // first field that couldn't be read
}

// catalog of the revision i.
func (f *file) catalog(i int) (*dict, error) {
	rev := f.revisions[i]
	d, err := f.dictAt(rev.trailer.get("Root"), rev.first)
	if err == nil && d == nil {
		err = badf("no catalogue")
	}
	return d, err
}

// signatures lists the signature dictionaries that the form of revision i leads to. bad tells fields that couldn't be read.
func (f *file) signatures(i int) (out []found, bad, err error) {
	root, err := f.catalog(i)
	if err != nil {
		return nil, nil, err
	}
	w := &walker{f: f, from: f.revisions[i].first, seen: map[int64]bool{}}
	form, err := f.dictAt(root.get("AcroForm"), w.from)
	if err != nil {
		return nil, nil, err
	}
	fields, err := f.arrayAt(form.get("Fields"), w.from)
	if err != nil {
		return nil, nil, err
	}
	if err := w.fields(fields, "", "", 0); err != nil {
		return w.out, w.bad, err
	}
	perms, err := f.dictAt(root.get("Perms"), w.from)
	if err != nil {
		return w.out, w.bad, err
	}
	for _, k := range []name{"DocMDP", "UR3"} {
		if err := w.value(perms.get(k), string(k)); err != nil {
			return w.out, w.bad, err
		}
	}
	return w.out, w.bad, nil
}

func (w *walker) fields(list array, prefix string, kind name, depth int) error {
	for _, v := range list {
		if w.count++; w.count > maxFields {
			return &tooBigError{fmt.Sprintf("more than %d form fields", maxFields)}
		}
		if err := w.field(v, prefix, kind, depth); isBad(err) {
			if w.bad == nil {
				w.bad = err
			}
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) field(v any, prefix string, kind name, depth int) error {
	if depth > maxFieldDepth {
		return badf("form fields nested deeper than %d", maxFieldDepth)
	}
	if r, ok := v.(ref); ok {
		if w.seen[r.num] {
			return nil
		}
		w.seen[r.num] = true
	}
	d, err := w.f.dictAt(v, w.from)
	if err != nil || d == nil {
		return err
	}
	if t := text(d.get("T")); t != "" {
		if prefix != "" {
			t = prefix + "." + t
		}
		prefix = t[:min(len(t), maxFieldName)]
	}
	if k, ok := d.get("FT").(name); ok {
		kind = k
	}
	if kind == "Sig" {
		if err := w.value(d.get("V"), prefix); err != nil {
			return err
		}
	}
	kids, err := w.f.arrayAt(d.get("Kids"), w.from)
	if err != nil {
		return err
	}
	return w.fields(kids, prefix, kind, depth+1)
}

// value takes the dictionary that a signature field or a permission leads to, once.
func (w *walker) value(v any, field string) error {
	d, err := w.f.dictAt(v, w.from)
	if err != nil || d == nil {
		return err
	}
	s := found{field, d}
	if c, ok := s.contents(); ok {
		for _, o := range w.out {
			if oc, ok := o.contents(); ok && oc.start == c.start {
				return nil
			}
		}
	}
	w.out = append(w.out, s)
	return nil
}
