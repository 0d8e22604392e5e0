package storagetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"stile/storage"
	"stile/storage/migrations"
)

// Variable names a PostgreSQL server for tests to use instead of starting one
// for each test binary: the URL of a database whose user may create others.
const Variable = "STILE_TEST_POSTGRES"

// Postgres returns the URL of a migrated database on PostgreSQL that only this
// test uses. Nothing on it survives a crash: it is made for speed.
func Postgres(t testing.TB) string {
	t.Helper()
	server := postgresServer(t)
	template, err := server.template()
	if err != nil {
		t.Fatalf("template database: %v", err)
	}
	return server.database(t, "TEMPLATE "+template)
}

// EmptyPostgres is [Postgres] without a schema.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	return postgresServer(t).database(t, "TEMPLATE template0")
}

type server struct {
	url  string
	stop func() // kept: without it the pipe that holds the server up is collected
}

var (
	startOnce sync.Once
	started   server
	startErr  error
)

// postgresServer returns the server of this test binary. It is stopped when
// the binary ends, however it ends.
func postgresServer(t testing.TB) server {
	t.Helper()
	startOnce.Do(func() {
		if given := os.Getenv(Variable); given != "" {
			started = server{url: given}
			return
		}
		started.url, started.stop, startErr = StartPostgres()
	})
	if startErr != nil {
		t.Fatal(startErr)
	}
	return started
}

// StartPostgres starts a PostgreSQL server of its own in a temporary folder and
// returns the URL of a database on it. stop ends the server and removes the
// folder; the end of this process does the same.
func StartPostgres() (url string, stop func(), err error) {
	bin, err := findPostgres()
	if err != nil {
		return "", nil, err
	}
	// PostgreSQL does not run as root, and a socket's path must be short.
	owner, err := owner()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(shortTemp(), "stile-pg")
	if err != nil {
		return "", nil, err
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return "", nil, err
		}
	}
	// The shell lives as long as its standard input, which is ours.
	cmd := exec.Command("/bin/sh", "-c", `
		trap '' INT
		LC_ALL=C "$1/initdb" -D "$2/data" -A trust -U postgres -E UTF8 --locale=C --no-sync --no-instructions >"$2/log" 2>&1 || exit 1
		"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
			-c max_connections=300 -c shared_buffers=64MB -c max_wal_size=256MB -c deadlock_timeout=100ms -c log_min_messages=fatal >>"$2/log" 2>&1 </dev/null &
		cat >/dev/null
		kill -INT $!
		wait $!
		rm -rf "$2"`, "sh", bin, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setpgid: true}
	cmd.Dir = dir
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	url = "postgres:///postgres?user=postgres&host=" + dir
	if err := answers(url, dir); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		stop()
		return "", nil, fmt.Errorf("%w\n%s", err, log)
	}
	return url, stop, nil
}

// answers waits until the server is there.
func answers(url, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return errors.New("storagetest: PostgreSQL did not start within a minute")
		case <-tick.C:
		}
		if _, err := os.Stat(filepath.Join(dir, ".s.PGSQL.5432")); err != nil {
			continue
		}
		if conn, err := pgx.Connect(ctx, url); err == nil {
			return conn.Close(ctx)
		}
	}
}

func findPostgres() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(real), nil
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		found, _ := filepath.Glob(pattern + "/initdb")
		if len(found) > 0 {
			return filepath.Dir(slices.Max(found)), nil
		}
	}
	return "", errors.New("storagetest: no PostgreSQL here: install it (apt-get install postgresql, brew install postgresql), or name a server in " + Variable)
}

// owner is who runs the server: nil for ourselves.
func owner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("storagetest: PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// room is what the databases of all tests that run at once, and the log of the
// server, take at most, in bytes.
const room = 2 << 30

// shortTemp is memory where there is enough of it: a database has hundreds of
// files, and most tests make one.
func shortTemp() string {
	var free syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &free) == nil && free.Bavail*uint64(free.Bsize) >= room {
		return "/dev/shm"
	}
	if _, err := os.Stat("/tmp"); err == nil {
		return "/tmp"
	}
	return os.TempDir()
}

// database makes a database and drops it when the test is over.
func (s server) database(t testing.TB, how string) string {
	t.Helper()
	name := "stile_" + random()
	if err := s.do("CREATE DATABASE " + name + " " + how); err != nil {
		t.Fatalf("database of the test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.do("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("database of the test: %v", err)
		}
	})
	return s.named(name)
}

// named returns the URL of another database of the server.
func (s server) named(name string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		panic("storagetest: " + Variable + " is not a URL") // pgx has read it before
	}
	u.Path = "/" + name
	return u.String()
}

func (s server) do(statements ...string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, text := range statements {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

var templates struct {
	sync.Mutex
	name string
	err  error
}

// template returns the name of a migrated database to copy, and makes it if
// nobody has: other test binaries use the same server.
func (s server) template() (string, error) {
	templates.Lock()
	defer templates.Unlock()
	if templates.name == "" && templates.err == nil {
		templates.name, templates.err = s.makeTemplate()
	}
	return templates.name, templates.err
}

func (s server) makeTemplate() (string, error) {
	ctx := context.Background()
	name := "stile_template_" + schemaHash()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(7415943)"); err != nil { // held until Close
		return "", err
	}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
		return name, err
	}
	draft := "stile_draft_" + random()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+draft+" TEMPLATE template0"); err != nil {
		return "", err
	}
	db, err := storage.Open(ctx, s.named(draft), storage.Options{Ring: Ring(), Now: time.Now})
	if err != nil {
		return "", err
	}
	if err := errors.Join(db.Migrate(ctx), db.Close()); err != nil {
		return "", err
	}
	// Each test seals under its own key.
	inside, err := pgx.Connect(ctx, s.named(draft))
	if err != nil {
		return "", err
	}
	_, err = inside.Exec(ctx, "DELETE FROM roots")
	if err := errors.Join(err, inside.Close(ctx)); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
	return name, err
}

// schemaHash tells templates of different schemas apart.
func schemaHash() string {
	h := newHash()
	files, _ := migrations.Files.ReadDir(".")
	for _, f := range files {
		file, err := migrations.Files.Open(f.Name())
		if err == nil {
			_, _ = io.Copy(h, file)
		}
	}
	return strings.ToLower(hex.EncodeToString(h.Sum(nil))[:16])
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
