package storage_test

import (
	"fmt"
	"slices"
	"testing"

	"stile/storage"
)

// A big account's admins are not all written to at once, and nobody is told of
// what he did himself.
func TestJ04_AdminsWhoAreTold(t *testing.T) {
	var admins []storage.User
	for n := range 30 {
		admins = append(admins, storage.User{ID: fmt.Sprint(n)})
	}
	told := storage.Told(admins, "3", "7", "")
	if len(told) != 20 || slices.ContainsFunc(told, func(u storage.User) bool { return u.ID == "3" || u.ID == "7" }) {
		t.Errorf("told: %v", told)
	}
	if admins[3].ID != "3" || admins[29].ID != "29" {
		t.Error("the list itself has changed")
	}
	if told := storage.Told(admins[:2], "0"); len(told) != 1 || told[0].ID != "1" {
		t.Errorf("of two: %v", told)
	}
	if len(storage.Told(nil, "0")) != 0 {
		t.Error("of none")
	}
}
