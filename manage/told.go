package manage

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// A regrading is what people are told when roles change, and when somebody is
// switched off.
type regrading struct {
	s       *Service
	who     Who
	account storage.Account
	admins  []storage.User // before the change
	named   []string       // who became an admin, or is none any more
}

func (s *Service) regrading(ctx context.Context, w Who) (*regrading, error) {
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return nil, err
	}
	admins, err := s.DB.Admins(ctx, w.accountID)
	return &regrading{s: s, who: w, account: state.Account, admins: admins}, err
}

// OperatorTells returns what makes, of an account and its admins, what tells people
// of roles that an operator changes there; name and by are as with [Operator].
func (s *Service) OperatorTells(name string, by audit.Actor) func(storage.Account, []storage.User) storage.RoleJudge {
	return func(a storage.Account, admins []storage.User) storage.RoleJudge {
		return &regrading{s: s, who: Operator(a.ID, name, by), account: a, admins: admins}
	}
}

// Begin implements [storage.RoleJudge].
func (g *regrading) Begin() { g.named = nil }

// Judge implements [storage.RoleJudge]. It fails unless Who may change a user from one state to another; it returns
// what the user is told: nothing where one is made, removed or invited.
func (g *regrading) Judge(before, after storage.User) ([]storage.Mail, error) {
	if err := g.who.mayRegrade(before, after); err != nil || before.ID == "" && after.ID == "" {
		return nil, err // whoever is invited becomes an admin by accepting
	}
	admin := func(u storage.User) bool { return slices.Contains(u.Roles, storage.RoleAdmin) && u.DisabledAt == nil }
	if admin(before) != admin(after) {
		g.named = append(g.named, cmp.Or(after.Name, before.Name))
	}
	if before.ID == "" || after.ID == "" {
		return nil, nil
	}
	var mails []storage.Mail
	if !sameSet(before.Roles, after.Roles) {
		mails = append(mails, g.tell(after, templates.MailRolesChanged))
	}
	if before.DisabledAt == nil && after.DisabledAt != nil {
		mails = append(mails, g.tell(after, templates.MailUserDisabled))
	}
	return mails, nil
}

// End implements [storage.RoleJudge]: the other admins are told, if there is
// something.
func (g *regrading) End() (mails []storage.Mail) {
	if len(g.named) == 0 {
		return nil
	}
	for _, u := range storage.Told(g.admins, g.who.userID) {
		m := g.tell(u, templates.MailAdminsChanged)
		m.Data[templates.DataUser] = strings.Join(g.named[:min(len(g.named), 5)], ", ")
		mails = append(mails, m)
	}
	return mails
}

func (g *regrading) tell(u storage.User, kind templates.MailKind) storage.Mail {
	m := g.s.mail(u, g.account, kind)
	m.Data[templates.DataBy] = g.who.called()
	return m
}

// switched is what admins are told when a program has turned two-step
// verification on or off: no person's proofs stand behind it.
func (s *Service) switched(w Who, a storage.Account, admins []storage.User, before, after storage.Policy) (mails []storage.Mail) {
	if !w.service || before.TwoStep == after.TwoStep {
		return nil
	}
	kind := templates.MailAccountTwoStepOff
	if after.TwoStep {
		kind = templates.MailAccountTwoStepOn
	}
	for _, u := range storage.Told(admins) {
		m := s.mail(u, a, kind)
		m.Data[templates.DataBy] = w.called()
		mails = append(mails, m)
	}
	return mails
}

// called is how messages call whoever it is.
func (w Who) called() string { return cmp.Or(w.name, w.by.ID, w.by.Kind) }
