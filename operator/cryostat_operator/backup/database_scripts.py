"""Shell scripts that run inside of the database container, and what they print.

They use only what the image has: a POSIX shell, GNU `head`, and the programs of PostgreSQL. The password is read from
the variables of the container, so it is in no argument and no output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_LOGIN = """\
set -eu
export PGUSER="$POSTGRESQL_USER" PGPASSWORD="$POSTGRESQL_PASSWORD" PGDATABASE="$POSTGRESQL_DATABASE"
"""

# Counts and dump see the same snapshot, so that the counts are exact while the application writes. The dump goes to
# the standard output, everything else to the standard error. A table without permission to read ends the script.
_DUMP = r"""
exec psql -X -q -A -t -v ON_ERROR_STOP=1 3>&1 1>&2 <<'SQL'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT 'backup: version ' || current_setting('server_version_num');
SELECT pg_export_snapshot() AS snapshot \gset
\setenv BACKUP_SNAPSHOT :snapshot
SELECT format('SELECT %L || count(*) FROM %I.%I', format('backup: rows %I.%I ', n.nspname, c.relname), n.nspname,
  c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1 \gexec
\! pg_dump --format=custom --no-owner --no-privileges --snapshot="$BACKUP_SNAPSHOT" >&3 && echo 'backup: done' >&2
SQL
"""
DUMP = _LOGIN + _DUMP

VERSION = (
    _LOGIN + "exec psql -X -q -A -t -c \"SELECT 'backup: version ' || current_setting('server_version_num')\" 1>&2\n"
)

# Arguments: the sizes in bytes of the checks and of the dump, which follow one another in the standard input. One
# transaction removes all that the database user owns, restores the dump and compares the counts. Without the last line
# nothing is committed: a broken connection or a damaged dump leaves the database unchanged.
RESTORE = (
    _LOGIN
    + r"""
checks=$(head -c "$1")
{
  echo 'BEGIN;'
  echo "SET LOCAL lock_timeout = '60s';"
  echo 'DROP OWNED BY CURRENT_USER CASCADE;'
  head -c "$2" | pg_restore --no-owner --no-privileges --no-comments --file=- &&
    printf '%s\n' "$checks" 'COMMIT;' "\\! echo 'backup: done' >&2"
} | psql -X -q -v ON_ERROR_STOP=1 -o /dev/null
"""
)


@dataclass(frozen=True)
class Report:
    """What a script printed.

    Attributes:
        version: major version of PostgreSQL; 0 if it was not printed.
        rows: number of rows by `schema.table` with quoted names.
        done: whether the last step succeeded.
        errors: the other lines, in one line.
    """

    version: int
    rows: Mapping[str, int]
    done: bool
    errors: str


def read_report(text: str) -> Report:
    """Parse the standard error of a script."""
    version, rows, done = 0, {}, False
    errors: list[str] = []
    for line in text.splitlines():
        start, _, number = line.rpartition(" ")
        if start == "backup: version" and number.isdecimal():
            version = int(number) // 10000
        elif start.startswith("backup: rows ") and number.isdecimal():
            rows[start.removeprefix("backup: rows ")] = int(number)
        elif line == "backup: done":
            done = True
        elif line.strip():
            errors.append(line.strip())
    return Report(version, rows, done, "; ".join(errors[-3:]))


def checks(rows: Mapping[str, int]) -> bytes:
    """Return SQL that fails unless each table has this number of rows."""
    text = "".join(
        f"DO $check$ BEGIN ASSERT {count:d} = (SELECT count(*) FROM {table}), "  # noqa: S608 - names are quoted
        f"'a table has another number of rows than the backup'; END $check$;\n"
        for table, count in sorted(rows.items())
    )
    return text.encode()


def shell(script: str, *arguments: int) -> list[str]:
    """Return the command that runs a script."""
    return ["sh", "-c", script, "sh", *(str(argument) for argument in arguments)]
