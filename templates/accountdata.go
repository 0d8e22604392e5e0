package templates

import "time"

// Values of FieldDo on the page of one's own data.
const (
	DoAskExport  = "ask-export"
	DoTakeExport = "take-export"
)

// Keys of the sentences that these forms may come back with.
const (
	ErrAddressSame  = "error.address.same"  // it is the present one
	ErrAddressOften = "error.address.often" // changed too often lately
	ErrAddressTaken = "error.address.taken" // somebody got it meanwhile
	ErrEraseConfirm = "error.erase.confirm" // not the address of who is signed in
)

// AccountEmail changes one's own address.
//
// Field: FieldEmail.
type AccountEmail struct {
	Address string // the present one
	Value   string // as it was typed
	Asked   string // that waits for its mailbox; empty for none
	Until   time.Time
}

// Name of the screen.
func (AccountEmail) Name() string { return "account-email" }

// Section of the navigation.
func (AccountEmail) Section() Section { return AccountProfileSection }

func (AccountEmail) heading(*Frame) heading { return heading{key: "account.email.title"} }

// AccountEmailConfirm is what the link in the message to a new address opens: a
// button, since programs that look into messages open links too.
//
// Field: FieldToken (hidden).
type AccountEmailConfirm struct {
	Address, To string
	Token       string
	OtherUser   bool // the link is not for who is signed in here; nothing else is given then
}

// Name of the screen.
func (AccountEmailConfirm) Name() string { return "account-email-confirm" }

// Section of the navigation.
func (AccountEmailConfirm) Section() Section { return AccountProfileSection }

func (AccountEmailConfirm) heading(*Frame) heading {
	return heading{key: "account.email.confirm_title"}
}

// AccountData is what somebody may do about all that is held about him.
//
// Field: FieldID (hidden), of the export.
type AccountData struct {
	ExportID  string // that waits; empty for none
	Until     time.Time
	LastAdmin bool // who has to make another one first
}

// Name of the screen.
func (AccountData) Name() string { return "account-data" }

// Section of the navigation.
func (AccountData) Section() Section { return AccountDataSection }

func (AccountData) heading(*Frame) heading { return heading{key: "account.nav.data"} }

// AccountErase says what erasing one's own user comes to, and asks for the
// address before.
//
// Field: FieldConfirm.
type AccountErase struct {
	Address, Account string
	Value            string // as it was typed
}

// Name of the screen.
func (AccountErase) Name() string { return "account-erase" }

// Section of the navigation.
func (AccountErase) Section() Section { return AccountDataSection }

func (AccountErase) heading(*Frame) heading { return heading{key: "account.erase.title"} }
