package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"stile/address"
	"stile/audit"
	"stile/config"
	"stile/mail"
	"stile/manage"
	"stile/storage"
	"stile/templates"
)

func (p *program) userUpdate() *cobra.Command {
	var to storage.User
	var disable, enable bool
	var c *cobra.Command
	c = p.verb("update USER", "Change a user",
		"  stile user update ann@example.com --role member --role admin\n  stile user update ann@example.com --disable",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, args []string) error {
			found, err := person(ctx, db, args[0])
			if err != nil {
				return err
			}
			if c.Flags().Changed("email") {
				if to.Email, err = address.Canonical(to.Email); err != nil {
					return err
				}
			}
			told, err := p.tellsAdmins(ctx, db, cfg, found.Account)
			if err != nil {
				return err
			}
			now, moving := p.now().UTC(), []storage.Mail(nil)
			if c.Flags().Changed("email") && to.Email != found.User.Email {
				moved := found
				moved.User = found.User.Moved(to.Email, now)
				moving = append(moving, p.notice(cfg, moved, templates.MailAddressChanged))
			}
			var was storage.User
			changed, err := db.UpdateMember(ctx, found.Account.ID, found.User.ID, func(u *storage.User, _ []string) ([]storage.Mail, error) {
				was = *u
				set(c, "email", &u.Email, to.Email)
				set(c, "name", &u.Name, to.Name)
				set(c, "role", &u.Roles, to.Roles)
				set(c, "language", &u.Language, to.Language)
				set(c, "time-zone", &u.TimeZone, to.TimeZone)
				switch {
				case disable && u.DisabledAt == nil:
					u.DisabledAt = &now
				case enable:
					u.DisabledAt = nil
				}
				told.Begin()
				mails, err := told.Judge(was, *u)
				return slices.Concat(moving, mails, told.End()), err
			}, nil, by())
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(found.Account.Name, &was, &changed), userOf(changed), "user %s updated", changed.Email)
		}))
	c.Flags().StringVar(&to.Email, "email", "", "another address, to be verified anew")
	c.Flags().StringVar(&to.Name, "name", "", "another display name")
	c.Flags().StringSliceVar(&to.Roles, "role", nil, "member, admin, helpdesk or auditor; may be repeated; replaces the present ones")
	placeFlags(c, &to.Language, &to.TimeZone)
	c.Flags().BoolVar(&disable, "disable", false, "the user can't sign in any more")
	c.Flags().BoolVar(&enable, "enable", false, "take that back")
	c.MarkFlagsMutuallyExclusive("disable", "enable")
	p.dryRunFlag(c)
	return c
}

func (p *program) userDelete() *cobra.Command {
	var yes bool
	c := p.verb("delete USER", "Delete a user for good", "  stile user delete ann@example.com --yes",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, args []string) error {
			found, err := person(ctx, db, args[0])
			if err != nil {
				return err
			}
			if err := p.sure(yes, found.User.Email, fmt.Sprintf("user %s is deleted with everything that belongs to it", found.User.Email)); err != nil {
				return err
			}
			told, err := p.tellsAdmins(ctx, db, cfg, found.Account)
			if err != nil {
				return err
			}
			if err := db.DeleteUser(ctx, found.User.ID, by(), told); err != nil {
				return err
			}
			return p.changed(storage.Difference(found.Account.Name, &found.User, nil), userOf(found.User), "user %s deleted", found.User.Email)
		}))
	yesFlag(c, &yes)
	p.dryRunFlag(c)
	return c
}

func (p *program) userSetPassword() *cobra.Command {
	var secret secretSource
	c := p.verb("set-password USER", "Give a user a new password; signs the user out everywhere",
		"  stile user set-password ann@example.com\n  stile user set-password ann@example.com --password-stdin < secret",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, args []string) error {
			found, err := person(ctx, db, args[0])
			if err != nil {
				return err
			}
			s, err := db.AccountState(ctx, found.Account.ID)
			if err != nil {
				return err
			}
			password, err := secret.read(p, "New password of "+found.User.Email)
			if err != nil {
				return err
			}
			phc, err := p.hash(ctx, db, found.User, s, password)
			if err != nil {
				return err
			}
			if err := db.SetPassword(ctx, found.User.ID, phc, by(), p.notice(cfg, found, templates.MailPasswordChanged)); err != nil {
				return err
			}
			return p.changed(userChange(found, "password", "one", "another"), userOf(found.User), "user %s has a new password and is signed out everywhere", found.User.Email)
		}))
	secret.flags(c.Flags())
	c.MarkFlagsMutuallyExclusive("password-stdin", "password-file")
	p.dryRunFlag(c)
	return c
}

func (p *program) userResetAuthenticator() *cobra.Command {
	var yes bool
	c := p.verb("reset-authenticator USER", "Take a user's authenticator and recovery codes away, for a lost phone; the next sign-in sets up a new one",
		"  stile user reset-authenticator ann@example.com --yes",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, args []string) error {
			found, err := person(ctx, db, args[0])
			if err != nil {
				return err
			}
			if err := p.sure(yes, found.User.Email, fmt.Sprintf("the authenticator of %s stops working", found.User.Email)); err != nil {
				return err
			}
			if err := db.ResetAuthenticator(ctx, found.User.ID, by(), p.notice(cfg, found, templates.MailAdminReset)); err != nil {
				return err
			}
			return p.changed(userChange(found, "authenticator", "one", ""), userOf(found.User), "user %s sets up a new authenticator at the next sign-in", found.User.Email)
		}))
	yesFlag(c, &yes)
	p.dryRunFlag(c)
	return c
}

func (p *program) userSignOut() *cobra.Command {
	c := p.verb("sign-out USER", "End all sessions of a user, and what applications hold", "  stile user sign-out ann@example.com",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			found, err := person(ctx, db, args[0])
			if err != nil {
				return err
			}
			if err := db.SignOutUser(ctx, found.User.ID, by()); err != nil {
				return err
			}
			return p.changed(userChange(found, "sessions", "live", "ended"), userOf(found.User), "user %s is signed out everywhere", found.User.Email)
		}))
	p.dryRunFlag(c)
	return c
}

// tells is what tells people of roles that change.
func (p *program) tells(db *storage.DB, cfg *config.Config) func(storage.Account, []storage.User) storage.RoleJudge {
	return manage.New(db, cfg.Issuer, cfg.Pages.Service, p.now).OperatorTells(serviceName(cfg), by())
}

// tellsAdmins is tells of an account with the admins that it has now.
func (p *program) tellsAdmins(ctx context.Context, db *storage.DB, cfg *config.Config, a storage.Account) (storage.RoleJudge, error) {
	admins, err := db.Admins(ctx, a.ID)
	return p.tells(db, cfg)(a, admins), err
}

// serviceName is how messages call the installation.
func serviceName(cfg *config.Config) string {
	return cmp.Or(cfg.Pages.Service, templates.DefaultService)
}

// notice is the message that tells a user what was done.
func (p *program) notice(cfg *config.Config, to storage.Person, kind templates.MailKind) storage.Mail {
	return mail.Notices{Issuer: cfg.Issuer, Service: cfg.Pages.Service, Now: p.now}.To(to.User, to.Account, audit.Actor{}, kind)
}
