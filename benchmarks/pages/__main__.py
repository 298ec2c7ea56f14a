"""How well the scan door reads pages that are known.

`python -m benchmarks.pages draw|measure|all|survive|errors|baseline`.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.pages import errors, prints
from benchmarks.pages.baseline import fit_baseline
from benchmarks.pages.draw import KINDS, draw
from benchmarks.pages.measure import PageFigure, measured, write
from benchmarks.pages.report import report
from benchmarks.pages.survive import Survived, survived, told
from training.corpus import Corpus
from training.run import open_run

WEIGHTS = Path("models/weights")
OF_THE_CORPUS = ("survive", "errors", "baseline")
TRAINING = range(1, 9)  # the folds of which the image arm learns
TEN_STEPS = "the published ten steps and Lead II arm"
IMAGE_CNN = "the published ten steps and image CNN"


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["draw", "measure", "all", "survive", "errors", "baseline"])
    parser.add_argument(
        "--out", type=Path, default=Path("out/pages"), help="where pages, and what is fitted on them, lie"
    )
    parser.add_argument(
        "--count", type=int, help="how many pages: if not said, of each kind 200, for survive 600, for errors 1000"
    )
    parser.add_argument("--seed", type=int, default=12, help="of the pages; the door was made on 7")
    parser.add_argument("--kind", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many pages are read at a time")
    parser.add_argument("--corpus", type=Path, help="PTB-XL in its official layout, for survive, errors and baseline")
    parser.add_argument("--image", type=Path, default=WEIGHTS / "image.json", help="the image arm's card")
    parser.add_argument("--digital", type=Path, default=WEIGHTS / "twelve-lead.json", help="the 12-lead arm's card")
    parser.add_argument("--lead-ii", type=Path, help="the run of the paper's Lead II arm, for baseline and survive")
    parser.add_argument("--image-cnn", type=Path, help="the run of the paper's image arm, for survive")
    asked = parser.parse_args()
    if asked.what in OF_THE_CORPUS and asked.corpus is None:
        parser.error(f"{asked.what} prints recordings of PTB-XL: --corpus DIR")
    if asked.what == "survive":
        print(_survive(asked))
        return
    if asked.what == "errors":
        print(_errors(asked))
        return
    if asked.what == "baseline":
        if asked.lead_ii is None:
            parser.error("baseline starts from the run of the paper's Lead II arm: --lead-ii RUN")
        print(fit_baseline(Corpus(asked.corpus), asked.out, asked.lead_ii, asked.seed, asked.processes))
        return
    if asked.what != "measure":
        draw(asked.out, asked.count or 200, asked.seed)
    if asked.what != "draw":
        print(report(_measured(asked), prints.told(prints.prints())), end="")


def _measured(asked: argparse.Namespace) -> list[PageFigure]:
    pages: list[PageFigure] = []
    for each in measured(asked.out, asked.kind, asked.count, asked.processes):
        pages.append(each)
        write(pages, asked.out / "pages.csv")
    return pages


def _errors(asked: argparse.Namespace) -> str:
    order = (asked.count or 1000, asked.seed)
    pages: list[errors.Page | None] = []
    for each in errors.pages(Corpus(asked.corpus), TRAINING, asked.out / "errors", order, asked.processes):
        pages.append(each)
        if len(pages) % 50 == 0:
            print(f"{len(pages)} pages", file=sys.stderr)
    return errors.table(pages)


def _survive(asked: argparse.Namespace) -> str:
    corpus = Corpus(asked.corpus)
    pages: list[Survived] = []
    for each in survived(corpus, asked.out / "survive", asked.count or 600, asked.seed, asked.processes):
        pages.append(each)
        if len(pages) % 20 == 0:
            print(f"{len(pages)} pages", file=sys.stderr)
    runs = {TEN_STEPS: asked.lead_ii, IMAGE_CNN: asked.image_cnn}
    baselines = {name: open_run(run) for name, run in runs.items() if run is not None}
    return told(corpus, pages, asked.image, asked.digital, baselines)


if __name__ == "__main__":
    main()
