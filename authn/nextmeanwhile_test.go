package authn

import "testing"

// Screens are skipped, sign-ins broken off, and others change things meanwhile.
func TestWalksThatAreDisturbed(t *testing.T) {
	tell(t, []story{
		{name: "K08 required enrolment can't be waved away", policy: everyone, story: `
			password → two-step-introduction account_policy
			not now → two-step-introduction account_policy
			continue → verify-email account_policy
			not now → two-step-introduction account_policy`},
		{name: "K09 screens can't be skipped", policy: everyone, story: `
			connected → sign-in nothing_proven
			e-mail code → sign-in nothing_proven
			password → two-step-introduction account_policy
			app installed → two-step-introduction account_policy
			codes kept → two-step-introduction account_policy
			continue → verify-email account_policy
			connected → verify-email account_policy`},
		{name: "K11 broken off, begun again from the start", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			a new sign-in → sign-in nothing_proven
			password → two-step-introduction account_policy`},
		{name: "K11 broken off before the codes were kept", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			a new sign-in → sign-in nothing_proven
			password → enter-code account_policy`},
		{name: "the key lapsed: the QR code again, no second e-mail", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			new key → connect-device account_policy`},
		{name: "K10 enrolled meanwhile in another tab", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			other window enrols → enter-code enrolled_elsewhere
			code → finished proven`},
		{name: "K08 a pending first enrolment does not replace what was connected meanwhile", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			other window enrols → enter-code enrolled_elsewhere
			connected → enter-code enrolled_elsewhere`},
		{name: "K10 replaced meanwhile in another tab", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			other window enrols → enter-code enrolled_elsewhere
			code → finished proven`},
		{name: "K10 replaced again before the codes were kept", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			other window enrols → enter-code enrolled_elsewhere`},
		{name: "reset by an admin in the middle", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			set up a new mobile device → two-step-introduction replace
			continue → verify-email replace
			e-mail code → install-app replace
			admin resets → two-step-introduction account_policy
			continue → verify-email account_policy`},
		{name: "reset by an admin under a session", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			admin resets → two-step-introduction account_policy`},
		{name: "password changed under a session", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			code → finished proven
			session ends here → finished already_proven
			password changed → sign-in changed
			password → finished already_proven`},
		{name: "L02 a password that others know is changed with the second factor", policy: everyone, before: enrolled, story: `
			password exposed → sign-in nothing_proven
			password → enter-code account_policy
			code → new-password exposed
			set up a new mobile device → two-step-introduction replace
			not now → new-password exposed
			chooses another password → finished proven
			session ends here → finished already_proven`},
		{name: "L02 who has no more than the exposed password chooses none", policy: off, before: enrolled, story: `
			password exposed → sign-in nothing_proven
			password → finished not_required`},
		{name: "L02 a session from before goes on, a step-up of it does not", policy: off, before: enrolled, story: `
			password → finished not_required
			session ends here → finished not_required
			password exposed → finished not_required
			asked for a code → enter-code requested
			code → new-password exposed
			chooses another password → finished proven`},
		{name: "L02 a recovery code counts as well", policy: everyone, before: enrolled, story: `
			password exposed → sign-in nothing_proven
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → new-password exposed`},
		{name: "K08 a recovery code is not enough for what protects the sign-in; another device is connected all the same", policy: off, before: enrolled, story: `
			password → finished not_required
			asked for more than a recovery code → enter-code requested
			recovery code → two-step-introduction recovery
			not now → enter-code lasting
			set up a new mobile device → two-step-introduction replace
			continue → install-app replace
			app installed → connect-device replace
			connected → setup-code replace
			setup code → done replace
			codes kept → enter-code setup_spent
			code → finished proven`},
		{name: "K08 a recovery code beside a code takes nothing away", policy: everyone, before: enrolled, story: `
			password → enter-code account_policy
			recovery code → two-step-introduction recovery
			not now → finished proven
			session ends here → finished already_proven
			asked for more than a recovery code → enter-code lasting
			code → finished proven`},
		{name: "the switch is turned off in the middle", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			policy off → finished not_required`},
		{name: "the switch is turned off just after activation: the codes are shown all the same", policy: everyone, story: `
			password → two-step-introduction account_policy
			continue → verify-email account_policy
			e-mail code → install-app account_policy
			app installed → connect-device account_policy
			connected → setup-code account_policy
			setup code → done first
			policy off → done first
			codes kept → finished not_required`},
	})
}
