package storage

import (
	"context"
	"slices"
	"strings"
)

// batchRows bounds the rows of one statement, so that no statement grows with
// what somebody has sent.
const batchRows = 50

// addAll inserts rows that have the same table, columns and suffix.
func addAll(ctx context.Context, q queryer, rows []insert) error {
	for some := range slices.Chunk(rows, batchRows) {
		var values []string
		var args []any
		for _, i := range some {
			values = append(values, "("+marks(len(args), len(i.values))+")")
			args = append(args, i.values...)
		}
		first := some[0]
		text := "INSERT INTO " + first.table + " (" + first.columns + ") VALUES " + strings.Join(values, ", ") + " " + first.suffix
		if _, err := q.ExecContext(ctx, text, args...); err != nil {
			return err
		}
	}
	return nil
}

// manyOf reads the rows that belong to a list of keys. The text has {keys} in
// the place of the keys, and takes its own arguments first.
func manyOf[T any](ctx context.Context, q queryer, scan func(row) (T, error), keys []string, text string, args ...any) ([]T, error) {
	var all []T
	err := eachOf(keys, text, args, func(text string, args []any) error {
		some, err := many(ctx, q, scan, text, args...)
		all = append(all, some...)
		return err
	})
	return all, err
}

// runOf runs a statement for a list of keys, see manyOf.
func runOf(ctx context.Context, q queryer, keys []string, text string, args ...any) error {
	return eachOf(keys, text, args, func(text string, args []any) error {
		_, err := q.ExecContext(ctx, text, args...)
		return err
	})
}

func eachOf(keys []string, text string, args []any, do func(text string, args []any) error) error {
	for some := range slices.Chunk(keys, batchRows) {
		all := slices.Clone(args)
		for _, k := range some {
			all = append(all, k)
		}
		if err := do(strings.ReplaceAll(text, "{keys}", marks(len(args), len(some))), all); err != nil {
			return err
		}
	}
	return nil
}
