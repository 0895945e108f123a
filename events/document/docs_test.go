package document_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/events/witnessing"
)

// kinds are all events of all kinds with their data and facts.
var kinds = map[string][2]any{
	directory.NameChangeAccepted:      {directory.ChangeAccepted{}, directory.ChangeFacts{}},
	directory.NameOrganisationAdded:   {directory.OrganisationAdded{}, directory.OrganisationFacts{}},
	directory.NameOrganisationChanged: {directory.OrganisationChanged{}, directory.OrganisationFacts{}},
	directory.NameOrganisationClosed:  {directory.OrganisationClosed{}, nil},
	directory.NameCodeAdded:           {directory.CodeAdded{}, nil},
	directory.NameCodeRemoved:         {directory.CodeRemoved{}, nil},
	directory.NameCertificateEnrolled: {directory.CertificateEnrolled{}, nil},
	directory.NameCertificateRevoked:  {directory.CertificateRevoked{}, directory.ReasonFacts{}},
	directory.NameClientRegistered:    {directory.ClientRegistered{}, nil},
	directory.NameClientRemoved:       {directory.ClientRemoved{}, nil},
	directory.NamePeerAdded:           {directory.PeerSet{}, directory.PeerFacts{}},
	directory.NamePeerChanged:         {directory.PeerSet{}, directory.PeerFacts{}},
	directory.NameReadingGranted:      {directory.ReadingGranted{}, directory.ReasonFacts{}},
	directory.NameReadingRevoked:      {directory.ReadingRevoked{}, nil},
	directory.NameAuthorityTrusted:    {directory.AuthorityTrusted{}, directory.AuthorityFacts{}},
	directory.NameAuthorityDistrusted: {directory.AuthorityDistrusted{}, directory.ReasonFacts{}},
	directory.NamePolicySet:           {directory.PolicySet{}, nil},
	directory.NameUnitSet:             {directory.UnitSet{}, directory.WordFacts{}},
	directory.NameUnitClosed:          {directory.UnitClosed{}, nil},
	directory.NamePersonSet:           {directory.PersonSet{}, directory.PersonFacts{}},
	directory.NamePersonLeft:          {directory.PersonLeft{}, nil},
	directory.NameDelegated:           {directory.Delegated{}, directory.ReasonFacts{}},
	directory.NameDelegationWithdrawn: {directory.DelegationWithdrawn{}, nil},
	directory.NameRegisterSet:         {directory.RegisterSet{}, directory.WordFacts{}},
	directory.NameSeriesSet:           {directory.SeriesSet{}, directory.WordFacts{}},
	directory.NameChainSet:            {directory.ChainSet{}, directory.WordFacts{}},
	directory.NameFilePlanSet:         {directory.FilePlanSet{}, directory.WordFacts{}},
	directory.NameRetentionSet:        {directory.RetentionSet{}, directory.WordFacts{}},
	directory.NameDeadlinesSet:        {directory.DeadlinesSet{}, nil},
	directory.NameCalendarSet:         {directory.CalendarSet{}, nil},
	policy.NameSet:                    {policy.Set{}, nil},
	document.NameReceived:             {document.Received{}, document.Facts{}},
	document.NameResent:               {document.Resent{}, nil},
	document.NameStatusReported:       {document.StatusReported{}, document.StatusFacts{}},
	document.NameRecalled:             {document.Recalled{}, nil},
	document.NameUpdated:              {document.Updated{}, nil},
	document.NameReplaced:             {document.Replaced{}, nil},
	delivery.NameOffered:              {delivery.Offered{}, nil},
	delivery.NameTaken:                {delivery.Taken{}, nil},
	delivery.NameAcknowledged:         {delivery.Acknowledged{}, nil},
	delivery.NameWithdrawn:            {delivery.Withdrawn{}, nil},
	delivery.NameMarked:               {delivery.Marked{}, nil},
	delivery.NameForwarded:            {delivery.Forwarded{}, nil},
	delivery.NameRetrying:             {delivery.Retrying{}, nil},
	delivery.NameFailed:               {delivery.Failed{}, nil},
	submission.NameIDBound:            {submission.IDBound{}, nil},
	refusal.NameRecorded:              {refusal.Recorded{}, nil},
	validation.NameKept:               {validation.Kept{}, nil},
	timestamp.NameStamped:             {timestamp.Stamped{}, nil},
	destruction.NameDecided:           {destruction.Decided{}, destruction.Facts{}},
	destruction.NameExecuted:          {destruction.Executed{}, nil},
	logbook.NameBegun:                 {logbook.Begun{}, logbook.Reason{}},
	logbook.NameKeyRotated:            {logbook.KeyRotated{}, nil},
	logbook.NameKeyBound:              {logbook.KeyBound{}, nil},
	incoming.NamePaperEntered:         {incoming.PaperEntered{}, incoming.PaperFacts{}},
	incoming.NameRegistrationAsked:    {incoming.RegistrationAsked{}, nil},
	incoming.NameNumberChosen:         {incoming.NumberChosen{}, nil},
	incoming.NameRegistered:           {incoming.Registered{}, nil},
	incoming.NameRefused:              {incoming.Refused{}, incoming.ReasonFacts{}},
	incoming.NamePresented:            {incoming.Presented{}, incoming.NoteFacts{}},
	incoming.NameAssigned:             {incoming.Assigned{}, incoming.AssignedFacts{}},
	incoming.NameTransferredBack:      {incoming.TransferredBack{}, incoming.ReasonFacts{}},
	incoming.NameHandlingStarted:      {incoming.HandlingStarted{}, incoming.NoteFacts{}},
	incoming.NameOpinionGiven:         {incoming.OpinionGiven{}, incoming.OpinionFacts{}},
	incoming.NameDeadlineChanged:      {incoming.DeadlineChanged{}, incoming.ReasonFacts{}},
	incoming.NameReplyLinked:          {incoming.ReplyLinked{}, nil},
	incoming.NameFinished:             {incoming.Finished{}, incoming.FinishedFacts{}},
	incoming.NameRecallAnswered:       {incoming.RecallAnswered{}, incoming.ReasonFacts{}},
	incoming.NameReopened:             {incoming.Reopened{}, incoming.ReasonFacts{}},
	incoming.NameWithdrawn:            {incoming.Withdrawn{}, nil},
	dossier.NameOpened:                {dossier.Opened{}, dossier.OpenedFacts{}},
	dossier.NameNumberChosen:          {dossier.NumberChosen{}, nil},
	dossier.NameNumbered:              {dossier.Numbered{}, nil},
	dossier.NameClassified:            {dossier.Classified{}, dossier.ClassifiedFacts{}},
	dossier.NameItemAdded:             {dossier.ItemAdded{}, dossier.ItemFacts{}},
	dossier.NameItemRemoved:           {dossier.ItemRemoved{}, dossier.ReasonFacts{}},
	dossier.NameOpinionGiven:          {dossier.OpinionGiven{}, dossier.TextFacts{}},
	dossier.NameTaskGiven:             {dossier.TaskGiven{}, dossier.TextFacts{}},
	dossier.NameTaskFinished:          {dossier.TaskFinished{}, dossier.ResultFacts{}},
	dossier.NameDecisionRecorded:      {dossier.DecisionRecorded{}, dossier.TextFacts{}},
	dossier.NameHandedOver:            {dossier.HandedOver{}, dossier.ReasonFacts{}},
	dossier.NameClosed:                {dossier.Closed{}, dossier.NoteFacts{}},
	dossier.NameReopened:              {dossier.Reopened{}, dossier.ReasonFacts{}},
	reading.NameOpened:                {reading.Opened{}, nil},
	witnessing.NameContradiction:      {witnessing.Contradiction{}, nil},
	outgoing.NameOpened:               {outgoing.Opened{}, nil},
	outgoing.NameRevised:              {outgoing.Revised{}, outgoing.RevisedFacts{}},
	outgoing.NameOpinionAsked:         {outgoing.OpinionAsked{}, outgoing.OpinionAskedFacts{}},
	outgoing.NameOpinionGiven:         {outgoing.OpinionGiven{}, outgoing.OpinionGivenFacts{}},
	outgoing.NameSubmitted:            {outgoing.Submitted{}, outgoing.NoteFacts{}},
	outgoing.NameApproved:             {outgoing.Approved{}, outgoing.ApprovedFacts{}},
	outgoing.NameSentBack:             {outgoing.SentBack{}, outgoing.SentBackFacts{}},
	outgoing.NameSigned:               {outgoing.Signed{}, outgoing.ApprovedFacts{}},
	outgoing.NameIssueAsked:           {outgoing.IssueAsked{}, outgoing.IssueAskedFacts{}},
	outgoing.NameNumberChosen:         {outgoing.NumberChosen{}, nil},
	outgoing.NameNumbered:             {outgoing.Numbered{}, outgoing.NumberedFacts{}},
	outgoing.NameSealed:               {outgoing.Sealed{}, nil},
	outgoing.NameSendRefused:          {outgoing.SendRefused{}, nil},
	outgoing.NameSent:                 {outgoing.Sent{}, nil},
	outgoing.NameCancelled:            {outgoing.Cancelled{}, outgoing.ReasonFacts{}},
	outgoing.NameRecallAsked:          {outgoing.RecallAsked{}, outgoing.ReasonFacts{}},
	numbering.NameTaken:               {numbering.Taken{}, nil},
	numbering.NameVoided:              {numbering.Voided{}, numbering.VoidedFacts{}},
}

// docs/events.md has a section for each event, with exactly the fields of its data, in their order, and opt. where they may
// be missing; and it names every field of the facts.
func TestDocsSayWhatIsRecorded(t *testing.T) {
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(text), "\n### ")[1:] {
		name, body, _ := strings.Cut(s, "\n")
		if _, ok := kinds[name]; !ok {
			t.Errorf("docs describe %q, which no kind has", name)
		}
		body, _, _ = strings.Cut(body, "\n## ")
		sections[name] = body
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\*opt\\.\\*)?")
	for name, kind := range kinds {
		body, ok := sections[name]
		if !ok {
			t.Errorf("docs do not describe %s", name)
			continue
		}
		var got, want []string
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1]+m[2])
		}
		typ := reflect.TypeOf(kind[0])
		for _, f := range reflect.VisibleFields(typ) {
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || field == "-" {
				continue
			}
			if strings.HasPrefix(options, "omit") {
				field += "*opt.*"
			}
			want = append(want, field)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: docs have %v, expected %v", name, got, want)
		}
		if kind[1] == nil {
			continue
		}
		_, facts, _ := strings.Cut(body, "Facts:")
		typ = reflect.TypeOf(kind[1])
		for i := range typ.NumField() {
			field, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(facts, "`"+field+"`") {
				t.Errorf("%s: docs do not name the fact %s", name, field)
			}
		}
	}
}
