#!/bin/sh
# Removes what install.sh installed. Recordings stay, unless --purge is given.
# usage: uninstall.sh [--purge]
set -eu

purge=no
case ${1:-} in
    '') ;;
    --purge) purge=yes ;;
    *) echo "usage: $0 [--purge]" >&2; exit 2 ;;
esac

prefix=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -e "$prefix/.spikerain-edge" ]; then
    echo "uninstall.sh: $prefix was not installed by install.sh; nothing was removed" >&2
    exit 1
fi

unit=/etc/systemd/system/spikerain-edge.service
# Another installation may own the service.
if [ -e "$unit" ] && grep -q "$prefix/" "$unit"; then
    systemctl disable --now spikerain-edge
    rm -f "$unit" /etc/udev/rules.d/99-spikerain-edge.rules
    systemctl daemon-reload
    udevadm control --reload
    rm -rf /var/cache/private/spikerain-edge /var/cache/spikerain-edge
    if [ "$purge" = yes ]; then
        rm -rf /var/lib/private/spikerain-edge /var/lib/spikerain-edge
        rm -f /etc/default/spikerain-edge
    else
        echo "recordings stay in /var/lib/spikerain-edge; uninstall.sh --purge removes them"
    fi
fi
rm -rf "$prefix"
