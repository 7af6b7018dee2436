#!/bin/sh
# Installs the programs that the tests run, where they are missing. The tests start and stop their
# own servers on free ports; no service of the system is started, stopped or configured.
set -eu

present() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

packages=
present prosody || packages="$packages prosody"
present go-sendxmpp || packages="$packages go-sendxmpp"
present redis-server || packages="$packages redis-server"
present chromium || packages="$packages chromium"
present chromedriver || packages="$packages chromium-driver"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || present postgres ||
  packages="$packages postgresql"
if [ -e "$(dirname "$0")/wire/ejabberd.py" ]; then
  present ejabberdctl || packages="$packages ejabberd"
fi
present pgbouncer || packages="$packages pgbouncer"
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "The tests need these programs, and only apt-get is known here:$packages" >&2
  exit 1
fi
root=
if [ "$(id -u)" != 0 ]; then
  root=sudo
  command -v sudo >/dev/null || {
    echo "As root, or with sudo: apt-get install$packages" >&2
    exit 1
  }
fi

# A freshly installed server would start by itself; this is Debian's way to say no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$root rm -f "$policy"' EXIT INT TERM
  printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
  $root chmod 755 "$policy"
fi

echo "Installing$packages"
$root apt-get -qq update
$root env DEBIAN_FRONTEND=noninteractive \
  apt-get -qq install --no-install-recommends --yes $packages >/dev/null

# Nor at the next boot: nobody asked for these services, only for the programs.
if [ -d /run/systemd/system ]; then
  for package in $packages; do
    case $package in
    prosody | redis-server | postgresql | pgbouncer | ejabberd) $root systemctl disable --quiet "$package" ;;
    esac
  done
fi
