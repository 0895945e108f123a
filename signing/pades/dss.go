package pades

import (
	"crypto/x509"
)

const maxMaterial = 1000 // certificates, CRLs and OCSP answers each

// material is what a document security store holds.
type material struct {
	certificates []*x509.Certificate
	crls, ocsps  [][]byte
	objects      map[int64]bool // that belong to it
}

// store reads the DSS of revision i (EN 319 142-1 5.4.2.2). VRI dictionaries refer to the same objects and are only noted.
func (f *file) store(i int) (*material, error) {
	m := &material{objects: map[int64]bool{}}
	root, err := f.catalog(i)
	if err != nil {
		return m, err
	}
	from := f.revisions[i].first
	m.see(root.get("DSS"))
	dss, err := f.dictAt(root.get("DSS"), from)
	if err != nil || dss == nil {
		return m, err
	}
	var certs [][]byte
	for key, out := range map[name]*[][]byte{"Certs": &certs, "CRLs": &m.crls, "OCSPs": &m.ocsps} {
		m.see(dss.get(key))
		list, err := f.arrayAt(dss.get(key), from)
		if err != nil {
			return m, err
		}
		for _, v := range list {
			if len(*out) == maxMaterial {
				return m, &tooBigError{"more than 1000 objects in the document security store"}
			}
			m.see(v)
			v, err := f.resolve(v, from)
			if err != nil {
				return m, err
			}
			s, ok := v.(*stream)
			if !ok {
				continue
			}
			b, err := f.unpack(s, from)
			if err != nil {
				return m, err
			}
			*out = append(*out, b)
		}
	}
	for _, der := range certs {
		if c, err := x509.ParseCertificate(der); err == nil {
			m.certificates = append(m.certificates, c)
		}
	}
	m.see(dss.get("VRI"))
	vri, err := f.dictAt(dss.get("VRI"), from)
	if err != nil || vri == nil {
		return m, err
	}
	for _, v := range vri.m {
		m.see(v)
	}
	return m, nil
}

func (m *material) see(v any) {
	if r, ok := v.(ref); ok {
		m.objects[r.num] = true
	}
}
