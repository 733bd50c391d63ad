#!/bin/sh
# What the tests use beside Python packages. What cannot be had is named; the tests that need it skip and say why
# (and fail instead where TACHOGRAPH_TEST_REQUIRE_ALL=1).
apt_wanted=""
npm_missing=""
wants() { command -v "$1" >/dev/null 2>&1 || apt_wanted="$apt_wanted $2"; }
wants dbus-daemon dbus
wants Xvfb xvfb
wants xfce4-panel xfce4-panel
wants xdotool xdotool
wants tmux tmux
wants chromium chromium
wants firefox-esr firefox-esr
wants openssl openssl
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || wants initdb postgresql
if [ -n "$apt_wanted" ]; then
    # shellcheck disable=SC2086
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && { apt-get update -qq && apt-get install -y -qq --no-install-recommends $apt_wanted; } >/dev/null 2>&1; then
        echo "Installed by apt:$apt_wanted."
    else
        echo "Missing:$apt_wanted (Debian: apt-get install$apt_wanted): the tests that need it skip."
    fi
fi
into=benchmarks/out/npm
# installed together, since npm takes away what it is not told of
npm_wanted="ccusage@20.0.24 axe-core@4.14.1 web-ext@10.7.0 @biomejs/biome@2.6.8 typescript@7.0.2 happy-dom@21.0.4"
for name in ccusage axe-core web-ext @biomejs/biome typescript happy-dom; do
    [ -d "$into/node_modules/$name" ] || npm_missing="$npm_missing $name"
done
for_what="compare dollars with ccusage, look at the pages with axe, check our scripts, and put the extension through Mozilla's lint"
if [ -z "$npm_missing" ]; then
    exit 0
elif ! command -v npm >/dev/null 2>&1; then
    echo "npm is not here: the tests that $for_what will skip (Debian: apt-get install npm)."
    exit 0
fi
mkdir -p "$into"
# shellcheck disable=SC2086
if npm install --prefix "$into" --no-audit --no-fund --loglevel=error $npm_wanted >/dev/null 2>&1; then
    chmod +x "$into"/node_modules/@ccusage/*/bin/ccusage 2>/dev/null
    echo "Installed $npm_wanted under $into: tests $for_what."
else
    echo "$npm_wanted could not be installed from npm: the tests that $for_what will skip."
fi
