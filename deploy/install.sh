#!/bin/sh
# Installs spikerain-edge as a service of this machine, without a container.
# usage: install.sh [--prefix DIR] [--no-start] [--gpu]
set -eu

prefix=/opt/spikerain
start=yes
gpu=no
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=${2:?--prefix needs a folder}; shift 2 ;;
        --prefix=*) prefix=${1#*=}; shift ;;
        --no-start) start=no; shift ;;
        --gpu) gpu=yes; shift ;;
        *) echo "usage: $0 [--prefix DIR] [--no-start] [--gpu]" >&2; exit 2 ;;
    esac
done

fail() { echo "install.sh: $*" >&2; exit 1; }

root=$(cd "$(dirname "$0")/.." && pwd)
tegra=${TEGRA_RELEASE:-/etc/nv_tegra_release}
if [ -e "$prefix" ] && [ -n "$(ls -A "$prefix")" ] && [ ! -e "$prefix/.spikerain-edge" ]; then
    fail "$prefix is not empty; name another folder: install.sh --prefix DIR"
fi
if [ "$gpu" = yes ] && [ -e "$tegra" ]; then
    fail "--gpu is for desktop GPUs: a Jetson has its TensorRT from JetPack; leave --gpu out"
fi
if [ "$gpu" = yes ] && ! nvidia-smi >/dev/null 2>&1; then
    fail "--gpu needs NVIDIA's driver, and nvidia-smi does not run; install it, or leave --gpu out"
fi
if [ "$start" = yes ] && [ "$(id -u)" != 0 ]; then
    fail "the service is installed by root: sudo $0, or leave it out: $0 --no-start"
fi
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
case $prefix in
    *[!A-Za-z0-9/._+-]*) fail "$prefix holds characters that systemd does not take" ;;
esac
: > "$prefix/.spikerain-edge"

# JetPack installs TensorRT for the system's Python. Desktops have it from NVIDIA's index.
packages=
extras='[serve]'
libraries=
if [ -e "$tegra" ]; then
    packages=--system-site-packages
    extras='[export,serve]'
    # Python's bindings of CUDA have its version: 12 in JetPack 6 (L4T r36), 13 in JetPack 7.
    libraries='cuda-python>=13,<14'
    if grep -q '^# R36 ' "$tegra"; then libraries='cuda-python>=12,<13'; fi
elif [ "$(uname -m)" = x86_64 ]; then
    extras='[openvino,serve]'
fi
if [ "$gpu" = yes ]; then
    extras='[openvino,export,serve]'
    libraries='tensorrt cuda-python'
fi
# shellcheck disable=SC2086
python3 -m venv $packages "$prefix" || fail "install the package python3-venv first"
# shellcheck disable=SC2086
"$prefix/bin/python" -m pip --disable-pip-version-check install --quiet "$root$extras" $libraries

share=$prefix/share/spikerain-edge
mkdir -p "$share"
cp "$root/deploy/serve.sh" "$root/deploy/uninstall.sh" "$share/"
cp "$root/deploy/systemd/99-spikerain-edge.rules" "$share/"
sed "s|/opt/spikerain|$prefix|g" "$root/deploy/systemd/spikerain-edge.service" \
    > "$share/spikerain-edge.service"
# Older versions of systemd do not know growing pauses between restarts.
systemd=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print int($2) }')
if [ "${systemd:-0}" -ge 254 ]; then
    sed -i 's/^RestartSec=.*/&\nRestartSteps=5\nRestartMaxDelaySec=60s/' "$share/spikerain-edge.service"
fi
chmod 755 "$share/serve.sh" "$share/uninstall.sh"

if [ "$start" = yes ]; then
    cp "$share/spikerain-edge.service" /etc/systemd/system/
    cp "$share/99-spikerain-edge.rules" /etc/udev/rules.d/
    udevadm control --reload && udevadm trigger --subsystem-match=video4linux
    systemctl daemon-reload
    systemctl enable --now spikerain-edge
    echo "spikerain-edge is running: journalctl --follow --unit spikerain-edge"
else
    echo "installed in $prefix; try it: $prefix/bin/spikerain-edge doctor"
fi
echo "to remove it: $share/uninstall.sh"
