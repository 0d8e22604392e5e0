package manage

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"stile/address"
	"stile/audit"
	"stile/locale"
	"stile/storage"
	"stile/templates"
)

// What of people's data is looked at: the reasons of [audit.PeopleRead].
const (
	readList   = "list"
	readDetail = "detail"
	readExport = "export"
)

// reads writes down that data of people is about to be shown, once for all that
// is asked for. subject is the one whom it is about, if it is one.
func (s *Service) reads(ctx context.Context, w Who, what, subject string) error {
	return s.readsOf(ctx, w, audit.Event{Reason: what, SubjectID: subject})
}

// readsOf is reads with what else the line says.
func (s *Service) readsOf(ctx context.Context, w Who, e audit.Event) error {
	e.Kind, e.Actor, e.AccountID = audit.PeopleRead, w.by, w.accountID
	return s.DB.Record(ctx, e)
}

// Users lists the account's people by address, a page at a time; see
// [storage.UserFilter]. Account and policy are filled in here. That it was looked
// at is in the audit log.
func (s *Service) Users(ctx context.Context, w Who, f storage.UserFilter) ([]storage.UserRow, error) {
	return s.users(ctx, w, f, readList)
}

func (s *Service) users(ctx context.Context, w Who, f storage.UserFilter, what string) ([]storage.UserRow, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return nil, err
	}
	f.AccountID, f.Policy = w.accountID, state.Policy
	list, err := s.DB.Directory(ctx, f)
	if errors.Is(err, storage.ErrSearch) {
		return nil, InputError{"text", InputSearch, storage.ErrSearch.Error()}
	}
	if err == nil && what != "" {
		err = s.reads(ctx, w, what, "")
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// ExportUsers walks through the account's people, by address, to the end. The
// first page is read, and the audit log has the export, before it returns.
func (s *Service) ExportUsers(ctx context.Context, w Who, f storage.UserFilter) (iter.Seq2[storage.UserRow, error], error) {
	f.Limit = exportPage
	list, err := s.users(ctx, w, f, readExport)
	if err != nil {
		return nil, err
	}
	return func(yield func(storage.UserRow, error) bool) {
		for {
			for _, row := range list {
				if !yield(row, nil) {
					return
				}
			}
			if len(list) < exportPage {
				return
			}
			f.After = list[len(list)-1].User.Email
			if list, err = s.users(ctx, w, f, ""); err != nil {
				yield(storage.UserRow{}, err)
				return
			}
		}
	}, nil
}

// User returns one of the account's people. That this one was looked at is in
// the audit log.
func (s *Service) User(ctx context.Context, w Who, id string) (storage.UserRow, error) {
	row, err := s.member(ctx, w, id)
	if err == nil {
		err = s.reads(ctx, w, readDetail, id)
	}
	if err != nil {
		return storage.UserRow{}, err
	}
	return row, nil
}

// member is User for what is done with one.
func (s *Service) member(ctx context.Context, w Who, id string) (storage.UserRow, error) {
	if err := s.may(w, Read); err != nil {
		return storage.UserRow{}, err
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return storage.UserRow{}, err
	}
	return s.DB.Member(ctx, w.accountID, id, state.Policy)
}

// target returns one of the account's people whom Who is about to change: the
// roles of that one must not open more than those of Who.
func (s *Service) target(ctx context.Context, w Who, p Permission, id string) (storage.UserRow, error) {
	if err := s.may(w, p); err != nil {
		return storage.UserRow{}, err
	}
	row, err := s.member(ctx, w, id)
	if err != nil {
		return row, err
	}
	return row, w.mayChange(row.User.Roles)
}

// UserChange is what somebody wants to change of a user. What is nil stays.
type UserChange struct {
	Name     *string
	Roles    *[]string
	Language *string
	TimeZone *string
	Disabled *bool
	Products *[]string // ids of all the seats that the user shall hold
}

// UserTag is the [Tag] of what [Service.UpdateUser] can change of a user.
func UserTag(r storage.UserRow) string {
	u := r.User
	return Tag([]any{u.ID, u.Name, u.Roles, u.Language, u.TimeZone, u.DisabledAt, slices.Sorted(slices.Values(r.Products))})
}

// UpdateUser changes one of the account's people; all of it or nothing. tag is
// the [UserTag] of the user as it was seen, empty for any. Nobody disables
// himself, or changes his own roles.
func (s *Service) UpdateUser(ctx context.Context, w Who, id string, c UserChange, tag string) (storage.UserRow, error) {
	row, err := s.target(ctx, w, EditUsers, id)
	if err != nil {
		return row, err
	}
	if err := s.checkChange(w, row, c); err != nil {
		return row, err
	}
	seats, err := s.seats(ctx, w, c.Products)
	if err != nil {
		return row, err
	}
	told, err := s.regrading(ctx, w)
	if err != nil {
		return row, err
	}
	now := s.Now()
	if _, err = s.DB.UpdateMember(ctx, w.accountID, id, func(u *storage.User, held []string) ([]storage.Mail, error) {
		if tag != "" && tag != UserTag(storage.UserRow{User: *u, Products: held}) {
			return nil, ErrChanged
		}
		before := *u
		c.apply(u, now)
		// Between the look above and this one somebody may have made an admin of the user.
		told.Begin()
		mails, err := told.Judge(before, *u)
		return append(mails, told.End()...), err
	}, seats, w.by); err != nil {
		return row, err
	}
	return s.member(ctx, w, id)
}

// apply makes the change, but for the seats.
func (c UserChange) apply(u *storage.User, now time.Time) {
	set(&u.Name, c.Name)
	set(&u.Language, c.Language)
	set(&u.TimeZone, c.TimeZone)
	if c.Roles != nil {
		u.Roles = slices.Clone(*c.Roles)
	}
	switch {
	case c.Disabled == nil:
	case !*c.Disabled:
		u.DisabledAt = nil
	case u.DisabledAt == nil:
		u.DisabledAt = &now
	}
}

func (s *Service) checkChange(w Who, row storage.UserRow, c UserChange) error {
	if c.Name != nil {
		if err := checkName("name", *c.Name); err != nil {
			return err
		}
	}
	if c.Roles != nil {
		if err := checkRoles(*c.Roles); err != nil {
			return err
		}
		if row.User.ID == w.userID && !sameSet(*c.Roles, row.User.Roles) {
			return InputError{"roles", InputSelf, "nobody changes his own roles"}
		}
	}
	if c.Disabled != nil && *c.Disabled && row.User.ID == w.userID {
		return InputError{"disabled", InputSelf, "nobody disables himself"}
	}
	return checkPlace(c.Language, c.TimeZone)
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func checkRoles(list []string) error {
	if len(list) == 0 {
		return InputError{"roles", InputMissing, "give at least the role member"}
	}
	for _, r := range list {
		if _, known := roles[r]; !known && r != storage.RoleMember {
			return InputError{"roles", InputRole, "there is no role " + r}
		}
	}
	return nil
}

func checkPlace(language, zone *string) error {
	if language != nil && *language != "" {
		if _, ok := locale.Parse(*language); !ok {
			return InputError{"language", InputLanguage, "use en, fr, it, de, es, pt or nl"}
		}
	}
	if zone != nil && storage.CheckZone(*zone) != nil {
		return InputError{"time_zone", InputZone, "use a name such as Europe/Berlin"}
	}
	return nil
}

func checkName(field, name string) error {
	switch {
	case name == "":
		return InputError{field, InputMissing, "it needs a name"}
	case storage.CheckName(field, name) != nil:
		return InputError{field, InputName, "use at most 200 characters, all visible, without spaces around them"}
	}
	return nil
}

// seats makes sure that products are the account's.
func (s *Service) seats(ctx context.Context, w Who, wanted *[]string) (*[]string, error) {
	if wanted == nil {
		return nil, nil
	}
	has, err := s.DB.Products(ctx, w.accountID)
	if err != nil {
		return nil, err
	}
	for _, id := range *wanted {
		if !slices.ContainsFunc(has, func(p storage.Product) bool { return p.ID == id }) {
			return nil, InputError{"products", InputProduct, "the account has no product " + id}
		}
	}
	return wanted, nil
}

// ResetUser takes a member's authenticator app and recovery codes away, ends
// what the member holds, and tells the member. confirm is the member's address,
// typed by whoever asks; a program gives it too.
func (s *Service) ResetUser(ctx context.Context, w Who, id, confirm string) error {
	row, err := s.target(ctx, w, ResetUsers, id)
	if err != nil {
		return err
	}
	if row.User.ID == w.userID { // who has lost his own goes the way of everyone, or asks another admin
		return InputError{"user", InputSelf, "nobody resets himself"}
	}
	if typed, err := address.Canonical(confirm); err != nil || typed != row.User.Email {
		return InputError{"confirm", InputConfirm, "give the member's e-mail address"}
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return err
	}
	return s.DB.ResetAuthenticator(ctx, id, w.by, s.mail(row.User, state.Account, templates.MailAdminReset))
}

// SignOutUser ends all sessions of a member, and what apps hold for the member.
func (s *Service) SignOutUser(ctx context.Context, w Who, id string) error {
	if _, err := s.target(ctx, w, SignOutUsers, id); err != nil {
		return err
	}
	return s.DB.SignOutUser(ctx, id, w.by)
}

// actorName is how people call whoever did something: the name of a member or
// client of the account, or the kind and id of anybody else.
func (s *Service) actorName(ctx context.Context, accountID string, by audit.Actor) (string, error) {
	switch by.Kind {
	case "user":
		row, err := s.DB.Member(ctx, accountID, by.ID, storage.Policy{})
		if !errors.Is(err, storage.ErrNotFound) {
			return row.User.Name, err
		}
	case "client":
		c, err := s.DB.Client(ctx, by.ID)
		if !errors.Is(err, storage.ErrNotFound) {
			return c.Metadata.Name, err
		}
	}
	return by.Kind, nil
}
