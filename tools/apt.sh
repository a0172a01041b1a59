# For the other scripts here: `. tools/apt.sh`, then `apt_install PACKAGE...`, which fails where it may not.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root true || return 1
    as_root apt-get -qq update || true  # an old list often still serves
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        -qq install -y --no-install-recommends "$@" >/dev/null
}
