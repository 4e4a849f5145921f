"""Programs that are broken on purpose, one place at a time, so that tests show what they notice."""

import pathlib
import subprocess
import typing


class Mutant(typing.NamedTuple):
    """In the texts "\\n" is a line's end."""

    name: str
    file: str
    old: str
    new: str
    more: str = ""  # what else its runner wants to know


def read_mutant(path):
    """Of a file: the source, the text to find there, what stands there instead, and perhaps more, a line each."""
    return Mutant(path.stem, *path.read_text().splitlines()[:4])


def read_mutants(path):
    """Of a file with many of them: five lines for each, its name, the source, the text to find, what stands there instead, an empty one."""
    return [Mutant(*block.strip("\n").split("\n")) for block in path.read_text().split("\n\n")]


def unplaced(root, mutants):
    """What is wrong with those that cannot be made: their text does not stand in their source exactly once."""
    for mutant in mutants:
        source = pathlib.Path(root, mutant.file)
        count = source.read_text().count(mutant.old.replace("\\n", "\n")) if source.exists() else 0
        if count != 1:
            yield f"{mutant.name}: its text stands {count} times in {mutant.file}"


def survivors(root, mutants, failure):
    """The names of those that nothing notices. failure(mutant) builds and tries `root`, broken: what was noticed, or None. Says of
    each how it died; one that cannot be made, or built (CalledProcessError), has proved nothing and lives."""
    alive = [mutant.name for mutant in mutants if not _dies(pathlib.Path(root, mutant.file), mutant, failure)]
    print(f"{len(mutants) - len(alive)} of {len(mutants)} mutants died; alive: {', '.join(alive) or 'none'}")
    return alive


def _dies(source, mutant, failure):
    healthy = source.read_text()
    old, new = (text.replace("\\n", "\n") for text in (mutant.old, mutant.new))
    if healthy.count(old) != 1:
        print(f"{mutant.name}: its text stands {healthy.count(old)} times in {mutant.file}", flush=True)
        return False
    try:
        source.write_text(healthy.replace(old, new))
        death = failure(mutant)
    except subprocess.CalledProcessError:
        print(f"{mutant.name}: does not compile, which proves nothing", flush=True)
        return False
    finally:
        source.write_text(healthy)
    print(f"{mutant.name}: {'dead, ' + death if death else 'ALIVE'}", flush=True)
    return death is not None
