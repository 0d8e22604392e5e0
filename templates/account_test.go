package templates_test

import (
	"slices"
	"time"

	"stile/locale"
	"stile/templates"
)

// areaSamples are pages of the areas with a navigation, in each of their states.
func areaSamples() []sample { return slices.Concat(adminSamples(), accountSamples()) }

func accountSamples() []sample {
	app := templates.AccountApp{State: templates.AuthenticatorApp, Since: now.Add(-90 * 24 * time.Hour), Used: now.Add(-time.Hour)}
	one := []string{"x7q4-9mkt-2hve-bd8r", "p3nw-6zcy-5gja-8tf2"}
	return []sample{
		{"account", nil, templates.Account{App: templates.AccountApp{State: templates.AuthenticatorNone}}},
		{"account.own", noticed("account.notice.on", nil), templates.Account{Enhanced: true, App: app, RecoveryLeft: 7, RecoveryMade: now.Add(-90 * 24 * time.Hour)}},
		{"account.required", nil, templates.Account{
			RequiredBy: "Example Support", App: templates.AccountApp{State: templates.AuthenticatorSuspended, Since: app.Since}, OneWay: true,
		}},
		{"account-recovery-codes", nil, templates.AccountRecoveryCodes{Codes: one, Address: address, MadeAt: now}},
		{"account-password", nil, templates.AccountPassword{Address: address, Min: 8}},
		{"account-password.short", problem(templates.FieldNewPassword, templates.ErrNewPasswordShort, locale.Args{"Min": 15}), templates.AccountPassword{Address: address, Min: 15}},
		{"account-sessions", nil, templates.AccountSessions{
			Sessions: []templates.AccountSession{
				{ID: "s1", Here: true, Browser: "Firefox on Windows", Network: "192.0.2.7", Level: templates.LevelTwoStep, Since: now.Add(-time.Hour), Seen: now},
				{ID: "s2", Network: "2001:db8::7", Level: templates.LevelPassword, Since: now.Add(-50 * time.Hour), Seen: now.Add(-time.Hour)},
				{ID: "s3", Browser: "Safari on iOS", Level: templates.LevelNothing, Since: now.Add(-90 * time.Hour), Seen: now.Add(-80 * time.Hour)},
			},
			Apps: []templates.AccountClient{
				{ID: "console", AppName: "Acme Console", Since: now.Add(-time.Hour), Used: now},
				{ID: "grafana", AppName: "Grafana", Scopes: []string{"openid", "email"}},
			},
		}},
		{"account-sessions.none", nil, templates.AccountSessions{}},
		{"account-activity", nil, templates.AccountActivity{Lines: []templates.AccountSignIn{
			{At: now, AppName: "Acme Console", Browser: "Firefox on Windows", Network: "192.0.2.7", Why: "proven"},
			{At: now, Why: "proven", Second: "synced_passkey"},
			{At: now, Why: "proven", Second: "recovery"},
			{At: now, Why: "already_proven", Second: "passkey"},
			{At: now, Why: "not_required"},
			{At: now, Why: "trusted_browser"},
			{At: now, Why: "of a later version"},
			{At: now, Refused: true, Why: "wrong_password"},
			{At: now, Refused: true, Why: "totp"},
		}}},
		{"account-profile", nil, templates.AccountProfile{
			User: "Mia Member", Address: address, Account: "Example Support", Languages: []templates.AdminChoice{{Chosen: true}, {ID: "fr"}},
		}},
		{"account-profile.wrong", problem(templates.FieldZone, templates.ErrZone, nil), templates.AccountProfile{
			User: "Mia Member", Address: address, Account: "Example Support", Languages: []templates.AdminChoice{{}, {ID: "fr", Chosen: true}}, Zone: "Europe/Atlantis",
		}},
		{"account-email", nil, templates.AccountEmail{Address: address}},
		{"account-email.asked", nil, templates.AccountEmail{Address: address, Asked: "new@example.com", Until: now.Add(20 * time.Minute)}},
		{"account-email.wrong", problem(templates.FieldEmail, templates.ErrAddressSame, nil), templates.AccountEmail{Address: address, Value: address}},
		{"account-email.often", problem(templates.FieldEmail, templates.ErrAddressOften, nil), templates.AccountEmail{Address: address, Value: "new@example.com"}},
		{"account-email-confirm", nil, templates.AccountEmailConfirm{Address: address, To: "new@example.com", Token: linkToken}},
		{"account-email-confirm.taken", problem(templates.FieldToken, templates.ErrAddressTaken, nil), templates.AccountEmailConfirm{Address: address, To: "new@example.com", Token: linkToken}},
		{"account-email-confirm.other", nil, templates.AccountEmailConfirm{OtherUser: true}},
		{"account-data", nil, templates.AccountData{}},
		{"account-data.ready", nil, templates.AccountData{ExportID: "x1", Until: now.Add(24 * time.Hour), LastAdmin: true}},
		{"account-data.wait", problem(templates.DoAskExport, templates.ErrSendAgainLimit, locale.Args{"Until": now.Add(time.Hour)}), templates.AccountData{}},
		{"account-erase", nil, templates.AccountErase{Address: address, Account: "Example Support"}},
		{"account-erase.wrong", problem(templates.FieldConfirm, templates.ErrEraseConfirm, nil), templates.AccountErase{Address: address, Account: "Example Support", Value: "other"}},
		{"account.passkeys", noticed("account.notice.passkey_added", nil), templates.Account{
			Enhanced: true, App: app, RecoveryLeft: 7, RecoveryMade: now.Add(-90 * 24 * time.Hour), PasskeyPath: "/account/passkeys",
			Passkeys: []templates.AccountPasskey{
				{ID: "k1", Name: "Grafana", Since: now, Synced: true},
				{ID: "k2", Name: "Acme Console", Since: now.Add(-48 * time.Hour), Used: now.Add(-time.Hour)},
			},
		}},
		{"account.passkey.only", noticed("account.notice.passkey_added", nil), templates.Account{
			RequiredBy: "Example Support", App: templates.AccountApp{State: templates.AuthenticatorNone}, PasskeyPath: "/account/passkeys", OneWay: true,
			Passkeys: []templates.AccountPasskey{{ID: "k1", Name: "Grafana", Since: now}},
		}},
		{"account.trusted", noticed("account.notice.forgotten", nil), templates.Account{
			RequiredBy: "Example Support", App: app, TrustDays: 14, Trusted: []templates.AccountTrusted{
				{ID: "t1", Here: true, Browser: "Firefox on Windows", Network: "192.0.2.7", Since: now, Until: now.AddDate(0, 0, 14)},
				{ID: "t2", Network: "2001:db8::7", Since: now.AddDate(0, 0, -3), Until: now.AddDate(0, 0, 11)},
			},
		}},
		{"account.trusted.none", noticed("account.notice.forgotten_all", nil), templates.Account{RequiredBy: "Example Support", App: app, TrustDays: 1}},
		{"account-passkey", nil, templates.AccountPasskeyNew{Ask: templates.Passkey{Options: "{}", Challenge: "c2VhbGVk"}, Value: "Grafana"}},
		{"account-passkey.refused", problem(templates.FieldPasskey, templates.ErrPasskeyKnown, nil), templates.AccountPasskeyNew{Ask: templates.Passkey{Options: "{}", Challenge: "c2VhbGVk"}}},
		{"account-passkey-name", problem(templates.FieldName, templates.ErrPasskeyName, locale.Args{"Max": 64}), templates.AccountPasskeyName{ID: "k1"}},
		{"account-refused.last-factor", nil, templates.AccountRefused{LastFactor: true, Back: "/account"}},
		{"account-refused.cooldown", func(f *templates.Frame) { f.Area.Cooldown = now.Add(20 * time.Hour) }, templates.AccountRefused{Until: now.Add(20 * time.Hour), Back: "/account"}},
		{"account-refused.required", nil, templates.AccountRefused{RequiredBy: "Example Support", Back: "/account"}},
	}
}
