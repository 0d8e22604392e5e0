package api

import (
	"context"
	"net/http"
	"time"

	"stile/manage"
	"stile/storage"
)

// Invitation is an open invitation to the account.
type Invitation struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Roles     []Role    `json:"roles"`
	Products  []string  `json:"products"`
	Language  string    `json:"language,omitempty"`
	TimeZone  string    `json:"time_zone,omitempty"`
	InvitedBy string    `json:"invited_by"`
	CreatedAt time.Time `json:"created_at"`
	SendAt    time.Time `json:"send_at" doc:"When the message goes out, or did: a crowd goes out at the account's pace."`
	ExpiresAt time.Time `json:"expires_at"`
}

func invitationOf(i storage.Invitation) Invitation {
	return Invitation{i.ID, i.Email, i.Name, texts[Role](i.Roles), listOf(i.Products), i.Language, i.TimeZone, i.InvitedBy, i.CreatedAt, i.DueAt(), i.ExpiresAt}
}

// NewInvitation is somebody to be invited.
type NewInvitation struct {
	Email    string   `json:"email" maxLength:"254"`
	Name     string   `json:"name" minLength:"1" maxLength:"200"`
	Roles    []Role   `json:"roles,omitempty" maxItems:"10" doc:"Left out: member."`
	Products []string `json:"products,omitempty" maxItems:"500" doc:"Ids of the products whose seats the user gets."`
	Language string   `json:"language,omitempty" maxLength:"35"`
	TimeZone string   `json:"time_zone,omitempty" maxLength:"64"`
}

func (a *API) invitations() {
	type list struct{ Page }
	do(a, act{
		id: "listInvitations", method: http.MethodGet, path: "/invitations", tag: "Invitations", permission: manage.Read,
		summary: "Open invitations by address, a page at a time",
	}, func(ctx context.Context, w manage.Who, in *list) (*Paged[Invitation], error) {
		at := a.place("/invitations", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		found, err := a.o.Manage.Invitations(ctx, w, after, in.Limit+1)
		if err != nil {
			return nil, err
		}
		return paged(in.Page, found, func(i storage.Invitation) string { return i.Email }, invitationOf, at, nil), nil
	})
	type invite struct{ Body NewInvitation }
	do(a, act{
		id: "invite", method: http.MethodPost, path: "/invitations", tag: "Invitations", permission: manage.EditUsers, status: http.StatusAccepted,
		summary: "Invite somebody by mail",
		about:   "The answer is the same whether or not the address has an account elsewhere. A newer invitation replaces an older one.",
	}, func(ctx context.Context, w manage.Who, in *invite) (*struct{}, error) {
		b := in.Body
		return nil, a.o.Manage.Invite(ctx, w, storage.Invitation{
			Email: b.Email, Name: b.Name, Roles: texts[string](b.Roles), Products: b.Products, Language: b.Language, TimeZone: b.TimeZone,
		})
	})
	type one struct {
		ID string `path:"id" maxLength:"100" doc:"Id of the invitation."`
	}
	do(a, act{
		id: "withdrawInvitation", method: http.MethodDelete, path: "/invitations/{id}", tag: "Invitations", permission: manage.EditUsers,
		summary: "Withdraw an invitation",
	}, func(ctx context.Context, w manage.Who, in *one) (*struct{}, error) {
		return nil, a.o.Manage.WithdrawInvitation(ctx, w, in.ID)
	})
}
