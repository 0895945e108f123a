package portal

import (
	"time"
)

// Witnesses is who stands behind this node's log, and whose logs this node stands behind.
type Witnesses struct {
	Origin    string
	Needed    int    // cosignatures that the policy asks for
	Of        int    // witnesses that can count
	Binding   bool   // nothing is published below that
	Witnessed uint64 // size of the newest head with the needed cosignatures; 0: none yet
	Ours      []Witness
	Key       string // verifier key of this node as a witness; empty: it is none
	Others    []WitnessedLog
	Alarms    []LogAlarm // the newest first
}

// Witness is one of those who cosign this node's log.
type Witness struct {
	Name  string
	Key   string    // verifier key
	Size  uint64    // cosigned last; 0: never since the start
	At    time.Time // as it said
	State string    // StateOK, StateWarn, StateBad
	Error string    // of the last question
	Since time.Time // failing since
}

// WitnessedLog is a log that this node cosigns.
type WitnessedLog struct {
	Origin string
	Name   string
	Size   uint64 // cosigned last; 0: never
	At     time.Time
	Bad    bool // something is recorded against it
}

// Kinds of LogAlarm.
const (
	AlarmSplit    = "split"    // two histories of one size
	AlarmRollback = "rollback" // a history was left and gone on from an earlier point
	AlarmBehind   = "behind"   // this node's own log is shorter than a witness has seen it
)

// LogAlarm is a contradiction that a log has shown.
type LogAlarm struct {
	Log      string
	Own      bool   // it is this node's own log, and has stopped
	Kind     string // Alarm*
	Size     uint64 // at which the histories differ, or that was seen elsewhere
	First    string // signed checkpoint
	Second   string // signed checkpoint; empty if the witness has shown none
	Position uint64 // of the event in this node's log; not for Own
	At       time.Time
	Detail   string // for the operator
}

type witnessBody struct {
	Witnesses
	Alarmed []alarmLine
}

type alarmLine struct {
	LogAlarm
	Text string
}

// witnesses puts words to what the node knows.
func (p *Portal) witnesses(v *visit) (witnessBody, error) {
	w, err := p.cfg.Node.Witnesses(v.ctx())
	if err != nil {
		return witnessBody{}, err
	}
	for i := range w.Ours { // a state that is no known one counts as broken: nothing is hidden
		if one := &w.Ours[i]; one.State != StateOK && one.State != StateWarn {
			one.State = StateBad
		}
	}
	b := witnessBody{Witnesses: w}
	for _, a := range w.Alarms {
		key := "alarm." + a.Kind
		if a.Own && a.Kind == AlarmSplit {
			key = "alarm.own." + AlarmSplit
		}
		line := alarmLine{LogAlarm: a, Text: a.Kind}
		if v.words.has(key) {
			line.Text = v.words.say(key, "n", int64(a.Size))
		}
		b.Alarmed = append(b.Alarmed, line)
	}
	return b, nil
}
