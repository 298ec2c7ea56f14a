"""Reads one file with ecgdatakit or sierraecg, in their own venv: lead names and microvolt go into an .npz."""

import sys
import warnings
from pathlib import Path

import numpy as np


def ecgdatakit(path: Path) -> dict[str, np.ndarray]:
    from ecgdatakit import FileParser

    warnings.simplefilter("ignore")
    leads = FileParser().parse(path).leads
    per = {"uV": 1.0, "mV": 1e3, "nV": 1e-3}
    return {
        each.label: (each.samples * each.resolution + each.offset) * per[each.resolution_unit]
        if each.is_raw
        else each.samples * per[each.units]
        for each in leads
    }


def sierraecg(path: Path) -> dict[str, np.ndarray]:
    from sierraecg import read_file

    return {each.label: each.samples * 5.0 for each in read_file(str(path)).leads}  # both samples: 5 uV a step


if __name__ == "__main__":
    _, program, source, target = sys.argv
    np.savez(target, **globals()[program](Path(source)))
