package storage_test

import (
	"testing"

	"stile/storage/storagetest"
)

func TestPostgreSQL(t *testing.T) { storagetest.Run(t, storagetest.Server) }
