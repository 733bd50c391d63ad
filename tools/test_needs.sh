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
wants firefox-esr firefox-esr
wants openssl openssl
if [ -n "$apt_wanted" ]; then
    # shellcheck disable=SC2086
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && { apt-get update -qq && apt-get install -y -qq --no-install-recommends $apt_wanted; } >/dev/null 2>&1; then
        echo "Installed by apt:$apt_wanted."
    else
        echo "Missing:$apt_wanted (Debian: apt-get install$apt_wanted): the tests that need it skip."
    fi
fi
into=benchmarks/out/npm
# name@version, what of it shows that it is there, and what it is for
has_npm() {
    if [ -e "$into/node_modules/$2" ]; then
        return
    fi
    if ! command -v npm >/dev/null 2>&1; then
        echo "npm is not here: the tests that $3 will skip (Debian: apt-get install npm)."
        return
    fi
    mkdir -p "$into"
    if npm install --prefix "$into" --no-audit --no-fund --loglevel=error "$1" >/dev/null 2>&1; then
        echo "Installed $1 under $into: tests $3."
    else
        echo "$1 could not be installed from npm: the tests that $3 will skip."
    fi
}
has_npm ccusage@20.0.24 ccusage "compare our dollars with it"
chmod +x "$into"/node_modules/@ccusage/*/bin/ccusage 2>/dev/null
has_npm axe-core@4.14.1 axe-core "hold the pages to its rules"
has_npm web-ext@10.7.0 web-ext "put the extension through Mozilla's lint"
exit 0
