package portal

import (
	"slices"
	"strings"

	"github.com/tram-exchange/tram/schemas"
)

// Channels by which a document comes that is registered by hand.
var paperChannels = []string{"paper", "mail", "fax", "by-hand", "other"}

// incomingActs reads the forms of what can be done with an incoming document (NĐ 30/2020 Điều 21–24).
var incomingActs = map[string]func(*actInput) schemas.Act{
	"RegisterIncoming": func(in *actInput) schemas.Act {
		return schemas.RegisterIncoming{Register: in.named("register", in.lists.Registers)}
	},
	"RegisterPaper": readPaper,
	"RefuseIncoming": func(in *actInput) schemas.Act {
		return schemas.RefuseIncoming{Reason: in.text("reason", textMost, true)}
	},
	"Present": func(in *actInput) schemas.Act {
		return schemas.Present{To: in.person("to", true), Note: in.text("note", textMost, false)}
	},
	"Assign": func(in *actInput) schemas.Act {
		a := schemas.Assign{InCharge: in.assignee("in_charge", true), Cooperating: in.assignees("cooperating"), Due: in.due(false), Opinion: in.text("opinion", textMost, false)}
		if slices.Contains(a.Cooperating, a.InCharge) {
			in.trouble("form.both")
		}
		return a
	},
	"TransferBack":  func(in *actInput) schemas.Act { return schemas.TransferBack{Reason: in.text("reason", textMost, true)} },
	"StartHandling": func(in *actInput) schemas.Act { return schemas.StartHandling{Note: in.text("note", textMost, false)} },
	"GiveOpinion":   func(in *actInput) schemas.Act { return schemas.GiveOpinion{Text: in.text("text", textMost, true)} },
	"ChangeDeadline": func(in *actInput) schemas.Act {
		return schemas.ChangeDeadline{Due: in.due(true), Reason: in.text("reason", textMost, true)}
	},
	"LinkReply": readReply,
	"FinishHandling": func(in *actInput) schemas.Act {
		return schemas.FinishHandling{Result: in.text("result", textMost, true)}
	},
	"AgreeRecall": func(in *actInput) schemas.Act { return schemas.AgreeRecall{Reason: in.text("reason", textMost, false)} },
	"DeclineRecall": func(in *actInput) schemas.Act {
		return schemas.DeclineRecall{Reason: in.text("reason", textMost, true)}
	},
	"Reopen": func(in *actInput) schemas.Act { return schemas.Reopen{Reason: in.text("reason", textMost, true)} },
}

// readReply reads which document answers: "outgoing:<id>" or "document:<key>" as the form offers them.
func readReply(in *actInput) schemas.Act {
	kind, id, _ := strings.Cut(in.form.Get("reply"), ":")
	switch {
	case in.form.Get("reply") == "":
		in.trouble("form.choose", "field", in.label("reply"))
	case kind == "outgoing" && len(id) <= 64:
		return schemas.LinkReply{Outgoing: id}
	case kind == "document" && isHex(id, 64):
		return schemas.LinkReply{Document: id}
	default:
		in.trouble("form.bad", "field", in.label("reply"))
	}
	return schemas.LinkReply{}
}

// readPaper reads what the clerk writes down of a document that came on paper.
func readPaper(in *actInput) schemas.Act {
	a := schemas.RegisterPaper{
		Register: in.named("register", in.lists.Registers), Channel: in.choice("channel", paperChannels...), FromName: in.text("from_name", lineMost, true),
		Number: in.text("number", 11, false), Notation: in.text("notation", 30, false), Date: in.date("date", true), TypeName: in.text("type_name", 100, true),
		Subject: in.text("subject", 5000, true), Signer: in.text("signer", 100, false), Priority: schemas.Priority(in.number("priority", 4)), Pages: in.number("pages", 9999),
		DueDate: in.date("due_date", false), ReceivedOn: in.date("received_on", true),
	}
	if !a.ReceivedOn.IsZero() && a.ReceivedOn.After(schemas.DateOf(in.now)) {
		in.trouble("form.future", "field", in.label("received_on"))
	}
	if name, code, ok := namedWithCode(a.FromName); ok {
		a.FromName, a.FromCode = name, code
	}
	return a
}

// namedWithCode reads "Name (code)" as the suggestions of agencies write it.
func namedWithCode(s string) (name, code string, ok bool) {
	open := strings.LastIndex(s, " (")
	if open < 0 || !strings.HasSuffix(s, ")") {
		return s, "", false
	}
	code = s[open+2 : len(s)-1]
	if code == "" || strings.ContainsFunc(code, func(r rune) bool { return r >= 0x80 || r == ' ' }) {
		return s, "", false
	}
	return s[:open], code, true
}
