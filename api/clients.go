package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"stile/manage"
	"stile/storage"
)

// Client is an app of the account, with the names of RFC 7591.
type Client struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret,omitempty" doc:"Shown once: when the app is connected, and when its secret is changed."`
	storage.Metadata
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
}

func clientOf(c storage.Client) Client {
	return Client{ClientID: c.ID, Metadata: c.Metadata, Disabled: c.Disabled, CreatedAt: c.CreatedAt}
}

// ClientChange is what the registration of an app is to be.
type ClientChange struct {
	storage.Metadata
	Disabled bool `json:"disabled,omitempty" doc:"A disabled app gets no tokens."`
}

// ClientUse says who uses an app.
type ClientUse struct {
	Users    int        `json:"users" doc:"Users of the account that have signed in to it and still are."`
	LastUsed *time.Time `json:"last_used,omitempty"`
}

// ClientPerson is somebody who uses an app.
type ClientPerson struct {
	UserID    string     `json:"user_id"`
	Email     string     `json:"email"`
	Name      string     `json:"name"`
	SignedIn  *time.Time `json:"signed_in,omitempty" doc:"Since when the app has a grant of the user; left out: it has none that lives."`
	LastUsed  *time.Time `json:"last_used,omitempty" doc:"When the app was last given tokens by such a grant."`
	Scope     string     `json:"scope,omitempty" doc:"What the user has allowed the app; left out: was not asked."`
	AllowedAt *time.Time `json:"allowed_at,omitempty"`
}

func clientPersonOf(p storage.ClientPerson) ClientPerson {
	return ClientPerson{p.User.ID, p.User.Email, p.User.Name, p.SignedIn, p.UsedAt, p.Scope, p.AllowedAt}
}

// ClientPath is the id in a path.
type ClientPath struct {
	ID string `path:"id" maxLength:"100" doc:"The client_id."`
}

func (a *API) clients() {
	type list struct{ Page }
	do(a, act{
		id: "listClients", method: http.MethodGet, path: "/clients", tag: "Clients", permission: manage.Read, summary: "The account's apps, a page at a time",
	}, func(ctx context.Context, w manage.Who, in *list) (*Paged[Client], error) {
		at := a.place("/clients", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		found, err := a.o.Manage.Clients(ctx, w, after, in.Limit+1)
		if err != nil {
			return nil, err
		}
		return paged(in.Page, found, func(c storage.Client) string { return c.ID }, clientOf, at, nil), nil
	})
	do(a, act{
		id: "getClient", method: http.MethodGet, path: "/clients/{id}", tag: "Clients", permission: manage.Read, summary: "One app",
	}, func(ctx context.Context, w manage.Who, in *ClientPath) (*taggedOne[Client], error) {
		c, err := a.o.Manage.Client(ctx, w, in.ID)
		if err != nil {
			return nil, err
		}
		return tagged(versionTag(c.Version), clientOf(c)), nil
	})
	do(a, act{
		id: "getClientUse", method: http.MethodGet, path: "/clients/{id}/use", tag: "Clients", permission: manage.Read, summary: "Who uses an app",
	}, func(ctx context.Context, w manage.Who, in *ClientPath) (*one[ClientUse], error) {
		users, last, err := a.o.Manage.ClientUse(ctx, w, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[ClientUse]{ClientUse{users, last}}, nil
	})
	type people struct {
		ClientPath
		Page
	}
	do(a, act{
		id: "listClientUsers", method: http.MethodGet, path: "/clients/{id}/users", tag: "Clients", permission: manage.Read, summary: "The users of an app, a page at a time",
		about: "By address: whoever has a live grant of it, or has allowed it something. The audit log has a line (people.read) for each page.",
	}, func(ctx context.Context, w manage.Who, in *people) (*Paged[ClientPerson], error) {
		at := a.place("/clients/"+url.PathEscape(in.ID)+"/users", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		found, err := a.o.Manage.ClientPeople(ctx, w, in.ID, after, in.Limit+1)
		if err != nil {
			return nil, err
		}
		return paged(in.Page, found, func(p storage.ClientPerson) string { return p.User.Email }, clientPersonOf, at, nil), nil
	})
	a.changeClients()
}

func (a *API) changeClients() {
	type create struct{ Body storage.Metadata }
	do(a, act{
		id: "createClient", method: http.MethodPost, path: "/clients", tag: "Clients", permission: manage.EditClients, status: http.StatusCreated,
		summary: "Connect an app", about: "With the metadata of RFC 7591. Its users are asked before it sees anything of theirs. The answer has its secret, this once.",
	}, func(ctx context.Context, w manage.Who, in *create) (*taggedNew[Client], error) {
		c, secret, err := a.o.Manage.CreateClient(ctx, w, in.Body)
		if err != nil {
			return nil, err
		}
		shown := clientOf(c)
		shown.Secret = secret.Reveal()
		return madeTagged("/clients/", c.ID, versionTag(c.Version), shown), nil
	})
	type replace struct {
		ClientPath
		IfMatch
		Body ClientChange
	}
	do(a, act{
		id: "updateClient", method: http.MethodPut, path: "/clients/{id}", tag: "Clients", permission: manage.EditClients, summary: "Change the registration of an app",
		about: "Where the app reaches further than before, by a further redirect URI, grant type or scope, or without PKCE, or calls itself otherwise, its users are asked anew, and what it holds of them is no longer refreshed until they have allowed it.",
	}, func(ctx context.Context, w manage.Who, in *replace) (*taggedOne[Client], error) {
		version, err := in.seenVersion()
		if err != nil {
			return nil, err
		}
		c, err := a.o.Manage.UpdateClient(ctx, w, in.ID, version, func(m *storage.Metadata, disabled *bool) {
			*m, *disabled = in.Body.Filled(), in.Body.Disabled
		})
		if err != nil {
			return nil, err
		}
		return tagged(versionTag(c.Version), clientOf(c)), nil
	})
	type seen struct {
		ClientPath
		IfMatch
	}
	do(a, act{
		id: "rotateClientSecret", method: http.MethodPost, path: "/clients/{id}/secret", tag: "Clients", permission: manage.EditClients, status: http.StatusOK,
		summary: "Give an app another secret", about: "The old one stops working. The answer has the new one, this once.",
	}, func(ctx context.Context, w manage.Who, in *seen) (*taggedOne[Client], error) {
		version, err := in.seenVersion()
		if err != nil {
			return nil, err
		}
		c, secret, err := a.o.Manage.RotateClientSecret(ctx, w, in.ID, version)
		if err != nil {
			return nil, err
		}
		shown := clientOf(c)
		shown.Secret = secret.Reveal()
		return tagged(versionTag(c.Version), shown), nil
	})
	do(a, act{
		id: "deleteClient", method: http.MethodDelete, path: "/clients/{id}", tag: "Clients", permission: manage.EditClients,
		summary: "Remove an app", about: "With all that it holds.",
	}, func(ctx context.Context, w manage.Who, in *seen) (*struct{}, error) {
		version, err := in.seenVersion()
		if err != nil {
			return nil, err
		}
		return nil, a.o.Manage.DeleteClient(ctx, w, in.ID, version)
	})
}
