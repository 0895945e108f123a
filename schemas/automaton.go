package schemas

import "fmt"

// particle is a node of a content model as an expression over symbols. compile turns it into a table by the position
// construction: state 0 is the start, state p+1 means that position p was read last. XML Schema demands that the
// next element decides the position (unique particle attribution), which makes the table deterministic.
type particle struct {
	nullable    bool
	first, last []int
}

type contentModel struct {
	n         *node
	positions []int // symbol of each position
	follow    [][]int
}

func (c *compiler) content(n *node, t *xsdElement) error {
	n.kind = elementsNode
	n.index = map[string]int{}
	m := &contentModel{n: n}
	group := t.find("sequence", "choice")
	p := particle{nullable: true}
	if group != nil {
		if err := c.collect(n, group); err != nil {
			return err
		}
		n.symbols = len(n.children)
		if n.wild != nil {
			n.symbols++
		}
		var err error
		if p, err = m.particle(group); err != nil {
			return err
		}
	}
	return m.table(p)
}

// collect gives each child its symbol, before the model is built, since an element may stand in several places.
func (c *compiler) collect(n *node, group *xsdElement) error {
	for _, e := range group.children {
		switch e.name {
		case "element":
			if _, ok := n.index[e.attrs["name"]]; ok {
				continue
			}
			child, err := c.element(e, n.path)
			if err != nil {
				return err
			}
			n.index[child.name] = len(n.children)
			n.children = append(n.children, child)
		case "sequence", "choice":
			if err := c.collect(n, e); err != nil {
				return err
			}
		case "any":
			if e.attrs["processContents"] != "skip" {
				return fmt.Errorf("unknown kind of xs:any")
			}
			w := &wildcard{namespace: e.attrs["namespace"]}
			if w.namespace == "##other" {
				*w = wildcard{other: c.g.namespace}
			}
			n.wild = w
		case "annotation":
		default:
			return fmt.Errorf("unknown xs:%s", e.name)
		}
	}
	return nil
}

func (m *contentModel) particle(e *xsdElement) (particle, error) {
	var p particle
	var err error
	switch e.name {
	case "element":
		p = m.position(m.n.index[e.attrs["name"]])
	case "any":
		p = m.position(len(m.n.children))
	case "sequence":
		p, err = m.sequence(e)
	case "choice":
		p, err = m.choice(e)
	}
	if err != nil {
		return p, err
	}
	min, max := e.attrs["minOccurs"], e.attrs["maxOccurs"]
	switch {
	case min != "" && min != "0" && min != "1", max != "" && max != "1" && max != "unbounded":
		return p, fmt.Errorf("unknown occurrence %s..%s of %s", min, max, e.attrs["name"])
	}
	if max == "unbounded" {
		m.link(p.last, p.first)
	}
	p.nullable = p.nullable || min == "0"
	return p, nil
}

func (m *contentModel) position(symbol int) particle {
	at := []int{len(m.positions)}
	m.positions = append(m.positions, symbol)
	m.follow = append(m.follow, nil)
	return particle{first: at, last: at}
}

func (m *contentModel) sequence(e *xsdElement) (particle, error) {
	p := particle{nullable: true}
	for _, c := range e.children {
		if c.name == "annotation" {
			continue
		}
		q, err := m.particle(c)
		if err != nil {
			return p, err
		}
		m.link(p.last, q.first)
		if p.nullable {
			p.first = append(append([]int(nil), p.first...), q.first...)
		}
		if q.nullable {
			p.last = append(append([]int(nil), p.last...), q.last...)
		} else {
			p.last = q.last
		}
		p.nullable = p.nullable && q.nullable
	}
	return p, nil
}

func (m *contentModel) choice(e *xsdElement) (particle, error) {
	var p particle
	for _, c := range e.children {
		if c.name == "annotation" {
			continue
		}
		q, err := m.particle(c)
		if err != nil {
			return p, err
		}
		p.first = append(append([]int(nil), p.first...), q.first...)
		p.last = append(append([]int(nil), p.last...), q.last...)
		p.nullable = p.nullable || q.nullable
	}
	return p, nil
}

func (m *contentModel) link(from, to []int) {
	for _, f := range from {
		m.follow[f] = append(m.follow[f], to...)
	}
}

func (m *contentModel) table(p particle) error {
	n := m.n
	states := len(m.positions) + 1
	n.next = make([]int16, states*n.symbols)
	for i := range n.next {
		n.next[i] = -1
	}
	n.final = make([]bool, states)
	n.final[0] = p.nullable
	for _, l := range p.last {
		n.final[l+1] = true
	}
	fill := func(state int, to []int) error {
		for _, q := range to {
			cell := &n.next[state*n.symbols+m.positions[q]]
			if *cell >= 0 && *cell != int16(q+1) {
				return fmt.Errorf("content of %s is ambiguous", n.path)
			}
			*cell = int16(q + 1)
		}
		return nil
	}
	if err := fill(0, p.first); err != nil {
		return err
	}
	for i, f := range m.follow {
		if err := fill(i+1, f); err != nil {
			return err
		}
	}
	return nil
}
