package demo

import (
	"context"
	"errors"
	"time"

	"stile/audit"
	"stile/config"
	"stile/device"
	"stile/factor"
	"stile/seal"
	"stile/server"
	"stile/storage"
)

// Ids of the demo's clients.
const (
	consoleID = "console"
	desktopID = "desktop"
	serviceID = "service"
	apiID     = "api"
)

// password is that of every demo user. It is no secret: it stands on the screen.
const password = "three quiet otters swim"

// Description is what people and programs need to know to use the demo.
type Description struct {
	Issuer  string   `json:"issuer"`
	Console string   `json:"console"`
	Admin   string   `json:"admin"`
	Account string   `json:"account"`
	Mailbox string   `json:"mailbox"`
	Users   []User   `json:"users"`
	Clients []Client `json:"clients"`
}

// User is somebody who can sign in.
type User struct {
	Email    string   `json:"email"`
	Password string   `json:"password"`
	Account  string   `json:"account"`
	Roles    []string `json:"roles"`
	TwoStep  string   `json:"two_step"` // required or optional
}

// Client is RFC 7591 metadata with the client's credentials.
type Client struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret,omitempty"`
	storage.Metadata
}

func (d Description) secret(clientID string) string {
	for _, c := range d.Clients {
		if c.ID == clientID {
			return c.Secret
		}
	}
	return ""
}

// account is a demo account.
type account struct {
	name    string
	twoStep bool
	group   device.Group
	users   []storage.User
}

func accounts() []account {
	return []account{{
		name: "Example Support", twoStep: true,
		group: device.Group{Name: "Support desks", Has: device.Version{Numbers: []int{4, 3}, Build: 1580}},
		users: []storage.User{
			{Email: "agent@example.com", Name: "Alex Agent"},
			{Email: "admin@example.com", Name: "Ada Admin", Roles: []string{"admin"}},
		},
	}, {
		name:  "Example Sales",
		group: device.Group{Name: "Sales tablets", Has: device.Version{Numbers: []int{4, 2}, Build: 1570}},
		users: []storage.User{
			{Email: "member@sales.example", Name: "Mika Member"},
			{Email: "admin@sales.example", Name: "Sam Sales", Roles: []string{"admin"}},
		},
	}}
}

func clients(console string) []Client {
	return []Client{
		{ID: consoleID, Metadata: storage.Metadata{
			Name: "Acme Console", RedirectURIs: []string{console + "/callback"}, PostLogoutRedirectURIs: []string{console + "/"},
			GrantTypes: []string{storage.GrantCode, storage.GrantRefresh}, TokenEndpointAuthMethod: storage.AuthBasic,
			Scope: "openid profile email account roles offline_access", ClientURI: console, InitiateLoginURI: console + "/sign-in",
		}},
		{ID: desktopID, Metadata: storage.Metadata{
			Name: "Acme Desktop", ApplicationType: storage.TypeNative, RedirectURIs: []string{"http://127.0.0.1/callback"},
			GrantTypes: []string{storage.GrantCode, storage.GrantRefresh}, TokenEndpointAuthMethod: storage.AuthNone,
			Scope: "openid profile email offline_access",
		}},
		{ID: serviceID, Metadata: storage.Metadata{
			Name: "Acme Nightly Report", GrantTypes: []string{storage.GrantClientCredentials}, TokenEndpointAuthMethod: storage.AuthBasic,
			Scope: "reports",
		}},
		{ID: apiID, Metadata: storage.Metadata{
			Name: "Acme API", GrantTypes: []string{storage.GrantClientCredentials}, TokenEndpointAuthMethod: storage.AuthBasic,
			IntrospectAll: true,
		}},
	}
}

var by = audit.Actor{Kind: "cli", ID: "demo"}

// seed makes the demo's accounts, users and clients unless they are there, and
// gives the clients new secrets: the old ones are stored as hashes only.
func seed(ctx context.Context, cfg *config.Config, s *server.Server, l listeners, now func() time.Time) (Description, error) {
	d := Description{
		Issuer: cfg.Issuer, Console: localhost(l.console), Mailbox: localhost(l.mailbox),
		Admin: cfg.Issuer + "/admin", Account: cfg.Issuer + "/account", Clients: clients(localhost(l.console)),
	}
	db := s.DB()
	passwords, err := factor.NewPasswords(db.Hasher(), factor.PasswordOptions{Now: now})
	if err != nil {
		return d, err
	}
	for _, a := range accounts() {
		if err := seedAccount(ctx, db, passwords, a); err != nil {
			return d, err
		}
		for _, u := range a.users {
			user := User{Email: u.Email, Password: password, Account: a.name, Roles: []string{"member"}, TwoStep: "optional"}
			if len(u.Roles) > 0 {
				user.Roles = append(user.Roles, u.Roles...)
			}
			if a.twoStep {
				user.TwoStep = "required"
			}
			d.Users = append(d.Users, user)
		}
	}
	if err := announceNothing(ctx, db); err != nil {
		return d, err
	}
	for i := range d.Clients {
		if err := seedClient(ctx, db, &d.Clients[i]); err != nil {
			return d, err
		}
	}
	return d, nil
}

func seedAccount(ctx context.Context, db *storage.DB, passwords *factor.Passwords, a account) error {
	made, err := db.CreateAccount(ctx, storage.Account{Name: a.name}, by)
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := db.SaveDeviceGroup(ctx, storage.DeviceGroup{AccountID: made.ID, Group: a.group}, by); err != nil {
		return err
	}
	for _, u := range a.users {
		u.AccountID = made.ID
		if u.Password, err = passwords.Hash(ctx, password); err != nil {
			return err
		}
		if _, err := db.CreateUser(ctx, u, by); err != nil {
			return err
		}
	}
	_, err = db.UpdatePolicy(ctx, made.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = a.twoStep
		return s.Policy, nil
	}, by)
	return err
}

// announceNothing lets nobody be told of what has been so from the start.
func announceNothing(ctx context.Context, db *storage.DB) error {
	for done := false; !done; {
		var err error
		done, err = db.AnnounceNext(ctx, 100, func(storage.UserRow, storage.Account, storage.Policy) storage.Mail { return storage.Mail{} })
		if err != nil {
			return err
		}
	}
	return nil
}

func seedClient(ctx context.Context, db *storage.DB, c *Client) error {
	hash := ""
	if !c.Public() {
		secret := seal.NewToken(seal.KindClientSecret)
		c.Secret, hash = secret.Reveal(), db.HashClientSecret(c.ID, secret)
	}
	made, err := db.CreateClient(ctx, storage.Client{ID: c.ID, Metadata: c.Metadata, SecretHash: hash}, by)
	if errors.Is(err, storage.ErrExists) {
		made, err = db.UpdateClient(ctx, c.ID, func(old *storage.Client) error {
			old.Metadata, old.SecretHash = c.Metadata, hash
			return nil
		}, by)
	}
	c.Metadata = made.Metadata
	return err
}
