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
type NotMeDone struct{}

// Name of the screen.
func (NotMeDone) Name() string { return "not-me-done" }

func (NotMeDone) heading(*Frame) heading { return heading{key: "notme.done_title"} }
