// Package api is the machine API of an account, /api/v1: the acts of package
// manage as JSON.
//
//	api.go        builds it: one router, one table of operations
//	auth.go       who calls, with which rights
//	problem.go    what goes wrong, as RFC 9457 has it
//	body.go       bounds on what is sent
//	once.go       Idempotency-Key: a repeat is not done twice
//	tag.go        ETag and If-Match: nobody overwrites what he hasn't seen
//	page.go       lists a page at a time
//	describe.go   what the description says beyond the types
//
// The other files are the operations, by subject. Each names the permission that
// it needs; what a caller may do, and with what, is decided in package manage.
// The document at /api/v1/openapi.json is made of the same table, and docs/api.md
// of the document.
package api

//go:generate go test -run=TestReference -update .
