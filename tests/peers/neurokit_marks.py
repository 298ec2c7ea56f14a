"""Delineates WFDB records lead by lead with NeuroKit2; prints samples as JSON. Run by NeuroKit2's own Python."""

import json
import sys
import warnings
from pathlib import Path

import neurokit2
import wfdb

COLUMNS = {
    "p": ("ECG_P_Onsets", "ECG_P_Peaks", "ECG_P_Offsets"),
    "N": ("ECG_R_Onsets", "ECG_R_Peaks", "ECG_R_Offsets"),
    "t": ("ECG_T_Onsets", "ECG_T_Peaks", "ECG_T_Offsets"),
}


def marks(signal, fs):
    """Return onset, peak and end of every wave, by symbol, the way its documentation does it: clean, peaks, dwt."""
    clean = neurokit2.ecg_clean(signal, sampling_rate=fs)
    _, peaks = neurokit2.ecg_peaks(clean, sampling_rate=fs)
    _, waves = neurokit2.ecg_delineate(clean, peaks["ECG_R_Peaks"], sampling_rate=fs, method="dwt")
    waves["ECG_R_Peaks"] = peaks["ECG_R_Peaks"]
    found = {}
    for symbol, columns in COLUMNS.items():
        rows = zip(*(waves[column] for column in columns), strict=True)
        found[symbol] = [[None if value != value else int(value) for value in row] for row in rows]
    return found


def main():
    """Delineate the records named on the command line."""
    warnings.simplefilter("ignore")
    for path in sys.argv[1:]:
        record = wfdb.rdrecord(path)
        found = {}
        for name, signal in zip(record.sig_name, record.p_signal.T, strict=True):
            try:
                found[name] = marks(signal, int(record.fs))
            except Exception as error:  # it raises where it finds too few beats
                found[name] = {"failed": type(error).__name__}
        print(json.dumps({"record": Path(path).name, "leads": found}), flush=True)


if __name__ == "__main__":
    main()
