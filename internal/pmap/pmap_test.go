package pmap

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestMapAgreesWithGoMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Map[int]
		model := map[string]int{}
		type version struct {
			m     Map[int]
			model map[string]int
		}
		var old []version
		for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
			key := strconv.Itoa(rapid.IntRange(0, 100).Draw(t, "key"))
			m = m.Set(key, i)
			model[key] = i
			if i%50 == 0 {
				old = append(old, version{m, maps.Clone(model)})
			}
		}
		old = append(old, version{m, model})
		for _, v := range old {
			if got := maps.Collect(v.m.All()); !maps.Equal(got, v.model) {
				t.Fatalf("got %v, expected %v", got, v.model)
			}
			if v.m.Len() != len(v.model) {
				t.Fatalf("got %d keys, expected %d", v.m.Len(), len(v.model))
			}
			for key, want := range v.model {
				if got, ok := v.m.Get(key); !ok || got != want {
					t.Fatalf("%s: got %d, %v, expected %d", key, got, ok, want)
				}
			}
			if _, ok := v.m.Get("absent"); ok {
				t.Fatal("found a key that was never set")
			}
		}
	})
}

func TestFormDependsOnContentOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(rapid.String(), rapid.ID[string]).Draw(t, "keys")
		order := rapid.Permutation(keys).Draw(t, "order")
		var a, b Map[string]
		for _, k := range keys {
			a = a.Set(k, k)
		}
		for _, k := range order {
			b = b.Set(k, "other").Set(k, k)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("order of setting shows for %q and %q", keys, order)
		}
	})
}

// Keys of one hash cannot be found by search, so the node is driven directly.
func TestCollision(t *testing.T) {
	var n *node[int]
	for i := range 4 {
		var added bool
		if n, added = n.set(&leaf[int]{hash: 7, key: fmt.Sprint("key", i), value: i}, 0); !added {
			t.Fatalf("key%d was not added", i)
		}
	}
	before := n
	n, added := n.set(&leaf[int]{hash: 7, key: "key2", value: 20}, 0)
	if added {
		t.Fatal("key2 was added twice")
	}
	n, _ = n.set(&leaf[int]{hash: 7 | 1<<60, key: "deep", value: 5}, 0) // differs only in a late level
	got := map[string]int{}
	n.all(func(k string, v int) bool { got[k] = v; return true })
	if want := map[string]int{"key0": 0, "key1": 1, "key2": 20, "key3": 3, "deep": 5}; !maps.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
	clear(got)
	before.all(func(k string, v int) bool { got[k] = v; return true })
	if want := map[string]int{"key0": 0, "key1": 1, "key2": 2, "key3": 3}; !maps.Equal(got, want) {
		t.Errorf("older map: got %v, expected %v", got, want)
	}
}

func TestAllStops(t *testing.T) {
	var m Map[int]
	for i := range 100 {
		m = m.Set(strconv.Itoa(i), i)
	}
	n := 0
	for range m.All() {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("got %d steps, expected 10", n)
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	var m Map[int]
	for i := range 10_000 {
		m = m.Set(strconv.Itoa(i), i)
	}
	if n := testing.AllocsPerRun(100, func() { m.Get("7816") }); n != 0 {
		t.Errorf("got %v allocations, expected 0", n)
	}
}

func BenchmarkGet(b *testing.B) {
	var m Map[int]
	for i := range 10_000 {
		m = m.Set(strconv.Itoa(i), i)
	}
	for b.Loop() {
		m.Get("7816")
	}
}

func BenchmarkSet(b *testing.B) {
	var m Map[int]
	for i := range 10_000 {
		m = m.Set(strconv.Itoa(i), i)
	}
	for b.Loop() {
		m.Set("7816", 1)
	}
}
