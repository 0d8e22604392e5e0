package roster

import (
	"fmt"

	"stile/locale"
)

// Fault is what is wrong with a line: in English by Error, and for pages, which
// have a sentence for each Code that takes Args.
type Fault struct {
	Code   FaultCode
	Column string // name of the column, if it is about one
	Args   locale.Args
	Err    error
}

func (f Fault) Error() string {
	if f.Column != "" {
		return f.Column + ": " + f.Err.Error()
	}
	return f.Err.Error()
}

// Unwrap returns what is wrong without the column.
func (f Fault) Unwrap() error { return f.Err }

// FaultCode is a stable name of what is wrong.
type FaultCode string

// What may be wrong with a line of a list, with the names of Args.
const (
	FaultRows      FaultCode = "rows"      // more users than Most
	FaultEmpty     FaultCode = "empty"     // there is no first line
	FaultUTF16     FaultCode = "utf16"     // the list is
	FaultUTF8      FaultCode = "utf8"      // the list, or a cell, is not
	FaultSeparator FaultCode = "separator" // the first line, Text, has other ones than commas
	FaultHeader    FaultCode = "header"    // the first line, Text, is another one
	FaultQuote     FaultCode = "quote"     // one that doesn't end, or stands inside a cell
	FaultCells     FaultCode = "cells"     // Cells instead of Columns
	FaultLong      FaultCode = "long"      // a cell of more bytes than Most
	FaultControl   FaultCode = "control"   // a control character in a cell
	FaultMissing   FaultCode = "missing"   // nothing in a cell
	FaultList      FaultCode = "list"      // more roles or products than Most
	FaultNoRole    FaultCode = "no_role"   // a user without any
	FaultLanguage  FaultCode = "language"  // there is no such one: Value
	FaultAddress   FaultCode = "address"   // not one
	FaultTwice     FaultCode = "twice"     // Value stands in the line First
)

// FaultCodes lists all of them.
func FaultCodes() []FaultCode {
	return []FaultCode{
		FaultRows, FaultEmpty, FaultUTF16, FaultUTF8, FaultSeparator, FaultHeader, FaultQuote, FaultCells, FaultLong, FaultControl,
		FaultMissing, FaultList, FaultNoRole, FaultLanguage, FaultAddress, FaultTwice,
	}
}

// fault makes a Fault of a list or line as a whole.
func fault(code FaultCode, args locale.Args, format string, a ...any) Fault {
	return Fault{Code: code, Args: args, Err: fmt.Errorf(format, a...)}
}

// at makes it a fault of a column.
func (f Fault) at(column string) Fault {
	f.Column = column
	return f
}
