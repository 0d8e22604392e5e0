package storagetest

import "testing"

func TestC01_AuthorizationCodeWorksOnce(t *testing.T) { Each(t, CodeOnce) }

func TestC01_RequestGivesOneCode(t *testing.T) { Each(t, RequestOnce) }

func TestK02_TimeStepIsAcceptedOnce(t *testing.T) { Each(t, TOTPStepOnce) }

func TestJ02_EmailCodeWorksOnce(t *testing.T) { Each(t, EmailCodeOnce) }

func TestJ01_ParallelGuessesAreCounted(t *testing.T) { Each(t, EmailGuessesBounded) }

func TestM01_RecoveryCodeWorksOnce(t *testing.T) { Each(t, RecoveryCodeOnce) }

func TestE01_RefreshAtOnceHasOneSuccessor(t *testing.T) { Each(t, RefreshOnce) }

func TestG01_SignInEndsInOneSession(t *testing.T) { Each(t, SignInOnce) }
