// Package migrations holds the schema, one numbered file for each change. The
// files are written once for SQLite and PostgreSQL, go forward only, and are
// never edited after a release.
package migrations

import "embed"

// Files are the migrations.
//
//go:embed *.sql
var Files embed.FS
