"""The published system's image arm: the ten steps on printed pages, and its network on what they make of them.

The pages are drawn by our own generator in the styles that training may see, as scans; the description does not say of
what pages it learned. The network starts from the published Lead II arm.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from adapters.scan.nouns import Picture
from adapters.scan.pictures import page
from adapters.scan.ten_steps import SAMPLES, ten_steps
from ecg.canonical import canonicalise
from ecg.recording import Waveform
from models.prepare import Prepare
from training.calibrate import run_logits
from training.corpus import Corpus, Entry
from training.fit import Data, fit
from training.labels import columns
from training.recipe import Recipe, read_recipe
from training.run import Run
from training.synthesise.write import Order, chosen, one_page

RECIPE: Final = Path("training/recipes/paper-image.toml")
LEARNED: Final = 2000  # pages, of the training folds
WATCHED: Final = 300  # pages
FS: Final = 500.0
WHOLE: Final = (0.0,)  # no shifts


def strip_of(data: bytes) -> NDArray[np.float32]:
    """Return what the ten steps make of the first page of a file, float32 (5000,)."""
    picture = page(data, 0)
    assert isinstance(picture, Picture)
    return ten_steps(picture)


def fit_baseline(corpus: Corpus, out: Path, initial: Path, seed: int, processes: int) -> Path:
    """Print pages, take their strips, and fit the image arm from the Lead II arm's run `initial`; return its run."""
    recipe = replace(read_recipe(RECIPE), initial=str(initial))
    learned = chosen(corpus, recipe.train_folds, LEARNED, seed)
    watched = chosen(corpus, [recipe.calibration_fold], WATCHED, seed)
    wanted = columns(recipe.targets)
    data = Data(
        prepared(_strips(corpus, learned, out / f"learned-{seed}.npy", seed, processes), recipe),
        corpus.targets(learned)[:, wanted].astype(np.float32),
        prepared(_strips(corpus, watched, out / f"watched-{seed}.npy", seed, processes), recipe),
        corpus.targets(watched)[:, wanted],
    )
    fit(data, recipe, out / "run")
    return out / "run"


def scores(run: Run, strips: NDArray[np.float32], label: str) -> NDArray[np.float64]:
    """Return a run's logits of a label for strips, float64 (n,)."""
    codes = run.recipe.targets
    logits = run_logits(run, codes, prepared(strips, run.recipe), WHOLE)
    return np.asarray(logits[:, codes.index(label)].double().numpy())


def prepared(strips: NDArray[np.float32], recipe: Recipe) -> NDArray[np.float32]:
    """Return strips (n, 5000) as the network gets them, float32 (n, 1, time)."""
    prepare, made = Prepare(recipe.preparation), []
    with torch.inference_mode():
        for strip in strips:
            window = canonicalise(Waveform(strip[None], ("II",), FS))[0]
            signal, mask = (torch.from_numpy(each[None].copy()) for each in (window.signal, window.mask))
            made.append(prepare(signal, mask)[0].numpy())
    return np.stack(made)


def _strips(corpus: Corpus, entries: Sequence[Entry], file: Path, seed: int, processes: int) -> NDArray[np.float32]:
    """Print the recordings and return their strips, float32 (n, 5000); kept in `file`."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        signals = (corpus.window(entry).signal for entry in entries)
        numbers, orders = [entry.ecg_id for entry in entries], [Order(seed)] * len(entries)
        made = np.zeros((len(entries), SAMPLES), np.float32)
        with ProcessPoolExecutor(processes) as pool:
            found = pool.map(_printed, signals, numbers, orders, chunksize=8)
            for at, strip in enumerate(tqdm(found, "pages", len(entries), unit="page", mininterval=2)):
                made[at] = strip
        np.save(file, made)
    return np.asarray(np.load(file))


def _printed(signal: NDArray[np.float32], number: int, order: Order) -> NDArray[np.float32]:
    return strip_of(one_page(signal, number, order)[0])
