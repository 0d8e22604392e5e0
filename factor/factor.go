// Package factor proves one thing about a user: a password, a code of an
// authenticator app, a code sent by e-mail, a recovery code, a passkey. It also makes what
// is needed to prove it later: records, keys, QR codes, codes. It keeps nothing
// and knows no web: that a code works once is storage's business, that one may
// try is limit's.
//
//	password.go   Argon2id records, the same work for everybody
//	pool.go       as many hashes at once as memory and patience allow
//	judge.go      which new passwords are refused
//	code.go       what people type into code fields
//	totp.go       keys and codes of authenticator apps, RFC 6238
//	otpauth.go    the URI and the QR code that connect one
//	emailcode.go  codes and labels of messages
//	recovery.go   codes for the day the phone is lost
//	passkey.go    passkeys, WebAuthn
//
// # To add a factor
//
// Add a file here that makes and checks it without looking anything up, a row
// to the table of methods in authn, bookings in limit if it can be guessed, and
// a storage method that spends it.
package factor
