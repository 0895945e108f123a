package httpapi_test

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/gateway"
)

// inside is how much the node holds.
type inside struct {
	events   uint64
	packages int64 // bytes in segment files
}

func (w *world) inside() inside {
	w.t.Helper()
	in := inside{events: w.store.Head().Size}
	files, err := filepath.Glob(filepath.Join(w.dir, "node", "packages", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			in.packages += st.Size()
		}
	}
	return in
}

// mustHoldNothingOf checks that a refusal left nothing behind but, where the design says so, the fact of it.
func (w *world) mustHoldNothingOf(b []byte, before, after inside, code int) {
	t := w.t
	t.Helper()
	sum := events.Digest(sha256.Sum256(b))
	refusals := 0
	for i := before.events; i < after.events; i++ {
		e, err := w.store.Event(w.ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if e.Statement.Name == validation.NameKept {
			continue // what an authority said is kept, whatever it was asked for
		}
		if refusals++; e.Statement.Name != refusal.NameRecorded || refusals > 1 {
			t.Errorf("the refusal left an event %s", e.Statement.Name)
			continue
		}
		var d refusal.Recorded
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			t.Fatal(err)
		}
		if d.Code != strconv.Itoa(code) || d.Caller == "" || e.Statement.Package != nil || e.Facts != nil {
			t.Errorf("refusal event %s of client %s", e.Statement.Data, e.Statement.Client)
		}
		if secret := code == gateway.CodeSecret; secret != (d.Digest == nil) || !secret && *d.Digest != sum {
			t.Errorf("refusal %d recorded with digest %v", code, d.Digest)
		}
	}
	if code >= 3000 && code < 6000 && refusals == 0 && recordedAnyway(code) {
		t.Error("the refusal was not recorded")
	}
	if after.packages != before.packages {
		t.Errorf("segments grew by %d bytes", after.packages-before.packages)
	}
	if positions, err := w.store.FindPackage(w.ctx, sum); len(b) > 0 && (err != nil || len(positions) > 0) && code >= 2000 && code < 5000 {
		t.Errorf("the refused package is in the store at %v: %v", positions, err)
	}
	for _, m := range []string{"tram_spool_memory_bytes", "tram_spool_disk_bytes"} {
		if n := w.gauge(m); n != 0 && code != gateway.CodeConcurrency {
			t.Errorf("%s is %v after the answer", m, n)
		}
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "spool*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v %v", left, err)
	}
}

// recordedAnyway are the refusals that are always about a package whose sender was readable.
func recordedAnyway(code int) bool {
	switch code {
	case gateway.CodePeerReceipt, gateway.CodeDeliveryState, gateway.CodeConflict, gateway.CodeDestroyed, gateway.CodeRevocationUnknown:
		return false
	}
	return true
}

// counted reads the sum of a counter over what has this label.
func (w *world) counted(name, label string) (sum float64) {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// gauge reads one metric of the node.
func (w *world) gauge(name string) float64 {
	w.t.Helper()
	if w.metrics == nil {
		return 0
	}
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	w.t.Fatalf("no metric %s", name)
	return 0
}
