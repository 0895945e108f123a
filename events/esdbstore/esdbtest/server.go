// Package esdbtest is an EventStoreDB in memory for tests: the module's own server stubs over loopback gRPC, so that the
// real client talks to it. Optimistic concurrency, idempotency by event id, reads in both directions, and subscriptions
// with their confirmation, caught-up and checkpoint messages behave as the server's; faults can be switched on.
//
// A Cluster holds the data; each Node is an address of it. Nothing survives the process.
package esdbtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Cluster is the data and the faults that all its nodes share.
type Cluster struct {
	mu      sync.Mutex
	all     []*record
	streams map[string][]*record
	leader  *Node
	changed chan struct{} // closed at the next change of anything
	drops   uint64        // generation of subscriptions
	dropErr error
	faults  []*Fault
	held    map[string]bool
	replay  uint64
	opened  map[string]int
}

type record struct {
	stream   string
	revision uint64
	commit   uint64
	message  *streams.AppendReq_ProposedMessage
	id       [2]int64
}

// NewCluster is an empty one, without nodes.
func NewCluster() *Cluster {
	return &Cluster{streams: map[string][]*record{}, changed: make(chan struct{}), held: map[string]bool{}, opened: map[string]int{}}
}

// Fault is what happens to the next writes to streams with the given prefix.
type Fault struct {
	Prefix  string
	Skip    int        // writes that go well before
	Persist bool       // written all the same
	Code    codes.Code // of the answer
	Times   int        // how many writes
	done    chan struct{}
}

// Fail switches a fault on. The channel is closed when it has happened so many times.
func (c *Cluster) Fail(f Fault) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.done = make(chan struct{})
	c.faults = append(c.faults, &f)
	return f.done
}

// DropSubscriptions ends every subscription with err; nil is an end without an error.
func (c *Cluster) DropSubscriptions(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.dropErr = err
	c.wake()
}

// Hold keeps subscriptions to a stream ("$all" for that) silent until Release: nothing is lost, nothing comes.
func (c *Cluster) Hold(stream string) { c.set(stream, true) }

// Release ends Hold.
func (c *Cluster) Release(stream string) { c.set(stream, false) }

func (c *Cluster) set(stream string, held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[stream] = held
	c.wake()
}

// Replay lets every subscription begin so many events earlier than it was asked to: at least once is not once.
func (c *Cluster) Replay(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replay = n
}

// Subscribed says how many subscriptions to a stream ("$all" for that) there have been.
func (c *Cluster) Subscribed(stream string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened[stream]
}

// AwaitSubscribed returns when there have been more than n subscriptions to a stream.
func (c *Cluster) AwaitSubscribed(ctx context.Context, stream string, n int) error {
	for {
		c.mu.Lock()
		have, changed := c.opened[stream], c.changed
		c.mu.Unlock()
		if have > n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Len is the number of events in a stream.
func (c *Cluster) Len(stream string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams[stream])
}

// AwaitLen returns when a stream has at least n events.
func (c *Cluster) AwaitLen(ctx context.Context, stream string, n int) error {
	for {
		c.mu.Lock()
		have, changed := len(c.streams[stream]), c.changed
		c.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Tamper changes the bytes of a stored event, as nobody should be able to.
func (c *Cluster) Tamper(stream string, revision int, change func([]byte) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.streams[stream][revision]
	r.message.Data = change(append([]byte(nil), r.message.Data...))
}

func (c *Cluster) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Node is one address of a cluster. The first is its leader.
type Node struct {
	streams.UnimplementedStreamsServer
	serverfeatures.UnimplementedServerFeaturesServer
	cluster  *Cluster
	listener net.Listener
	server   *grpc.Server
}

// Start adds a node on a loopback port.
func (c *Cluster) Start() (*Node, error) { return c.start("127.0.0.1:0") }

// Restart puts a stopped node's successor on its address.
func (n *Node) Restart() (*Node, error) {
	next, err := n.cluster.start(n.listener.Addr().String())
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if err == nil && n.cluster.leader == n {
		n.cluster.leader = next
	}
	return next, err
}

func (c *Cluster) start(address string) (*Node, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	n := &Node{cluster: c, listener: l, server: grpc.NewServer(grpc.MaxRecvMsgSize(32<<20),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))}
	streams.RegisterStreamsServer(n.server, n)
	serverfeatures.RegisterServerFeaturesServer(n.server, n)
	c.mu.Lock()
	if c.leader == nil {
		c.leader = n
	}
	c.mu.Unlock()
	go n.server.Serve(l)
	return n, nil
}

// Connection is the client's connection string for this node.
func (n *Node) Connection() string { return "esdb://" + n.listener.Addr().String() + "?tls=false" }

// Stop resets all connections and frees the port.
func (n *Node) Stop() { n.server.Stop() }

// Lead makes this node the leader: others refuse what needs one and name it.
func (n *Node) Lead() {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	n.cluster.leader = n
	n.cluster.drops++
	n.cluster.dropErr = status.Error(codes.Unavailable, "leader has changed")
	n.cluster.wake()
}

// needsLeader answers as a follower does.
func (n *Node) needsLeader(ctx context.Context, set func(metadata.MD)) error {
	n.cluster.mu.Lock()
	leader := n.cluster.leader
	n.cluster.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	if leader == n || len(md.Get("requires-leader")) == 0 {
		return nil
	}
	host, port, err := net.SplitHostPort(leader.listener.Addr().String())
	if err != nil {
		return err
	}
	set(metadata.Pairs("exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", port))
	return status.Error(codes.NotFound, "Leader info available")
}

// GetSupportedMethods implements the server features.
func (n *Node) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: "24.10.0"}, nil
}

// Append implements the one write of the protocol.
func (n *Node) Append(in streams.Streams_AppendServer) error {
	if err := n.needsLeader(in.Context(), in.SetTrailer); err != nil {
		return err
	}
	var options *streams.AppendReq_Options
	var list []*streams.AppendReq_ProposedMessage
	size := 0
	for {
		req, err := in.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if o := req.GetOptions(); o != nil {
			options = o
		} else {
			m := req.GetProposedMessage()
			size += len(m.Data) + len(m.CustomMetadata)
			list = append(list, m)
		}
	}
	if options == nil {
		return status.Error(codes.InvalidArgument, "no options")
	}
	if size > 1<<20 {
		return status.Errorf(codes.InvalidArgument, "Maximum Append Size of %d Exceeded", 1<<20)
	}
	resp, err := n.cluster.append(options, list)
	if err != nil {
		return err
	}
	return in.SendAndClose(resp)
}

func (c *Cluster) append(o *streams.AppendReq_Options, list []*streams.AppendReq_ProposedMessage) (*streams.AppendResp, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stream := string(o.StreamIdentifier.StreamName)
	fault := c.fault(stream)
	if fault != nil && !fault.Persist {
		return nil, status.Error(fault.Code, "fault before the write")
	}
	have := c.streams[stream]
	current := int64(len(have)) - 1
	expected, exact := current, false
	switch e := o.ExpectedStreamRevision.(type) {
	case *streams.AppendReq_Options_Revision:
		expected, exact = int64(e.Revision), true
	case *streams.AppendReq_Options_NoStream:
		expected, exact = -1, true
	}
	switch {
	case exact && written(have, expected, list):
		current = expected + int64(len(list)) // idempotent: it is there already
	case expected != current:
		return conflict(expected, current), nil
	default:
		for _, m := range list {
			r := &record{stream: stream, revision: uint64(len(c.streams[stream])), commit: uint64(len(c.all)+1) * 100, message: m, id: idOf(m)}
			c.all = append(c.all, r)
			c.streams[stream] = append(c.streams[stream], r)
		}
		current += int64(len(list))
		c.wake()
	}
	if fault != nil {
		return nil, status.Error(fault.Code, "fault after the write")
	}
	at := uint64(len(c.all)) * 100
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(current)},
		PositionOption:        &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: at, PreparePosition: at}},
	}}}, nil
}

// fault takes the next fault of a stream.
func (c *Cluster) fault(stream string) *Fault {
	for i, f := range c.faults {
		if !strings.HasPrefix(stream, f.Prefix) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times--; f.Times == 0 {
			c.faults = append(c.faults[:i:i], c.faults[i+1:]...)
			close(f.done)
		}
		return f
	}
	return nil
}

func idOf(m *streams.AppendReq_ProposedMessage) [2]int64 {
	s := m.Id.GetStructured()
	return [2]int64{s.GetMostSignificantBits(), s.GetLeastSignificantBits()}
}

func written(have []*record, expected int64, list []*streams.AppendReq_ProposedMessage) bool {
	if len(list) == 0 || int64(len(have)) < expected+1+int64(len(list)) {
		return false
	}
	for i, m := range list {
		if have[expected+1+int64(i)].id != idOf(m) {
			return false
		}
	}
	return true
}

func conflict(expected, current int64) *streams.AppendResp {
	w := &streams.AppendResp_WrongExpectedVersion{
		CurrentRevisionOption:  &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)},
		ExpectedRevisionOption: &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)},
	}
	if current < 0 {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
	}
	if expected < 0 {
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: w}}
}

func (r *record) read() *streams.ReadResp {
	md := map[string]string{"created": strconv.FormatInt(17_000_000_000_000_000+int64(r.commit), 10)}
	for k, v := range r.message.Metadata {
		md[k] = v
	}
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
		Event: &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: r.message.Id, StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.stream)}, StreamRevision: r.revision,
			PreparePosition: r.commit, CommitPosition: r.commit, Metadata: md, CustomMetadata: r.message.CustomMetadata, Data: r.message.Data,
		},
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: r.commit},
	}}}
}

// Read implements reads and subscriptions.
func (n *Node) Read(req *streams.ReadReq, out streams.Streams_ReadServer) error {
	if err := n.needsLeader(out.Context(), out.SetTrailer); err != nil {
		return err
	}
	o := req.Options
	if o.GetSubscription() != nil {
		return n.cluster.subscribe(o, out)
	}
	if o.GetStream() == nil {
		return status.Error(codes.Unimplemented, "only subscriptions to $all")
	}
	n.cluster.mu.Lock()
	list := n.cluster.streams[string(o.GetStream().StreamIdentifier.StreamName)]
	n.cluster.mu.Unlock()
	if len(list) == 0 {
		return out.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{StreamIdentifier: o.GetStream().StreamIdentifier}}})
	}
	at, step := 0, 1
	switch r := o.GetStream().RevisionOption.(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		at = int(min(r.Revision, uint64(len(list))))
	case *streams.ReadReq_Options_StreamOptions_End:
		at = len(list) - 1
	}
	if o.ReadDirection == streams.ReadReq_Options_Backwards {
		step = -1
	}
	for count := o.GetCount(); count > 0 && at >= 0 && at < len(list); count-- {
		if err := out.Send(list[at].read()); err != nil {
			return err
		}
		at += step
	}
	return nil
}

// subscribe serves one subscription until it is dropped.
func (c *Cluster) subscribe(o *streams.ReadReq_Options, out streams.Streams_ReadServer) error {
	name, next := "$all", 0
	c.mu.Lock()
	if st := o.GetStream(); st != nil {
		name = string(st.StreamIdentifier.StreamName)
		switch r := st.RevisionOption.(type) {
		case *streams.ReadReq_Options_StreamOptions_Revision:
			next = int(r.Revision) + 1
		case *streams.ReadReq_Options_StreamOptions_End:
			next = len(c.streams[name])
		}
	} else {
		switch p := o.GetAll().AllOption.(type) {
		case *streams.ReadReq_Options_AllOptions_Position:
			next = int(p.Position.CommitPosition / 100)
		case *streams.ReadReq_Options_AllOptions_End:
			next = len(c.all)
		}
	}
	next = max(0, next-int(c.replay))
	generation := c.drops
	c.opened[name]++
	id := fmt.Sprint(name, "/", c.opened[name])
	c.wake()
	c.mu.Unlock()
	err := out.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: id}}})
	prefixes := o.GetFilter().GetStreamIdentifier().GetPrefix()
	live := false
	for err == nil {
		c.mu.Lock()
		list, changed, held, dropped, why := c.all, c.changed, c.held[name], c.drops != generation, c.dropErr
		if name != "$all" {
			list = c.streams[name]
		}
		c.mu.Unlock()
		if dropped {
			return why
		}
		if held {
			list = nil
		}
		for ; next < len(list) && err == nil; next++ {
			if r := list[next]; matches(r.stream, prefixes) {
				live, err = false, out.Send(r.read())
			} else {
				err = out.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: r.commit, PreparePosition: r.commit}}})
			}
		}
		if err == nil && !live && !held {
			live, err = true, out.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}})
		}
		select {
		case <-changed:
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
	return err
}

func matches(stream string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(stream, p) {
			return true
		}
	}
	return len(prefixes) == 0
}
