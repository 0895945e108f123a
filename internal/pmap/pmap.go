// Package pmap is a persistent map from strings: Set gives a new map and leaves the old one as it was, sharing
// what did not change. The states of package events/... are read by many goroutines while the next one is being
// folded; with this map neither reading nor folding copies a state.
//
// It is a hash trie (32 ways, nodes compressed by a bitmap). There is no removal: the record never forgets, so things
// in a state end by a date. The form of the trie depends only on what was set, not on the order, except among keys
// of the same 64-bit hash, so equal maps are deeply equal.
package pmap

import (
	"iter"
	"math/bits"
)

// Map from strings to V. The zero value is empty. A Map may be copied, and read from any goroutine.
type Map[V any] struct {
	root *node[V]
	size int
}

type node[V any] struct {
	bitmap uint32
	slots  []slot[V] // one for each bit, in order of the bit
}

// slot holds either a child or a leaf.
type slot[V any] struct {
	child *node[V]
	leaf  *leaf[V]
}

// leaf holds one key. next leads to another key of the same hash in all 64 bits.
type leaf[V any] struct {
	hash  uint64
	key   string
	value V
	next  *leaf[V]
}

const (
	width = 5
	mask  = 1<<width - 1
)

// hash is FNV-1a followed by a mixing step, because FNV's low bits are weak for keys that differ at the end. It has no
// seed: keys come from signed and bounded packages, and equal maps must have equal form.
func hash(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// Len is the number of keys.
func (m Map[V]) Len() int { return m.size }

// Get gives the value of key. It allocates nothing.
func (m Map[V]) Get(key string) (V, bool) {
	h := hash(key)
	n := m.root
	for shift := uint(0); n != nil; shift += width {
		bit := uint32(1) << (h >> shift & mask)
		if n.bitmap&bit == 0 {
			break
		}
		s := &n.slots[bits.OnesCount32(n.bitmap&(bit-1))]
		if s.child != nil {
			n = s.child
			continue
		}
		if s.leaf.hash != h {
			break
		}
		for l := s.leaf; l != nil; l = l.next {
			if l.key == key {
				return l.value, true
			}
		}
		break
	}
	var zero V
	return zero, false
}

// Set gives a map in which key has the value.
func (m Map[V]) Set(key string, value V) Map[V] {
	root, added := m.root.set(&leaf[V]{hash: hash(key), key: key, value: value}, 0)
	if added {
		m.size++
	}
	m.root = root
	return m
}

func (n *node[V]) set(l *leaf[V], shift uint) (*node[V], bool) {
	bit := uint32(1) << (l.hash >> shift & mask)
	if n == nil {
		return &node[V]{bitmap: bit, slots: []slot[V]{{leaf: l}}}, true
	}
	at := bits.OnesCount32(n.bitmap & (bit - 1))
	if n.bitmap&bit == 0 {
		out := &node[V]{bitmap: n.bitmap | bit, slots: make([]slot[V], len(n.slots)+1)}
		copy(out.slots, n.slots[:at])
		out.slots[at].leaf = l
		copy(out.slots[at+1:], n.slots[at:])
		return out, true
	}
	out := &node[V]{bitmap: n.bitmap, slots: append([]slot[V](nil), n.slots...)}
	s := &out.slots[at]
	added := true
	switch {
	case s.child != nil:
		s.child, added = s.child.set(l, shift+width)
	case s.leaf.hash == l.hash:
		s.leaf, added = s.leaf.with(l)
	default:
		*s = slot[V]{child: pair(shift+width, s.leaf, l)}
	}
	return out, added
}

// with gives the list with l in the place of its key, or at the end.
func (old *leaf[V]) with(l *leaf[V]) (*leaf[V], bool) {
	if old == nil {
		return l, true
	}
	if old.key == l.key {
		l.next = old.next
		return l, false
	}
	out := *old
	var added bool
	out.next, added = old.next.with(l)
	return &out, added
}

// pair is the node that holds two leaves of different hash.
func pair[V any](shift uint, a, b *leaf[V]) *node[V] {
	i, j := a.hash>>shift&mask, b.hash>>shift&mask
	switch {
	case i == j:
		return &node[V]{bitmap: 1 << i, slots: []slot[V]{{child: pair(shift+width, a, b)}}}
	case i > j:
		a, b = b, a
	}
	return &node[V]{bitmap: 1<<i | 1<<j, slots: []slot[V]{{leaf: a}, {leaf: b}}}
}

// All gives every key and value, in an order that depends only on the keys.
func (m Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { m.root.all(yield) }
}

func (n *node[V]) all(yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	for i := range n.slots {
		s := &n.slots[i]
		if s.child != nil {
			if !s.child.all(yield) {
				return false
			}
			continue
		}
		for l := s.leaf; l != nil; l = l.next {
			if !yield(l.key, l.value) {
				return false
			}
		}
	}
	return true
}
