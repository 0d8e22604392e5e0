package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"time"

	"stile/manage"
	"stile/storage"
)

// User is one of the account's people.
type User struct {
	ID            string     `json:"id" doc:"Also the sub of tokens."`
	Email         string     `json:"email"`
	Name          string     `json:"name"`
	Roles         []Role     `json:"roles"`
	Language      string     `json:"language,omitempty"`
	TimeZone      string     `json:"time_zone,omitempty"`
	Products      []string   `json:"products" doc:"Ids of the products that the user holds seats of."`
	Disabled      bool       `json:"disabled"`
	Covered       bool       `json:"covered" doc:"By the policy, if it is on."`
	Enrolled      bool       `json:"enrolled" doc:"Has an authenticator app that takes codes, or a passkey."`
	EnrolledSince *time.Time `json:"enrolled_since,omitempty"`
	Suspended     bool       `json:"authenticator_suspended" doc:"Has an authenticator app that takes none, after too many wrong ones."`
	RecoveryCodes int        `json:"recovery_codes_left"`
	SignedInAt    *time.Time `json:"signed_in_at,omitempty" doc:"Last sign-in."`
	CreatedAt     time.Time  `json:"created_at"`
}

func userOf(r storage.UserRow) User {
	u := r.User
	return User{
		ID: u.ID, Email: u.Email, Name: u.Name, Roles: texts[Role](u.Roles), Language: u.Language, TimeZone: u.TimeZone,
		Products: listOf(r.Products), Disabled: u.DisabledAt != nil, Covered: r.Covered, Enrolled: r.EnrolledSince() != nil, EnrolledSince: r.EnrolledSince(),
		Suspended: r.Suspended, RecoveryCodes: r.RecoveryLeft, SignedInAt: u.SignedInAt, CreatedAt: u.CreatedAt,
	}
}

// UserChange is what is to be changed of a user. What is left out stays.
type UserChange struct {
	Name     *string   `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Roles    *[]Role   `json:"roles,omitempty" minItems:"1" maxItems:"10" doc:"At least member."`
	Language *string   `json:"language,omitempty" maxLength:"35" doc:"en, fr, it, de, es, pt or nl; empty: the account's."`
	TimeZone *string   `json:"time_zone,omitempty" maxLength:"64" doc:"Such as Europe/Berlin; empty: the account's."`
	Disabled *bool     `json:"disabled,omitempty" doc:"Ends all that the user holds."`
	Products *[]string `json:"products,omitempty" maxItems:"500" doc:"Ids of all the products that the user shall hold seats of."`
}

func (c UserChange) change() manage.UserChange {
	m := manage.UserChange{Name: c.Name, Language: c.Language, TimeZone: c.TimeZone, Disabled: c.Disabled, Products: c.Products}
	if c.Roles != nil {
		m.Roles = new(texts[string](*c.Roles))
	}
	return m
}

// UserPath is the id in a path.
type UserPath struct {
	ID string `path:"id" maxLength:"100" doc:"Id of the user."`
}

func (a *API) users() {
	a.listUsers()
	do(a, act{
		id: "getUser", method: http.MethodGet, path: "/users/{id}", tag: "Users", permission: manage.Read, summary: "One user",
	}, func(ctx context.Context, w manage.Who, in *UserPath) (*taggedOne[User], error) {
		r, err := a.o.Manage.User(ctx, w, in.ID)
		if err != nil {
			return nil, err
		}
		return tagged(etag(manage.UserTag(r)), userOf(r)), nil
	})
	type change struct {
		UserPath
		IfMatch
		Body UserChange
	}
	do(a, act{
		id: "updateUser", method: http.MethodPatch, path: "/users/{id}", tag: "Users", permission: manage.EditUsers,
		summary: "Change a user", about: "Name, roles, language, time zone, seats; disable and enable. Nobody gives a role that is more than his own, or changes his own.",
	}, func(ctx context.Context, w manage.Who, in *change) (*taggedOne[User], error) {
		tag, err := in.seen()
		if err != nil {
			return nil, err
		}
		r, err := a.o.Manage.UpdateUser(ctx, w, in.ID, in.Body.change(), tag)
		if err != nil {
			return nil, err
		}
		return tagged(etag(manage.UserTag(r)), userOf(r)), nil
	})
	a.userActs()
	a.importUsers()
}

func (a *API) listUsers() {
	type list struct {
		Page
		Text    string `query:"text" maxLength:"200" doc:"Words; each begins a word of the address or the name."`
		State   string `query:"state" enum:"covered,enrolled,to-enrol,not-covered,disabled"`
		Role    string `query:"role" enum:"member,admin,helpdesk,auditor"`
		Product string `query:"product" maxLength:"100" doc:"Id of a product: who holds a seat of it."`
	}
	do(a, act{
		id: "listUsers", method: http.MethodGet, path: "/users", tag: "Users", permission: manage.Read,
		summary: "Users by address, a page at a time",
	}, func(ctx context.Context, w manage.Who, in *list) (*Paged[User], error) {
		at := a.place("/users", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		rows, err := a.o.Manage.Users(ctx, w, storage.UserFilter{
			Text: in.Text, State: storage.UserState(in.State), Role: in.Role, ProductID: in.Product, After: after, Limit: in.Limit + 1,
		})
		if err != nil {
			return nil, err
		}
		same := url.Values{"text": {in.Text}, "state": {in.State}, "role": {in.Role}, "product": {in.Product}}
		return paged(in.Page, rows, func(r storage.UserRow) string { return r.User.Email }, userOf, at, same), nil
	})
}

// ResetConfirmation shows that the right user is meant.
type ResetConfirmation struct {
	Confirm string `json:"confirm" maxLength:"254" doc:"The user's e-mail address."`
}

func (a *API) userActs() {
	do(a, act{
		id: "signOutUser", method: http.MethodPost, path: "/users/{id}/sign-out", tag: "Users", permission: manage.SignOutUsers,
		summary: "Sign a user out everywhere", about: "Ends all sessions of the user, and what apps hold.",
	}, func(ctx context.Context, w manage.Who, in *UserPath) (*struct{}, error) {
		return nil, a.o.Manage.SignOutUser(ctx, w, in.ID)
	})
	type reset struct {
		UserPath
		Body ResetConfirmation
	}
	do(a, act{
		id: "resetUser", method: http.MethodPost, path: "/users/{id}/reset", tag: "Users", permission: manage.ResetUsers,
		summary: "Take a user's authenticator away",
		about:   "App and recovery codes go, all that the user holds ends, and the user is told. Only people do this: no service's token.",
	}, func(ctx context.Context, w manage.Who, in *reset) (*struct{}, error) {
		return nil, a.o.Manage.ResetUser(ctx, w, in.ID, in.Body.Confirm)
	})
	do(a, act{
		id: "askForReset", method: http.MethodPost, path: "/users/{id}/reset-requests", tag: "Users", permission: manage.AskForResets, status: http.StatusCreated,
		summary: "Ask the account's admins to reset a user", about: "For helpdesk; only people do this.",
	}, func(ctx context.Context, w manage.Who, in *UserPath) (*one[DeviceRequest], error) {
		r, err := a.o.Manage.AskForReset(ctx, w, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[DeviceRequest]{a.deviceRequestOf(r)}, nil
	})
}

// Imported counts what became of a list.
type Imported struct {
	Invited   int  `json:"invited"`
	Changed   int  `json:"changed"`
	Unchanged int  `json:"unchanged"`
	DryRun    bool `json:"dry_run"`
	// Messages go out at the account's pace.
	SentBy *time.Time `json:"sent_by,omitempty" doc:"When the last invitation goes out, where not all do at once."`
}

// importPath takes a list, which may be long.
const importPath = "/users/import"

func (a *API) importUsers() {
	type list struct {
		DryRun  bool   `query:"dry_run" doc:"Say what would come of it, and change nothing."`
		RawBody []byte `contentType:"text/csv"`
	}
	do(a, act{
		id: "importUsers", method: http.MethodPost, path: importPath, tag: "Users", permission: manage.EditUsers, status: http.StatusOK, whole: true,
		summary: "Bring users to what a list says",
		about: "CSV in UTF-8 whose first line is email,name,roles,products,language,time_zone. Members are changed, others invited; all lines or none. " +
			"Faults come with their line numbers.",
	}, func(ctx context.Context, w manage.Who, in *list) (*one[Imported], error) {
		r, err := a.o.Manage.Import(ctx, w, bytes.NewReader(in.RawBody), in.DryRun)
		if err != nil {
			return nil, err
		}
		imported := Imported{Invited: r.Invited, Changed: r.Changed, Unchanged: r.Unchanged, DryRun: in.DryRun}
		if !r.SentBy.IsZero() {
			imported.SentBy = &r.SentBy
		}
		return &one[Imported]{imported}, nil
	})
}
