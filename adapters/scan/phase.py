"""Phases without their jumps."""

import heapq

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def unwrapped(phase: Floats, weight: Floats) -> Floats:
    """Phases in turns (rows, columns), with whole turns added so that neighbours lie less than half a turn apart.

    It spreads from the weightiest cell to its weightiest neighbours first, so that poor cells spoil no good ones.
    Cells of weight 0 are left as they are.
    """
    smooth = phase.copy()
    rows, columns = phase.shape
    done = weight <= 0
    if done.all():
        return smooth
    start = np.unravel_index(int(np.argmax(weight)), weight.shape)
    waiting = [(-float(weight[start]), int(start[0]), int(start[1]), float(phase[start]))]
    while waiting:
        _, row, column, beside = heapq.heappop(waiting)
        if done[row, column]:
            continue
        done[row, column] = True
        smooth[row, column] += round(beside - float(smooth[row, column]))
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= near[0] < rows and 0 <= near[1] < columns and not done[near]:
                heapq.heappush(waiting, (-float(weight[near]), *near, float(smooth[row, column])))
    return smooth
