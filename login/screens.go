package login

import (
	"stile/authn"
	"stile/templates"
)

// screen is one screen of a sign-in: where it belongs, what it shows, and what
// its forms do. The main form is the one without a name.
type screen struct {
	step  authn.Step // the step that it is due at; its value is also its path
	page  func(*visit) (templates.Page, error)
	forms map[string]func(*visit) error // by templates.FieldDo
}

// screens is the table of contents, in the order of the steps.
var screens = []screen{
	{authn.StepSelectAccount, selectAccountPage, forms{"": chooseAccount, templates.DoChoose: chooseAccount, templates.DoOtherUser: otherUser}},
	{authn.StepSignIn, signInPage, forms{"": submitPassword, templates.DoPasskey: submitPasskey, templates.DoOtherAddress: otherAddress}},
	{authn.StepIntroduction, introductionPage, forms{
		"": continueIntroduction, templates.DoUsePasskey: usePasskey, templates.DoKeepDevice: keepDevice, templates.DoNotNow: notNow, templates.DoOtherUser: otherUser,
	}},
	{authn.StepVerifyEmail, verifyEmailPage, forms{"": submitEmailCode, templates.DoSendAgain: sendAgain}},
	{authn.StepInstallApp, installAppPage, forms{"": continueInstalled}},
	{authn.StepConnectDevice, connectDevicePage, forms{"": continueConnected, templates.DoNewKey: newKey}},
	{authn.StepSetupCode, setupCodePage, forms{"": submitSetupCode}},
	{authn.StepMakePasskey, makePasskeyPage, forms{"": submitMadePasskey, templates.DoUseApp: useApp}},
	{authn.StepDone, donePage, forms{"": continueDone}},
	{authn.StepEnterCode, enterCodePage, forms{
		"": submitCode, templates.DoPasskey: submitPasskey, templates.DoNewDevice: newDevice, templates.DoOtherUser: otherUser,
	}},
	{authn.StepNewPassword, newPasswordPage, forms{"": submitNewPassword}},
	{authn.StepCheckUp, checkUpPage, forms{"": checkedUp, templates.DoLater: checkLater, templates.DoInAccount: checkInAccount}},
	// Another way through enter-code, and out of an enrolment for want of the old app.
	{stepRecoveryCode, recoveryCodePage, forms{"": submitRecoveryCode, templates.DoNewDevice: newDevice}},
	{stepAskAdmin, askAdminPage, forms{"": continueApproved, templates.DoAskAdmin: askAdmin}},
	{stepDeviceWait, deviceWaitPage, forms{templates.DoStartWait: startWait}},
}

type forms = map[string]func(*visit) error

// These are no steps of their own: see [signin.Pending.RecoveryDue],
// [signin.Pending.AdminDue] and [signin.Pending.WaitDue].
const (
	stepRecoveryCode authn.Step = "recovery-code"
	stepAskAdmin     authn.Step = "ask-admin"
	stepDeviceWait   authn.Step = "device-wait"
)

// open tells whether a screen can be used now: it is the one that is due, or
// one to which an enrolment may go back until it has given a code.
func (v *visit) open(step authn.Step) bool {
	due := v.pending.Decision.Step
	switch step {
	case due:
		return true
	case stepRecoveryCode:
		return v.pending.RecoveryDue()
	case stepAskAdmin:
		return v.pending.AdminDue()
	case stepDeviceWait:
		return v.pending.WaitDue()
	case authn.StepInstallApp:
		return due == authn.StepConnectDevice || due == authn.StepSetupCode
	case authn.StepConnectDevice:
		return due == authn.StepSetupCode
	default:
		return false
	}
}

// done tells whether a step that isn't due was done in this sign-in.
func (v *visit) done(step authn.Step) bool {
	if v.pending.SignIn == nil {
		return false
	}
	n := v.pending.SignIn.Progress.Enrolment
	switch step {
	case authn.StepSignIn:
		return v.pending.Decision.Step != authn.StepSignIn
	case authn.StepIntroduction:
		return n.Started
	case authn.StepVerifyEmail:
		return n.EmailVerified || v.pending.SignIn.Progress.AddressProven
	case authn.StepInstallApp, authn.StepConnectDevice, authn.StepSetupCode, authn.StepMakePasskey:
		return n.Activated
	case authn.StepDone:
		return n.Kept
	default:
		return false
	}
}
