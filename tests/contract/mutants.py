"""Every program that is broken on purpose can still be made: a mutant whose text has gone from its source proves nothing."""

import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from broken import read_mutant, read_mutants, unplaced  # noqa: E402


def main():
    mutants = [read_mutant(path) for path in sorted(TESTS.rglob("*.mutant"))]
    for path in sorted(TESTS.rglob("*.mutants")):
        mutants += read_mutants(path)
    root = sys.argv[1] if len(sys.argv) > 1 else TESTS.parent
    wrong = list(unplaced(root, mutants))
    print("\n".join(wrong) or f"{len(mutants)} mutants have their places")
    return 1 if wrong or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
