#!/bin/sh
# What must hold before anything is run: form, the house's rules, a tidy go.mod, nothing secret or local.
set -u
cd "$(dirname "$0")/.."
status=0
fail() { echo "check: $1" >&2; status=1; }

echo "== gofmt"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || fail "run gofmt -w on: $unformatted"

echo "== house rules (scripts/archtest)"
go run ./scripts/archtest || fail "see the lines above"

echo "== go vet"
go vet ./... || fail "go vet"

echo "== go.mod is tidy"
go mod tidy -diff || fail "run go mod tidy"

echo "== hygiene"
# What git would carry, built or ignored files left out; testdata may hold published sample keys.
if git rev-parse --git-dir >/dev/null 2>&1; then
	files=$(git ls-files --cached --others --exclude-standard)
else
	files=$(find . -type f -not -path './bin/*' -not -path './.git/*')
fi
text=$(echo "$files" | grep -v -e '/testdata/' -e '^go\.sum$')
look() { # look PATTERN WHY
	found=$(echo "$text" | tr '\n' '\0' | xargs -0 grep -nIE -e "$1" -- 2>/dev/null)
	[ -z "$found" ] || { printf '%s\n' "$found" >&2; fail "$2"; }
}
# The brackets keep these lines from finding themselves.
look '[-]----BEGIN [A-Z ]*PRIVATE KEY-----($|\\n[A-Za-z0-9+/=]{40})' "a private key: keys are made at run time"
look '(^|[^A-Za-z0-9._~/-])/(home|root|Users|wor[k])/[A-Za-z0-9_.-]+' "a path of somebody's machine"
look '(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[bap]-[0-9A-Za-z-]{10,})' "what looks like a credential"
look '^(<<<<<<<|>>>>>>>)( |$)' "a merge left unfinished"
big=$(echo "$files" | tr '\n' '\0' | xargs -0 ls -ld 2>/dev/null | awk '$5 > 1048576 {print $NF}')
[ -z "$big" ] || fail "bigger than 1 MiB, does it belong here: $big"
for script in scripts/*.sh .ci/run; do sh -n "$script" || fail "$script does not parse"; done

[ $status -eq 0 ] && echo "check: all well"
exit $status
