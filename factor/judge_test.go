package factor

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	p, err := NewPasswords(testHasher(t, 7), PasswordOptions{BelowFloor: true, Common: []string{"Blue Harbour 7"}})
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"agent@example.com", "Ann Agentsen", "Example Support", "Desk Pro"}
	for _, test := range []struct {
		password string
		least    int
		want     string // key; empty: good
	}{
		{"correct horse battery", MinPasswordAlone, ""},
		{"correct horse", MinPasswordAlone, PasswordTooShort},
		{"correct horse", MinPasswordWithSecondFactor, ""},
		{"fourteen chars", MinPasswordAlone, PasswordTooShort},
		{"fifteen chars!!", MinPasswordAlone, ""},
		{"seven77", MinPasswordWithSecondFactor, PasswordTooShort},
		{"eight 88", MinPasswordWithSecondFactor, ""},
		{"", MinPasswordWithSecondFactor, PasswordTooShort},
		{"ééééééé", MinPasswordWithSecondFactor, PasswordTooShort}, // 14 bytes, 7 characters
		{"e\u0301e\u0301e\u0301e\u0301", MinPasswordWithSecondFactor, PasswordTooShort},
		{"日本語の秘密の言葉", MinPasswordWithSecondFactor, ""},
		{"password", MinPasswordWithSecondFactor, PasswordCommon},
		{"PassWord", MinPasswordWithSecondFactor, PasswordCommon},
		{"passw0rd", MinPasswordWithSecondFactor, PasswordCommon},
		{"qwertyuiop", MinPasswordWithSecondFactor, PasswordCommon},
		{"ｐａｓｓｗｏｒｄ", MinPasswordWithSecondFactor, PasswordCommon},
		{"passwordpassword", MinPasswordAlone, PasswordCommon},
		{"aaaaaaaaaaaaaaaa", MinPasswordAlone, PasswordCommon},
		{"abcabcabcabcabcabc", MinPasswordAlone, PasswordCommon},
		{"abcdefghijklmnop", MinPasswordAlone, PasswordCommon},
		{"zyxwvutsrqponmlk", MinPasswordAlone, PasswordCommon},
		{"blue harbour 7", MinPasswordWithSecondFactor, PasswordCommon},
		{"Blue Harbour 8", MinPasswordWithSecondFactor, ""},
		{"agent@example.com", MinPasswordAlone, PasswordPersonal},
		{"example.com2026", MinPasswordAlone, PasswordPersonal},
		{"Agentsen", MinPasswordWithSecondFactor, PasswordPersonal},
		{"Agentsen-1984", MinPasswordWithSecondFactor, PasswordPersonal},
		{"agentsenagentsen", MinPasswordAlone, PasswordPersonal},
		{"Example-Support-2026", MinPasswordAlone, PasswordPersonal},
		{"desk pro 1", MinPasswordWithSecondFactor, PasswordPersonal},
		{"my desk has a lamp", MinPasswordAlone, ""},
		{"12958736140", MinPasswordWithSecondFactor, ""}, // no letter is a rule of its own
		{"tab\tin it all along", MinPasswordAlone, PasswordNoText},
		{"delete \x7f in it all", MinPasswordAlone, PasswordNoText},
		{strings.Repeat("four words in it ", 15), MinPasswordAlone, ""},
		{strings.Repeat("four words in it ", 16), MinPasswordAlone, PasswordTooLong},
	} {
		t.Run(test.password, func(t *testing.T) {
			err := p.Judge(test.password, test.least, words...)
			if test.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.want != "" && rejection(err) != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
			if err != nil && len(test.password) > 8 && strings.Contains(err.Error(), test.password) {
				t.Errorf("the message shows the password: %v", err)
			}
		})
	}
}
