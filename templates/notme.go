package templates

// NotMe is what the link of a notice opens: a button, since programs that look
// into messages open links too.
//
// Field: FieldToken (hidden).
type NotMe struct {
	Address string // whom the message was about
	Token   string
}

// Name of the screen.
func (NotMe) Name() string { return "not-me" }

func (NotMe) heading(*Frame) heading { return heading{key: "notme.title"} }

// NotMeDone says what was done, and what to do next.
type NotMeDone struct {
	// User is the name of the member whom an admin did it for; empty for oneself.
	User string
	// Device says that a device of one's own has to be connected before the password
	// is set anew: afterwards an e-mail code alone connects none for a day.
	Device bool
}

// Name of the screen.
func (NotMeDone) Name() string { return "not-me-done" }

func (NotMeDone) heading(*Frame) heading { return heading{key: "notme.done_title"} }
