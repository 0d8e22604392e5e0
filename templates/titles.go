package templates

// heading is the h1 of a page and the beginning of its title: a key and its
// placeholders as the page shows them.
type heading struct {
	key  string
	args []any
}

// titled is what every page of this package is: it knows its heading.
type titled interface{ heading(f *Frame) heading }

func (SelectAccount) heading(*Frame) heading       { return heading{key: "select.title"} }
func (SignIn) heading(*Frame) heading              { return heading{key: "signin.title"} }
func (TwoStepIntroduction) heading(*Frame) heading { return heading{key: "intro.title"} }
func (VerifyEmail) heading(*Frame) heading         { return heading{key: "verify.title"} }
func (InstallApp) heading(*Frame) heading          { return heading{key: "install.title"} }
func (ConnectDevice) heading(*Frame) heading       { return heading{key: "connect.title"} }
func (SetupCode) heading(*Frame) heading           { return heading{key: "setup.title"} }
func (RecoveryCode) heading(*Frame) heading        { return heading{key: "recovery.title"} }
func (AskAdmin) heading(*Frame) heading            { return heading{key: "askadmin.title"} }
func (DeviceWait) heading(*Frame) heading          { return heading{key: "wait.title"} }
func (SignOut) heading(*Frame) heading             { return heading{key: "signout.title"} }
func (p SignedOut) heading(*Frame) heading {
	if p.Erased {
		return heading{key: "signedout.erased_title"}
	}
	return heading{key: "signedout.title"}
}
func (Finished) heading(*Frame) heading  { return heading{key: "finished.title"} }
func (FormPost) heading(*Frame) heading  { return heading{key: "formpost.title"} }
func (ErrorPage) heading(*Frame) heading { return heading{key: "errorpage.title"} }

func (NewPassword) heading(*Frame) heading { return heading{key: "new_password.title"} }
func (p ForgotPassword) heading(*Frame) heading {
	if p.Sent {
		return heading{key: "forgot.sent_title"}
	}
	return heading{key: "forgot.title"}
}

func (SignUp) heading(*Frame) heading     { return heading{key: "signup.title"} }
func (SignUpSent) heading(*Frame) heading { return heading{key: "forgot.sent_title"} }

func (p MessageLink) heading(*Frame) heading {
	if p.Purpose == LinkUnlock {
		return heading{key: "link.unlock_title"}
	}
	return heading{key: "link.reset_title"}
}

func (Welcome) heading(*Frame) heading { return heading{key: "welcome.title"} }

func (c EnterCode) heading(*Frame) heading {
	if c.OnlyPasskey {
		return heading{key: "code.passkey_title"}
	}
	return heading{key: "code.title"}
}

func (i Invitation) heading(*Frame) heading {
	if i.SignIn != "" {
		return heading{key: "invitation.known_title"}
	}
	if i.Own {
		return heading{key: "signup.title"}
	}
	return heading{key: "invitation.title"}
}

func (d Done) heading(*Frame) heading {
	if d.Reminder {
		return heading{key: "done.reminder_title"}
	}
	switch {
	case d.OnDemand && d.Passkey:
		return heading{key: "done.passkey_title"}
	case d.OnDemand:
		return heading{key: "done.app_title"}
	}
	return heading{key: "done.title"}
}

func (Consent) heading(f *Frame) heading {
	return heading{key: "consent.title", args: []any{"Client", f.Client.Name}}
}
