"""`python -m benchmarks.pages draw|measure|all`: pages by other programs, and how well the scan door reads them."""

import argparse
from pathlib import Path

from benchmarks.pages.draw import KINDS, draw
from benchmarks.pages.measure import measured, table, write


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["draw", "measure", "all"])
    parser.add_argument("--out", type=Path, default=Path("out/pages"), help="where the pages lie")
    parser.add_argument("--count", type=int, default=200, help="how many pages")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kind", nargs="*", choices=KINDS, default=KINDS)
    asked = parser.parse_args()
    if asked.what != "measure":
        draw(asked.out, asked.count, asked.seed)
    if asked.what != "draw":
        pages = []
        for each in measured(asked.out, asked.kind, asked.count):
            pages.append(each)
            write(pages, asked.out / "pages.csv")
        print(table(pages))


if __name__ == "__main__":
    main()
