package storage_test

import (
	"testing"

	"stile/storage/storagetest"
)

func TestSQLite(t *testing.T) { storagetest.Run(t, storagetest.Embedded) }
