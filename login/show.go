package login

import (
	"stile/authn"
	"stile/signin"
	"stile/templates"
	"stile/web"
)

// show answers with the screen.
func (v *visit) show(status int) error {
	page, err := v.screen.page(v)
	if err != nil {
		return v.then(err)
	}
	return v.Kit.Page(v.w, v.r, status, page, v.options()...)
}

// options are what the pages of a sign-in have in common.
func (v *visit) options() []web.PageOption {
	options := []web.PageOption{
		web.FormAction(v.pending.Request.FormAction...),
		web.Client(v.client()),
		web.Framed(v.frame),
	}
	var wanted []string
	if p := v.pending.Person; p != nil {
		wanted = append(wanted, p.User.Language)
		options = append(options, web.DefaultLanguage(p.Account.Language), web.Zone(p.User.TimeZone, p.Account.TimeZone))
	} else {
		options = append(options, web.Zone("", ""))
	}
	options = append(options, web.Languages(append(wanted, v.pending.Request.Locales...)...))
	if v.problem != nil {
		options = append(options, web.Problems(v.problem.Fields...), web.RetryAfter(v.problem.RetryAfter))
	}
	return options
}

func (v *visit) frame(f *templates.Frame) {
	f.Request = v.pending.Sealed
	if v.pending.Decision.Reason != authn.ReasonGuarded && !v.pending.Progress().Enrolment.Passkey {
		f.Step, f.Of = templates.EnrolmentStep(string(v.screen.step), v.pending.ByEmail())
	}
	f.Until, f.MoreTime = v.pending.Until()
	f.Notices = v.notices()
}

func (v *visit) client() templates.Client {
	return clientOf(v.pending.Request)
}

func clientOf(r signin.Request) templates.Client {
	return templates.Client{Name: r.ClientName, Home: r.Home, Host: r.ClientHost(), Privacy: r.Policy, Terms: r.Terms}
}

// What a screen is told by the one before it, see [web.Kit.WithNote].
const (
	noticeSentAgain    = "sent-again"
	noticeKeyReplaced  = "key-replaced"
	noticeAlreadyDone  = "already-done"
	noticeRecoveryUsed = "recovery-used"
)

// notices confirm what has just happened.
func (v *visit) notices() []templates.Notice {
	if key, args := v.notice(); key != "" {
		return []templates.Notice{{Key: key, Args: args}}
	}
	return nil
}

func (v *visit) notice() (key string, args map[string]any) {
	p, carried := v.pending, ""
	v.Kit.Note(v.r, &carried)
	if carried == noticeAlreadyDone {
		return templates.NoticeAlreadyDone, nil
	}
	switch v.screen.step {
	case authn.StepSignIn:
		if p.Outdated {
			return templates.NoticeChanged, nil
		}
		if p.Request.PasswordSet && v.problem == nil {
			return templates.NoticePasswordSet, nil
		}
	case authn.StepVerifyEmail:
		if c := p.CodeSent(); carried == noticeSentAgain && c != nil {
			return templates.NoticeSentAgain, map[string]any{"At": c.SentAt}
		}
	case authn.StepInstallApp:
		return beforeApp(p, carried)
	case authn.StepConnectDevice:
		if carried == noticeKeyReplaced {
			return templates.NoticeKeyReplaced, nil
		}
	case authn.StepEnterCode:
		if p.Decision.Reason == authn.ReasonElsewhere {
			return templates.NoticeElsewhere, nil
		}
	default:
	}
	return "", nil
}

// beforeApp is what led to the screen about apps.
func beforeApp(p *signin.Pending, carried string) (key string, args map[string]any) {
	if p.KeyLapsed {
		return templates.NoticeKeyReplaced, nil
	}
	n := p.SignIn.Progress.Enrolment
	switch {
	case p.Decision.Step == authn.StepInstallApp && n.EmailVerified:
		return templates.NoticeEmailVerified, nil
	case carried == noticeRecoveryUsed && n.Reason == authn.ReasonRecovery:
		return templates.NoticeRecoveryUsed, map[string]any{"N": p.Person.RecoveryLeft}
	default:
		return "", nil
	}
}
