#!/bin/sh
# Programs that some tests run against: a PostgreSQL server, and Node.js for the second verifier.
# Installed from Debian when we may; without them those tests are skipped and say why.
set -eu
missing=""
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null || command -v initdb || true)" ] || missing="postgresql"
command -v node >/dev/null || missing="$missing nodejs"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests:$missing"
    # shellcheck disable=SC2086 - words
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
        >/dev/null 2>&1 || echo "Could not install$missing: some tests will be skipped" >&2
else
    echo "Not installed, some tests will be skipped (Debian: apt-get install$missing)" >&2
fi
