#!/bin/sh
# Installs Debian's Chromium for the browser tests and the screenshots, when it is missing and we may.
set -eu
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-noto-core >/dev/null
else
    echo "Chromium is missing: the browser tests will be skipped (Debian: apt-get install chromium fonts-noto-core)" >&2
fi
