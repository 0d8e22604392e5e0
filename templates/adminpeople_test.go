package templates_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/templates"
)

// peopleSamples are the pages about people, apps and the log.
func peopleSamples() []sample {
	pager := templates.Pager{First: "/admin/x", Next: "/admin/x?after=c2VhbGVk"}
	roles := []templates.AdminChoice{{ID: "member", Chosen: true}, {ID: "admin"}, {ID: "helpdesk"}, {ID: "auditor"}}
	seats := []templates.AdminChoice{{ID: "p1", Name: "Console", Chosen: true}, {ID: "p2", Name: "Reports"}}
	languages := []templates.AdminChoice{{Chosen: true}, {ID: "en"}, {ID: "fr"}, {ID: "it"}, {ID: "de"}, {ID: "es"}, {ID: "pt"}, {ID: "nl"}}
	row := templates.AdminUserRow{ID: "u1", Name: "Sam Sales", Address: address, Roles: []string{"admin"}, Covered: true, Authenticator: templates.AuthenticatorApp, SignedIn: now}
	off := templates.AdminUserRow{ID: "u2", Name: "Sam Sales", Address: address, Authenticator: templates.AuthenticatorNone, Disabled: true}
	user := templates.AdminUser{
		AdminUserRow: row, AddressVerified: true, Since: now, RecoveryLeft: 8, Made: now, AllRoles: roles, Seats: seats, Languages: languages, Zone: "Europe/Brussels", Tag: "dGFn",
		Editable: true, CanSignOut: true, CanReset: true,
	}
	read := templates.AdminUser{AdminUserRow: off, Made: now, AllRoles: roles, Seats: seats, Languages: languages, CanSignOut: true, CanAskReset: true}
	app := templates.AdminClientRow{ID: "app-1", AppName: "Console", Kind: "web", Users: 12, Used: now}
	service := templates.AdminClientRow{ID: "app-2", AppName: "Reports", Kind: "service", Off: true}
	client := templates.AdminClient{
		AdminClientRow: app, Issuer: "https://id.example.com", Redirects: []string{"https://console.example/callback"},
		Scopes: []string{"openid"}, HasSecret: true, Snippet: "provider, err := …\n", Editable: true,
	}
	client.PostLogout = []string{"https://console.example/"}
	secret := client
	secret.Secret = "c2VjcmV0"
	connect := templates.AdminConnect{
		Kinds:  []templates.AdminChoice{{ID: "web", Chosen: true}, {ID: "spa"}, {ID: "native"}, {ID: "service"}},
		Scopes: []templates.AdminChoice{{ID: "stile.read", Chosen: true}, {ID: "stile.users"}},
	}
	wrong := connect
	wrong.AppName, wrong.Redirects, wrong.Detail = "Console", "http://console.example", "use https"
	change := templates.AdminClientChange{
		ID: "app-1", Called: "Console", AppName: "Console", Kind: "web", Redirects: "https://console.example/callback", PostLogout: "https://console.example/",
		Scopes: []templates.AdminChoice{{ID: "openid", Chosen: true}, {ID: "profile", Chosen: true}, {ID: "email"}, {ID: "offline_access"}}, Version: "3",
	}
	wrongChange := change
	wrongChange.Redirects, wrongChange.Detail = "http://console.example", "use https"
	request := templates.AdminRequest{
		ID: "r1", Name: "Sam Sales", Address: address, User: "/admin/users/u1", Asked: now, Until: now.Add(time.Hour), Label: "KT",
		Browser: "Firefox, Linux", Network: "192.0.2.7", State: templates.RequestOpen,
	}
	reset, own := request, request
	reset.ID, reset.Reset, reset.By, reset.State, reset.Decider, reset.Decided = "r2", true, "Sam Sales", templates.RequestApproved, "Sam Sales", now
	own.ID, own.Own = "r3", true
	following := logPage()
	following.Days, following.Follow, following.Unfollow, following.New, following.Every = nil, "", "/admin/log", 2, 10
	return []sample{
		{"admin-users", nil, templates.AdminUsers{
			Text: "sam", States: []templates.AdminChoice{{Chosen: true}, {ID: "covered"}, {ID: "enrolled"}, {ID: "to-enrol"}, {ID: "not-covered"}, {ID: "disabled"}},
			Roles: append([]templates.AdminChoice{{}}, roles...), Seats: seats, Users: []templates.AdminUserRow{row, off}, Filtered: true, Editable: true,
			Pager: pager, Export: "/admin/users.csv?text=sam",
		}},
		{"admin-users.none", nil, templates.AdminUsers{States: []templates.AdminChoice{{Chosen: true}}, Roles: []templates.AdminChoice{{Chosen: true}}, Filtered: true}},
		{"admin-user", noticed("notice.admin.type_again", nil), user},
		{"admin-user.read", nil, read},
		{"admin-invite", problem("email", "error.input.taken", nil), templates.AdminInvite{Address: "sam", Who: "Sam Sales", Roles: roles, Seats: seats, Language: languages}},
		{"admin-invitations", nil, templates.AdminInvitations{Editable: true, Pager: pager, Invitations: []templates.AdminInvitation{
			{ID: "i1", Name: "Sam Sales", Address: address, By: "Sam Sales", Roles: []string{"member"}, Products: []string{"Console"}, Sent: now, Until: now.AddDate(0, 0, 7)},
		}}},
		{"admin-invitations.none", nil, templates.AdminInvitations{}},
		{"admin-import", nil, templates.AdminImport{Header: "email,name", Most: 10000}},
		{"admin-import.wrong", nil, templates.AdminImport{Header: "email,name", Most: 10000, Faults: []templates.AdminFault{
			{Line: 3, Column: "products", Key: templates.FaultKey("product"), Args: map[string]any{"Value": "Reports"}},
			{Line: 4, Key: templates.FaultKey("address")},
			{Line: 5, Key: templates.FaultKey("cells"), Args: map[string]any{"Cells": 2, "Columns": 6}},
			{Line: 6, Key: templates.FaultKey("wait"), Args: map[string]any{"Until": now}},
		}, More: 2}},
		{"admin-import.checked", nil, templates.AdminImport{Header: "email,name", Most: 10000, Result: &templates.AdminImported{Checked: true, Invited: 12, Changed: 1}}},
		{"admin-clients", nil, templates.AdminClients{Clients: []templates.AdminClientRow{app, service}, Pager: pager, Editable: true}},
		{"admin-clients.none", nil, templates.AdminClients{}},
		{"admin-connect", nil, connect},
		{"admin-connect.wrong", problem("redirect_uris", "error.input.metadata", nil), wrong},
		{"admin-client", nil, client},
		{"admin-client.secret", nil, secret},
		{"admin-client.read", nil, templates.AdminClient{AdminClientRow: service, Issuer: "https://id.example.com", Scopes: []string{"stile.read"}}},
		{"admin-client-change", nil, change},
		{"admin-client-change.wrong", problem("redirect_uris", "error.input.metadata", nil), wrongChange},
		{"admin-client-change.service", nil, templates.AdminClientChange{ID: "app-2", Called: "Reports", AppName: "Reports", Kind: "service", Scopes: connect.Scopes, Version: "2"}},
		{"admin-client-users", nil, templates.AdminClientUsers{ID: "app-1", Called: "Console", Pager: pager, Users: []templates.AdminClientUser{
			{ID: "u1", Name: "Sam Sales", Address: address, Used: now, Allowed: now, Scopes: []string{"openid", "profile"}},
			{ID: "u2", Name: "Mia Member", Address: address, Disabled: true, Allowed: now, Scopes: []string{"openid"}},
			{ID: "u3", Name: "Mia Member", Address: address, Used: now},
		}}},
		{"admin-client-users.none", nil, templates.AdminClientUsers{ID: "app-1", Called: "Console"}},
		{"admin-requests", nil, templates.AdminRequests{Requests: []templates.AdminRequest{request, own, reset}, Pager: pager, Editable: true}},
		{"admin-requests.none", nil, templates.AdminRequests{}},
		{"admin-log", nil, logPage()},
		{"admin-log.following", nil, following},
		{"admin-log.none", nil, templates.AdminLog{Zone: "Europe/Brussels", Filtered: true, User: address, Since: "2026-11-01"}},
	}
}

func logPage() templates.AdminLog {
	sam := templates.AdminActor{Name: "Sam Sales", Code: "u1", Path: "/admin/users/u1"}
	page := templates.AdminLog{
		Zone: "Europe/Brussels", Follow: "/admin/log?follow=e1", CSV: "/admin/log.csv", JSONL: "/admin/log.jsonl",
		Kinds:    []templates.AdminChoice{{Chosen: true}, {ID: string(audit.SignInSucceeded)}, {ID: string(audit.AdminRefused)}},
		Outcomes: []templates.AdminChoice{{Chosen: true}, {ID: audit.OK}, {ID: audit.Refused}},
		Events: []templates.AdminEvent{
			{At: now, Kind: string(audit.SignInSucceeded), By: sam, About: sam, Client: templates.AdminActor{Name: "Console", Code: "app-1"}, Network: "192.0.2.7"},
			{At: now, Kind: string(audit.AdminRefused), Reason: "forbidden", Refused: true, By: sam, Network: "192.0.2.7"},
		},
	}
	for i := range 30 {
		page.Days = append(page.Days, templates.AdminSignIns{Day: now.AddDate(0, 0, i-29), Code: i, Session: i / 3, Trusted: i % 5, NotRequired: 3, RefusedPassword: i % 4, RefusedCode: i % 3, GivenUp: i % 2})
	}
	return page
}

// TestEveryTemplateHasASample: no page goes without a golden file.
func TestEveryTemplateHasASample(t *testing.T) {
	var shown []string
	for _, s := range slices.Concat(samples(t), areaSamples()) {
		shown = append(shown, s.page.Name()+".html")
	}
	files, err := fs.Glob(os.DirFS("."), "*.html")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if !strings.HasSuffix(name, "layout.html") && !slices.Contains(shown, name) {
			t.Errorf("%s: add a page to the samples", name)
		}
	}
}
