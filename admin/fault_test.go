package admin_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stile/locale"
	"stile/roster"
	"stile/storage"
)

// faulty are lists with one fault each, of all kinds that a list can have.
func faulty(address string) map[string]string {
	good := roster.Header + "\n" + address + ",Pat,,,,\n"
	of := func(line string) string { return roster.Header + "\n" + line + "\n" }
	rows := roster.Header + "\n" + strings.Repeat(address+",Pat,,,,\n", roster.MaxRows+1)
	return map[string]string{
		"rows": rows, "empty": "\n", "utf16": "\xff\xfee\x00m\x00", "utf8": "\xe9mail\n", "separator": strings.ReplaceAll(good, ",", ";"), "header": "address\n",
		"quote": of(address + `,P"at,,,,`), "cells": of(address + ",Pat"), "long": of(address + "," + strings.Repeat("x", 70<<10) + ",,,,"),
		"control": of(address + ",\"P\nt\",,,,"), "missing": of(address + ",,,,,"), "list": of(address + ",Pat,," + many(501) + ",,"),
		"no_role": of(address + ",Pat,-,,,"), "language": of(address + ",Pat,,,tlh,"), "address": of("nobody,Pat,,,,"), "twice": good + address + ",Pat,,,,\n",
		"role": of(address + ",Pat,emperor,,,"), "product": of(address + ",Pat,,Fax,,"), "time_zone": of(address + ",Pat,,,,Mars/Crater"),
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("y", i%9) + string(rune('A'+i%26)) + strings.Repeat("z", i/26) + ";")
	}
	return b.String()
}

// Whatever is wrong with a list is said in the language of whoever looks, with
// what it is about.
func TestFaultsOfListsAreTranslated(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	lists := faulty("new." + g.user.Email)
	for _, code := range roster.FaultCodes() {
		if lists[string(code)] == "" {
			t.Errorf("no list has the fault %s", code)
		}
	}
	item := regexp.MustCompile(`(?s)<ul>\s*<li>(.*?)</li>`)
	said := map[string][]string{}
	for _, lang := range locale.Supported {
		for code, list := range lists {
			if code == "rows" && lang != locale.German {
				continue // takes long
			}
			g.Open(s.url + "/admin/users/import?lang=" + url.QueryEscape(string(lang)))
			p := g.Upload("file", []byte(list), nil)
			found := item.FindStringSubmatch(p.Body)
			if p.Status != 422 || found == nil {
				t.Fatalf("%s, %s: %s", code, lang, p)
			}
			text := found[1]
			if strings.Contains(text, `lang="en"`) || strings.Contains(text, "no value") || strings.Contains(text, "{{") || strings.Contains(text, "admin.import") {
				t.Errorf("%s, %s: %s", code, lang, text)
			}
			said[code] = append(said[code], text)
		}
	}
	for code, texts := range said {
		if all := len(texts); code != "rows" && len(slices.Compact(slices.Sorted(slices.Values(texts)))) != all {
			t.Errorf("%s: said alike in two languages: %q", code, texts)
		}
	}
	g.Open(s.url + "/admin/users/import?lang=de")
	g.Upload("file", []byte(lists["product"]), nil)
	g.says("Zeile 2: products Die Organisation hat kein Produkt Fax")
}
