# shellcheck shell=bash
# Sourced by cmake/setup and tests/bench/peer: packages of a newer release of Debian than this
# machine's, through a private apt configuration whose archive addresses are those of this machine's
# own apt. /etc/apt and the list of installed packages stay as they are; apt checks the signatures.
#
# The caller sets apt_folder (a private folder, made and deleted here) and defines
# say TEXT and fail TEXT [LINE...].

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# Lines "address codename component" of this machine's own Debian sources.
debian_sources() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' \
        'Created-By: Packages' | awk '$4 == "Debian" && NF == 4 && !seen[$0]++ { print $1, $2, $3 }'
}

# Writes the private apt configuration and fetches its lists. Arguments: more lines for its sources,
# with ADDRESS standing for the address of this machine's Debian archive. With own_sources= (empty)
# in the environment this machine's own lines are left out. Fails only if there is no such address.
private_apt() {
    local sources address key
    sources=$(debian_sources)
    if [[ ! $sources ]]; then
        as_root apt-get update -q >&2 || true
        sources=$(debian_sources)
    fi
    address=$(awk -v code="$VERSION_CODENAME" '$2 == code { print $1; exit }' <<<"$sources")
    [[ $address ]] || return 1
    for key in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg} ''; do
        [[ ! -e $key ]] || break
    done
    rm -rf "$apt_folder"
    mkdir -p "$apt_folder"/{state/lists/partial,cache/archives/partial}
    {
        if [[ ${own_sources-yes} ]]; then sed 's/^/deb ADDRESSED /' <<<"$sources"; fi
        printf '%s\n' "$@" | sed "s|ADDRESS|ADDRESSED $address|"
    } | sed "s|ADDRESSED|${key:+[signed-by=$key]}|" >"$apt_folder/sources.list"
    cat >"$apt_folder/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt_folder/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "$apt_folder/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$apt_folder/cache";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
CONF
    export APT_CONFIG=$apt_folder/apt.conf
    apt-get update -q >&2 ||
        fail "package lists could not be fetched: ${*//ADDRESS/$address}" \
            "Look at the message above. Is there a network? Then run this again."
}

private_done() { unset APT_CONFIG; rm -rf "$apt_folder"; }

# private_unpack FOLDER PACKAGE...: downloads the packages through the private configuration and
# unpacks all of them into FOLDER, which is replaced. Nothing is installed. Fails without a message.
private_unpack() {
    local folder=$1 new=$1.new
    shift
    rm -rf "$new" && mkdir -p "$new"/{debs,root} &&
        (cd "$new/debs" && apt-get download -q "$@" >&2) &&
        find "$new/debs" -name '*.deb' -print0 | xargs -0 -I{} dpkg -x {} "$new/root" &&
        rm -rf "$folder" && mv "$new/root" "$folder" && rm -rf "$new"
}

# private_loader FOLDER: the dynamic loader that was unpacked there. A program of a newer release is
# started as `LOADER --library-path <the loader's folder> PROGRAM`, on the C library it was built for.
private_loader() {
    local file
    for file in "$1"/usr/lib/*/ld-linux*.so.*; do
        if [[ -e $file ]]; then printf '%s\n' "$file"; return; fi
    done
    fail "no dynamic loader was unpacked in $1."
}
