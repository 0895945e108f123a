package router_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
)

// worldStore is the record of a node.
type worldStore interface {
	events.Store
	Close() error
}

// TestOverACluster runs scenarios of nodes with a record on their disk again with nodes whose record lies in a cluster each.
func TestOverACluster(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"DocumentReachesEveryRecipientOnce": TestDocumentReachesEveryRecipientOnce, "FollowingAgainRecordsNothing": TestFollowingAgainRecordsNothing,
		"StatusGoesBackToTheSender": TestStatusGoesBackToTheSender, "Recall": TestRecall, "RecallBeforeItsDocument": TestRecallBeforeItsDocument,
		"AnswersToARecallComeBack": TestAnswersToARecallComeBack, "Update": TestUpdate, "Replace": TestReplace,
		"QueueWaitsAndDrains": TestQueueWaitsAndDrains, "KilledAtEachStep": TestKilledAtEachStep,
	} {
		t.Run(name, f)
	}
}

// overCluster puts the records of a world of TestOverACluster into clusters.
func overCluster(w *world) {
	t, ok := w.t.(*testing.T)
	if !ok || !strings.HasPrefix(t.Name(), "TestOverACluster/") {
		return
	}
	servers := map[string]*esdbtest.Node{}
	w.openStore = func(n *node) (worldStore, error) {
		server := servers[n.name]
		if server == nil {
			var err error
			if server, err = esdbtest.NewCluster().Start(); err != nil {
				return nil, err
			}
			servers[n.name] = server
			t.Cleanup(server.Stop)
		}
		objects, err := esdbstore.NewFolder(filepath.Join(w.dir, n.name))
		if err != nil {
			return nil, err
		}
		o := n.options
		return esdbstore.Open(context.Background(), esdbstore.Options{
			Origin: o.Origin, Connection: server.Connection(), Objects: objects, LogKey: o.LogKey, NodeKey: o.NodeKey, NodeChain: o.NodeChain, Now: o.Now,
		})
	}
}
