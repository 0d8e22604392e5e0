package authn

import "testing"

// Another device takes the place of one, by the rules, or something stands in for it.
func TestWalksToAnotherDevice(t *testing.T) {
	tell(t, []story{
		{name: "replacement keeps the password and asks for the e-mail code", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "a code of the present app, in this sign-in, spares the e-mail", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			set up a new mobile device → two-step-introduction replace
			continue → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "a code given before this sign-in spares nothing", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace`},
		{name: "the old phone turns up", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			not now → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			not now → enter-code account_policy
			code → finished proven`},
		{name: "replacement out of an old session wants the password again", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			session ends here → enter-code account_policy
			an hour later → enter-code account_policy
			set up a new mobile device → sign-in stale_password
			password → two-step-introduction replace`},
		{name: "replaced in a step-up: the old code proves nothing", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			other window enrols → enter-code changed`},
		{name: "an admin's approval spares the e-mail", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			admin approves → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "an admin's approval, of an app that takes no codes", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			too many wrong codes → two-step-introduction suspended
			admin approves → install-app replace`},
		{name: "an admin's approval is void when another device was connected", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			admin approves → install-app replace
			other window enrols → enter-code enrolled_elsewhere`},
		{name: "an admin's approval out of an old session wants the password", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			an hour later → finished already_proven
			admin approves → sign-in stale_password`},
		{name: "recovery code, then a new device at once", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			continue → install-app recovery
			app installed → connect-device recovery
			connected → setup-code recovery
			setup code → done recovery
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "recovery code, not now", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → finished proven
			session ends here → finished already_proven`},
		{name: "recovery code in the middle of a replacement spares the e-mail", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			recovery code → install-app recovery
			not now → finished proven`},
		{name: "a recovery code of the new set, in place of the first code", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			recovery code → two-step-introduction recovery
			not now → finished proven`},
		{name: "an old recovery code spares nothing", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → finished proven
			session ends here → finished already_proven
			an hour later → finished already_proven
			set up a new mobile device → sign-in stale_password
			password → two-step-introduction replace
			continue → verify-email replace`},
		{name: "L07 suspended authenticator", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			too many wrong codes → two-step-introduction suspended
			continue → verify-email suspended
			e-mail code → install-app suspended`},
		{name: "L07 suspended authenticator and a recovery code", policy: everyone, before: enrolled, story: `
			too many wrong codes → sign-in nothing_proven
			password → two-step-introduction suspended
			recovery code → two-step-introduction recovery
			continue → install-app recovery`},
		{name: "L07 a suspension takes no proof away", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			too many wrong codes → finished already_proven`},
	})
}
