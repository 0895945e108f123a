package gateway

import "time"

// Limits bound what callers can make the node hold, wait for and do. Zero fields take the default beside them.
type Limits struct {
	MaxPackage     int64         // bytes of one package; 512 MiB
	SpoolThreshold int64         // bytes up to which a body stays in memory; 1 MiB
	MaxMemory      int64         // bytes of all bodies in memory; 256 MiB
	MaxSpool       int64         // bytes of all bodies on disk; 4 GiB
	MinFree        uint64        // bytes that must stay free on the store's disk; 1 GiB
	PerClient      int           // hand-ins at once of one client; 64
	Accepting      int           // hand-ins at once over all clients; 1024
	Verifiers      int           // packages parsed and verified at once; number of processors
	DecideTries    int           // rounds of load, decide, append before CodeConflict; 32
	Lease          time.Duration // default lease of a taken entry; 5 min
	LongestLease   time.Duration // longest lease a taker may ask for; 1 h
	LongPoll       time.Duration // longest wait of a mailbox question; 60 s
	Waiters        int           // long polls at once; 4096
	CloseAppend    time.Duration // how long an append may take once decided; 60 s
	ViewLag        time.Duration // how long a reader of a fresh package waits for the views; 2 s
	RevocationWait time.Duration // how long a hand-in waits for what authorities say of revocation; 5 s
	RefusalsPerMin int           // refusal events recorded in a minute, per client; 60
}

func (l Limits) withDefaults(processors int) Limits {
	def(&l.MaxPackage, 512<<20)
	def(&l.SpoolThreshold, 1<<20)
	def(&l.MaxMemory, 256<<20)
	def(&l.MaxSpool, 4<<30)
	def(&l.MinFree, 1<<30)
	def(&l.PerClient, 64)
	def(&l.Accepting, 1024)
	def(&l.Verifiers, max(1, processors))
	def(&l.DecideTries, 32)
	def(&l.Lease, 5*time.Minute)
	def(&l.LongestLease, time.Hour)
	def(&l.LongPoll, time.Minute)
	def(&l.Waiters, 4096)
	def(&l.CloseAppend, time.Minute)
	def(&l.ViewLag, 2*time.Second)
	def(&l.RevocationWait, 5*time.Second)
	def(&l.RefusalsPerMin, 60)
	return l
}

func def[T int | int64 | uint64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
