package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stile/address"
	"stile/config"
	"stile/factor"
	"stile/seal"
	"stile/storage"
)

type userRecord struct {
	ID              string     `json:"id"`
	Email           string     `json:"email"`
	Name            string     `json:"name"`
	AccountID       string     `json:"account_id"`
	Roles           []string   `json:"roles"`
	Language        string     `json:"language"`
	TimeZone        string     `json:"time_zone"`
	Enhanced        bool       `json:"enhanced_security"`
	EmailVerifiedAt *time.Time `json:"email_verified_at"`
	DisabledAt      *time.Time `json:"disabled_at"`
	SignedInAt      *time.Time `json:"signed_in_at"`
	CreatedAt       time.Time  `json:"created_at"`
}

func userOf(u storage.User) userRecord {
	return userRecord{u.ID, u.Email, u.Name, u.AccountID, u.Roles, u.Language, u.TimeZone, u.Enhanced, u.EmailVerifiedAt, u.DisabledAt, u.SignedInAt, u.CreatedAt}
}

func (p *program) user() *cobra.Command {
	return p.noun("user", "Users: the people of an account",
		"  stile user create --account \"Example Support\" --email ann@example.com --name \"Ann Agent\" --password-stdin\n  stile user reset-authenticator ann@example.com",
		p.userCreate(), p.userList(), p.userShow(), p.userExport(), p.userImport(), p.userUpdate(), p.userDelete(), p.userSetPassword(), p.userResetAuthenticator(), p.userSignOut())
}

// person finds a user by address or id.
func person(ctx context.Context, db *storage.DB, emailOrID string) (storage.Person, error) {
	if !strings.Contains(emailOrID, "@") {
		found, err := db.PersonByID(ctx, emailOrID)
		if err != nil {
			return found, fmt.Errorf("user %q: %w", emailOrID, err)
		}
		return found, nil
	}
	email, err := address.Canonical(emailOrID)
	if err != nil {
		return storage.Person{}, err
	}
	found, err := db.PersonByEmail(ctx, email)
	if err != nil {
		return found, fmt.Errorf("user %q: %w", email, err)
	}
	return found, nil
}

// hash judges a password and makes what is stored of it. Without a second
// factor that everyone must give, it has to be longer.
func (p *program) hash(ctx context.Context, db *storage.DB, u storage.User, s storage.AccountState, password seal.Secret) (string, error) {
	passwords, err := factor.NewPasswords(db.Hasher(), factor.PasswordOptions{Now: p.now})
	if err != nil {
		return "", err
	}
	least := factor.MinPasswordAlone
	if s.Policy.At(p.now()).TwoStep && len(s.Policy.Products) == 0 {
		least = factor.MinPasswordWithSecondFactor
	}
	if err := passwords.Judge(password.Reveal(), least, u.Email, u.Name, s.Account.Name); err != nil {
		return "", err
	}
	return passwords.Hash(ctx, password.Reveal())
}

func (p *program) userCreate() *cobra.Command {
	var u storage.User
	var account string
	var secret secretSource
	var without bool
	c := p.verb("create", "Make a user",
		"  stile user create --account \"Example Support\" --email ann@example.com --name \"Ann Agent\"\n  stile user create --account \"Example Support\" --email bob@example.com --name Bob --role admin --password-stdin < secret",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, _ []string) error {
			s, err := db.AccountState(ctx, account)
			if err != nil {
				return err
			}
			u.AccountID = s.Account.ID
			if u.Email, err = address.Canonical(u.Email); err != nil {
				return err
			}
			if !without {
				password, err := secret.read(p, "Password of "+u.Email)
				if err != nil {
					return err
				}
				if u.Password, err = p.hash(ctx, db, u, s, password); err != nil {
					return err
				}
			}
			told, err := p.tellsAdmins(ctx, db, cfg, s.Account)
			if err != nil {
				return err
			}
			made, err := db.CreateUser(ctx, u, by(), told)
			if err != nil {
				return err
			}
			return p.changed(storage.Difference(s.Account.Name, nil, &made), userOf(made), "user %s made, id %s", made.Email, made.ID)
		}))
	c.Flags().StringVar(&account, "account", "", "name or id of the account")
	c.Flags().StringVar(&u.Email, "email", "", "e-mail address")
	c.Flags().StringVar(&u.Name, "name", "", "display name")
	c.Flags().StringSliceVar(&u.Roles, "role", nil, "member (default), admin, helpdesk or auditor; may be repeated")
	placeFlags(c, &u.Language, &u.TimeZone)
	secret.flags(c.Flags())
	c.Flags().BoolVar(&without, "no-password", false, "make the user without a password")
	c.MarkFlagsMutuallyExclusive("password-stdin", "password-file", "no-password")
	required(c, "account", "email", "name")
	p.dryRunFlag(c)
	return c
}

func required(c *cobra.Command, flags ...string) {
	for _, f := range flags {
		if err := c.MarkFlagRequired(f); err != nil {
			panic(err) // a flag that does not exist: a fault of this program, found by every test
		}
	}
}

func (p *program) userShow() *cobra.Command {
	return p.verb("show USER", "Show a user", "  stile user show ann@example.com --json",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			found, err := person(ctx, db, args[0])
			if err != nil {
				return err
			}
			products, err := db.Products(ctx, found.Account.ID)
			if err != nil {
				return err
			}
			u := found.User
			record := struct {
				userRecord
				Account       string   `json:"account"`
				Seats         []string `json:"seats"` // names of products
				TwoStep       string   `json:"two_step"`
				Authenticator bool     `json:"authenticator"`
				RecoveryLeft  int      `json:"recovery_codes_left"`
			}{userOf(u), found.Account.Name, []string{}, "optional", found.TOTP != nil, found.RecoveryLeft}
			if u.Enhanced || found.Policy.TwoStep && found.Policy.Covers(found.Subject) {
				record.TwoStep = "required"
			}
			for _, product := range products {
				for _, held := range found.Subject.Seats {
					if held == product.ID {
						record.Seats = append(record.Seats, product.Name)
					}
				}
			}
			t := table{rows: [][]string{
				{"email", u.Email},
				{"name", u.Name},
				{"id", u.ID},
				{"account", found.Account.Name},
				{"roles", strings.Join(u.Roles, ", ")},
				{"seats", orDash(strings.Join(record.Seats, ", "))},
				{"two-step", record.TwoStep},
				{"authenticator", yesNo(record.Authenticator)},
				{"recovery codes left", fmt.Sprint(record.RecoveryLeft)},
				{"email verified", when(u.EmailVerifiedAt)},
				{"signed in", when(u.SignedInAt)},
				{"disabled", when(u.DisabledAt)},
			}}
			return p.print(record, t)
		}))
}
