// Package templates holds everything a person reads: the pages, their styles
// and one small script, and the mails.
//
// A page is a struct of plain data (pages.go, notices.go) whose Name is the
// value of <body data-screen> and the name of its HTML file. A handler fills
// the struct and the Frame that surrounds every page, and hands both to
// (*Set).Execute, which writes the whole page or nothing:
//
//	set, err := templates.Load("")        // "" = the files built in
//	frame := templates.Frame{Printer: set.Printer("fr"), Request: r, CSRF: token, …}
//	err = set.Execute(w, frame, templates.EnterCode{Replaceable: true})
//
// No page needs a script, holds a style or a script of its own, or loads
// anything from elsewhere. No sentence stands in a template: every text is a
// key of package locale.
//
// # Forms
//
// Every form posts to Frame.Action, the path of the page itself, with the
// hidden fields FieldCSRF and FieldRequest. The main form is the first one and
// its submit button is the first one in it. Whatever else a page offers is a
// link, or a form of its own with the hidden field FieldDo that says which
// (DoSendAgain, DoNewDevice, …). A POST without FieldDo is the main form's.
//
// # Mails
//
// (*Set).Mail makes the subject, text and HTML part of one message of a
// MailKind from a flat map, which is what the outbox stores.
package templates
