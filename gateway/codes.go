package gateway

// Codes of refusals. A number is given once and never again, not even when its refusal is no longer used: callers
// and archives keep them. The catalogue has the text; testdata/gateway has one vector for each.
const (
	// 1000–1999: the request and who asks.
	CodeUnauthenticated    = 1001 // no credential
	CodeTokenUnknown       = 1002 // token unknown, expired or revoked
	CodeCertificateUnknown = 1003 // client certificate not in the directory, expired or revoked
	CodeForbidden          = 1004 // known caller, but its capacity does not allow this
	CodeNotFound           = 1005 // does not exist, or not the caller's to see
	CodeMethodNotAllowed   = 1006
	CodeMediaType          = 1007
	CodeParameter          = 1008 // a path or query parameter cannot be read
	CodeTooLarge           = 1009 // body over the limit
	CodeTooSlow            = 1010 // body arrived below the minimum rate
	CodeCutShort           = 1011 // body ended before the announced length, or the client went away
	CodeEmpty              = 1012
	CodeRate               = 1013 // too many requests
	CodeConcurrency        = 1014 // too many at once from one client
	CodeRange              = 1015 // byte range not satisfiable
	CodeCredentials        = 1016 // two credentials of different owners
	CodeDigest             = 1017 // announced digest differs from the digest of what arrived
	CodeNotAcceptable      = 1018
	CodePastBuilding       = 1020 // views as of that time are being made
	CodePastRoom           = 1021 // no room for views as of that time

	// 2000–2999: XML, schema and form.
	CodeMalformed          = 2001
	CodeTruncated          = 2002
	CodeEncoding           = 2003
	CodeDTD                = 2004
	CodeDepth              = 2005
	CodeAttributeSize      = 2006
	CodeDuplicateAttribute = 2007
	CodeNamespace          = 2009
	CodeRequired           = 2011
	CodeLength             = 2012
	CodeDate               = 2013
	CodeFutureDate         = 2014
	CodeValue              = 2015
	CodeRecipientTwice     = 2016
	CodeKindUnknown        = 2017
	CodeAttachment         = 2018
	CodeZipBomb            = 2019
	CodeEntryName          = 2020
	CodeReferenceUnmatched = 2021
	CodeOrganisationCode   = 2022
	CodeTextSize           = 2023
	CodeDuplicateID        = 2024
	CodeUnknownElement     = 2025
	CodeSubmissionNested   = 2026
	CodePrefix             = 2027
	CodeInstance           = 2028
	CodeRepeated           = 2029
	CodeTooMany            = 2030
	CodeHeaderMismatch     = 2031
	CodeAttachmentTwice    = 2032
	CodeArchive            = 2033
	CodeArchiveEncrypted   = 2034
	CodeAttachmentDigest   = 2035
	CodeMissing            = 2036
	CodeStrayText          = 2037
	CodeAttribute          = 2038
	CodeAmbiguousKind      = 2039

	// 3000–3999: signature and trust.
	CodeUnsigned             = 3001
	CodeSignatureInvalid     = 3002
	CodeSignaturePartial     = 3003
	CodeFurtherSignature     = 3004
	CodeAlgorithm            = 3005
	CodeUntrusted            = 3006
	CodeExpired              = 3007
	CodeNotYetValid          = 3008
	CodeWrongOrganisation    = 3009
	CodeWrongPurpose         = 3010
	CodeTrialCertificate     = 3011
	CodeAssurance            = 3012
	CodeSignatureForm        = 3013
	CodePeerReceipt          = 3014
	CodeVoucher              = 3015
	CodeRevoked              = 3016
	CodeDigestMismatch       = 3017
	CodeKeyTooSmall          = 3018
	CodeAdministratorUnknown = 3019
	CodeSuspended            = 3020 // certificate suspended, by the directory or its authority
	CodeRevocationUnknown    = 3021 // policy asks whether the certificate was revoked, and nobody could say
	CodeAuthorityPurpose     = 3022 // authority is not on the trust list for this kind of holder

	// 4000–4999: rules of the exchange.
	CodeSecret            = 4001
	CodeNotSender         = 4002
	CodeSenderUnknown     = 4003
	CodeRecipientsUnknown = 4004
	CodeSenderClosed      = 4005
	CodePeerSpace         = 4006
	CodeDirectoryRule     = 4007
	CodeRecipientClosed   = 4008
	CodeStatusSender      = 4009
	CodeStatusOrder       = 4010
	CodeRecallSender      = 4011
	CodeBusiness          = 4012
	CodeNoRecipients      = 4013
	CodeNotServedHere     = 4016

	CodeDestructionSigner    = 4020
	CodeDestructionUndecided = 4021
	CodeDestructionUnknown   = 4022
	CodeDestructionKept      = 4023
	CodeDestructionTwice     = 4024

	// 5000–5999: state and identity.
	CodeDocumentTaken   = 5001
	CodeHeaderTaken     = 5002
	CodeStatusTaken     = 5003
	CodeDocumentUnknown = 5004
	CodeRecalled        = 5005
	CodeDeliveryState   = 5006
	CodeConflict        = 5008
	CodeDestroyed       = 5009

	CodeDestructionDelivery = 5020
	CodeDestructionHeld     = 5021
	CodeDestructionDecided  = 5022
	CodeDestroyedAgain      = 5023

	// 6000–6999: capacity and state of the node.
	CodeDiskFull = 6001
	CodeBusy     = 6002
	CodeDraining = 6003
	CodeStarting = 6004
	CodeClock    = 6005
	CodeInternal = 6006

	CodeLogBehind = 6010 // a witness has seen more of the log than the node has: an old copy was started
	CodeLogSplit  = 6011 // a witness has seen another history of the log

	CodeStoreAway = 6015 // the cluster that keeps the record does not answer

	// 7000–7999: the daily work of an agency.
	CodeOfficeNone     = 7001 // the agency has no part of its own in the directory
	CodePersonUnknown  = 7002 // nobody of that id works there now
	CodeNotInPlace     = 7003 // no delegation lets the person act in the place of the other
	CodeActStale       = 7004 // somebody else acted meanwhile
	CodeActInterrupted = 7005 // the node stopped before it recorded the act: begin again
	CodeCustodyNone    = 7006 // the node keeps no key of the agency

	// 7100–7149: documents that an agency makes.
	CodeDraftRight      = 7100 // the person's duties do not allow it
	CodeDraftOwn        = 7101 // a step is approved by others than who wrote the draft
	CodeDraftNotSigner  = 7102 // another is to sign
	CodeDraftOrder      = 7103 // not in the phase where it stands
	CodeDraftInChain    = 7104 // it is being approved
	CodeDraftIncomplete = 7105 // something is missing before it can be submitted
	CodeDraftChain      = 7107 // no such chain of approval for the kind
	CodeDraftSigner     = 7108 // who is named cannot sign
	CodeSeries          = 7109 // no such series for the kind
	CodeIssueDate       = 7110 // dated before its signature or the last number of its series, or after today
	CodeDayPast         = 7111 // a day by which something is asked for has passed
	CodeNumbering       = 7112 // it is getting its number
	CodeNumbered        = 7113 // it has its number, series and date
	CodeSealed          = 7114 // it is being sent
	CodeIssued          = 7115 // it was sent
	CodeDraftCancelled  = 7116 // it was given up
	CodeNotSent         = 7117 // nothing to recall
	CodeNotRecipient    = 7118 // it was not sent to these
	CodeRecallAsked     = 7119 // these were asked before
	CodeRelation        = 7120 // it is about something else than an own issued document
	CodeRelationKind    = 7121 // not the kind by which that one is changed
	CodeOriginal        = 7122 // the agency does not have what is to be copied
	CodeCopyForm        = 7123 // the form of copy does not fit
	CodeCopyFixed       = 7124 // a copy has no words of its own to change
	CodeDraftAssignee   = 7125 // no such unit or person works in the agency
	CodeDraftExists     = 7126 // the id is another document's
	CodeReply           = 7127 // it answers what is not in the register, or not for the person to see

	// 7180–7189: numbers.
	CodeNumberContended = 7180 // others took every number first

	// 7200–7249: an agency's own part of the directory. Rules of a change that have to do with nobody's rights are 4007.
	CodeOfficePerson = 7200 // the agency's key in custody signs for a person who may not
	CodeOwnRights    = 7201 // the change would widen the rights of the person who asks
)
