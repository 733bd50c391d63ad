#!/bin/sh
# What the tests use beside Python packages. What cannot be had is named; the tests that need it skip and say why
# (and fail instead where TACHOGRAPH_TEST_REQUIRE_ALL=1).
apt_wanted=""
wants() { command -v "$1" >/dev/null 2>&1 || apt_wanted="$apt_wanted $2"; }
wants dbus-daemon dbus
wants Xvfb xvfb
wants xfce4-panel xfce4-panel
wants xdotool xdotool
wants tmux tmux
wants chromium chromium
if [ -n "$apt_wanted" ]; then
    # shellcheck disable=SC2086
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && { apt-get update -qq && apt-get install -y -qq --no-install-recommends $apt_wanted; } >/dev/null 2>&1; then
        echo "Installed by apt:$apt_wanted."
    else
        echo "Missing:$apt_wanted (Debian: apt-get install$apt_wanted): the tests that need it skip."
    fi
fi
into=benchmarks/out/npm
if ! command -v npm >/dev/null 2>&1; then
    echo "npm is not here: the tests that compare dollars with ccusage, and axe's look at the pages, will skip (Debian: apt-get install npm)."
    exit 0
fi
mkdir -p "$into"
# installed together, since npm takes away what it is not told of
if [ ! -d "$into/node_modules/ccusage" ] || [ ! -d "$into/node_modules/axe-core" ]; then
    if npm install --prefix "$into" --no-audit --no-fund --loglevel=error ccusage@20.0.24 axe-core@4.14.1 >/dev/null 2>&1; then
        chmod +x "$into"/node_modules/@ccusage/*/bin/ccusage 2>/dev/null
        echo "Installed ccusage 20.0.24 and axe-core 4.14.1 under $into: tests compare dollars with one, and pages with the other's rules."
    else
        echo "ccusage and axe-core could not be installed from npm: the tests that need them will skip."
    fi
fi
