package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stile/config"
	"stile/manage"
	"stile/seal"
	"stile/storage"
)

// clientRecord is what a registration response holds (RFC 7591 section 3.2.1),
// with what only Stile knows.
type clientRecord struct {
	ID            string `json:"client_id"`
	Secret        string `json:"client_secret,omitempty"`            // only when it was just made
	SecretExpires *int64 `json:"client_secret_expires_at,omitempty"` // 0: never
	IssuedAt      int64  `json:"client_id_issued_at"`
	storage.Metadata
	AccountID  string `json:"account_id,omitempty"`
	ThirdParty bool   `json:"third_party"`
	Disabled   bool   `json:"disabled"`
}

func clientOf(c storage.Client, secret seal.Secret) clientRecord {
	r := clientRecord{ID: c.ID, IssuedAt: c.CreatedAt.Unix(), Metadata: c.Metadata, AccountID: c.AccountID, ThirdParty: c.ThirdParty, Disabled: c.Disabled}
	if secret != "" {
		r.Secret, r.SecretExpires = secret.Reveal(), new(int64)
	}
	return r
}

func (p *program) client() *cobra.Command {
	return p.noun("client", "Clients: the applications that people sign in to",
		"  stile client create --file console.json\n  stile client create --type spa --name Reports --redirect-uri https://reports.example.com/callback",
		p.clientCreate(), p.clientList(), p.clientShow(), p.clientUpdate(), p.clientDelete(), p.clientRotateSecret())
}

func (p *program) clientCreate() *cobra.Command {
	var f clientFlags
	var account, id string
	c := p.verb("create", "Register a client and print the registration, with the secret, once",
		"  stile client create --file console.json\n  stile client create --type native --name Desktop --redirect-uri http://127.0.0.1/callback",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			if err := f.load(p); err != nil {
				return err
			}
			fresh := storage.Client{ID: id}
			if err := f.apply(&fresh, true); err != nil {
				return err
			}
			if account != "" {
				a, err := db.Account(ctx, account)
				if err != nil {
					return err
				}
				fresh.AccountID = a.ID
			}
			if fresh.ID == "" {
				fresh.ID = newClientID()
			}
			var secret seal.Secret
			if !fresh.Metadata.Filled().Public() {
				secret = seal.NewToken(seal.KindClientSecret)
				fresh.SecretHash = db.HashClientSecret(fresh.ID, secret)
			}
			made, err := db.CreateClient(ctx, fresh, by())
			if err != nil {
				return err
			}
			return p.document(clientOf(made, secret))
		}))
	f.register(c)
	c.Flags().StringVar(&account, "account", "", "account whose people alone can use the client, by name or id; none: all")
	c.Flags().StringVar(&id, "client-id", "", "client_id to register under; one is made otherwise")
	return c
}

func (p *program) clientList() *cobra.Command {
	var account string
	c := p.verb("list", "List clients", "  stile client list\n  stile client list --json", cobra.NoArgs,
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			id := ""
			if account != "" {
				a, err := db.Account(ctx, account)
				if err != nil {
					return err
				}
				id = a.ID
			}
			list, err := all(func(after string) ([]storage.Client, error) { return db.Clients(ctx, id, after, pageSize) },
				func(c storage.Client) string { return c.ID })
			if err != nil {
				return err
			}
			t := table{head: []string{"CLIENT_ID", "NAME", "TYPE", "THIRD PARTY", "DISABLED"}}
			records := make([]clientRecord, len(list))
			for i, c := range list {
				records[i] = clientOf(c, "")
				t.row(c.ID, orDash(c.Metadata.Name), manage.KindOf(c.Metadata), yesNo(c.ThirdParty), yesNo(c.Disabled))
			}
			return p.print(records, t)
		}))
	c.Flags().StringVar(&account, "account", "", "only of this account, by name or id")
	return c
}

func (p *program) clientShow() *cobra.Command {
	return p.verb("show CLIENT_ID", "Show a client's registration", "  stile client show console", cobra.ExactArgs(1),
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			c, err := db.Client(ctx, args[0])
			if err != nil {
				return err
			}
			return p.document(clientOf(c, ""))
		}))
}

func (p *program) clientUpdate() *cobra.Command {
	var f clientFlags
	c := p.verb("update CLIENT_ID", "Change a client's registration; a file replaces the metadata as a whole",
		"  stile client update console --file console.json\n  stile client update console --disable",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			if err := f.load(p); err != nil {
				return err
			}
			var secret seal.Secret
			// On what the client is then: a secret that somebody replaces meanwhile stays replaced.
			changed, err := db.UpdateClient(ctx, args[0], func(c *storage.Client) error {
				id := c.ID
				if err := f.apply(c, false); err != nil {
					return err
				}
				if c.ID != id {
					return fmt.Errorf("client_id %q: a client keeps its client_id %q", c.ID, id)
				}
				// A public client that becomes a confidential one needs a secret, and the other way none.
				secret = ""
				switch public := c.Metadata.Filled().Public(); {
				case public:
					c.SecretHash = ""
				case c.SecretHash == "":
					secret = seal.NewToken(seal.KindClientSecret)
					c.SecretHash = db.HashClientSecret(c.ID, secret)
				}
				return nil
			}, by())
			if err != nil {
				return err
			}
			return p.document(clientOf(changed, secret))
		}))
	f.register(c)
	c.Flags().BoolVar(&f.disable, "disable", false, "nobody can use the client any more")
	c.Flags().BoolVar(&f.enable, "enable", false, "take that back")
	c.MarkFlagsMutuallyExclusive("disable", "enable")
	return c
}

func (p *program) clientDelete() *cobra.Command {
	var yes bool
	c := p.verb("delete CLIENT_ID", "Delete a client with everything it holds", "  stile client delete console --yes", cobra.ExactArgs(1),
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			c, err := db.Client(ctx, args[0])
			if err != nil {
				return err
			}
			if err := p.sure(yes, c.ID, fmt.Sprintf("client %q is deleted, and everything it holds stops working", c.ID)); err != nil {
				return err
			}
			if err := db.DeleteClient(ctx, c.ID, nil, by()); err != nil {
				return err
			}
			return p.done(clientOf(c, ""), "client %q deleted", c.ID)
		}))
	yesFlag(c, &yes)
	return c
}

func (p *program) clientRotateSecret() *cobra.Command {
	return p.verb("rotate-secret CLIENT_ID", "Give a client a new secret and print it, once; the old one stops working", "  stile client rotate-secret console",
		cobra.ExactArgs(1), p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, args []string) error {
			c, err := db.Client(ctx, args[0])
			if err != nil {
				return err
			}
			if c.Metadata.Public() {
				return fmt.Errorf("client %q is public: it has no secret", c.ID)
			}
			secret := seal.NewToken(seal.KindClientSecret)
			if err := db.RotateClientSecret(ctx, c.ID, db.HashClientSecret(c.ID, secret), by()); err != nil {
				return err
			}
			return p.document(clientOf(c, secret))
		}))
}
