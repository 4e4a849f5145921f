"""A sample of mutants by fixed operators, each built and simulated beside the healthy engine; see run_mutants."""

import dataclasses
import itertools
import pathlib
import random
import re
import resource
import shlex
import subprocess
import threading

import operators

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = "libinit/core/*.cpp"
ENUMS = ("libinit/core/*.h", "libinit/unit/*.h")
# A second of a processor: what must hold.
QUICK = (
    ["--seeds", "1..100", "--steps", "300"],
    ["--races", "--seeds", "1..600"],
    ["--simple", "--converge", "--seeds", "1..3"],
)
# Whether it goes as it did.
DIGESTS = tuple([*arguments.split(), "--digest", digest]
                for digest, _, arguments in (line.partition(" ") for line in (HERE / "digests").read_text().splitlines()))  # fmt: skip
# What went wrong once.
TESTS = (HERE / "CMakeLists.txt").read_text()
ONCE = (
    *(["--simple", "--seed", seed, "--steps", "600"] for seed in re.findall(r"\b(\d+):\w+", TESTS)),
    *(words.split() for words in re.findall(r"^regression\(\w+ (--[^$\n)]*)\)$", TESTS, re.MULTILINE)),
)
# What must hold, once more, for five seconds.
LONG = (
    ["--simple", "--seeds", "901..1000", "--steps", "500"],
    ["--races", "--seeds", "3001..6000"],
    ["--seeds", "401..600", "--steps", "500"],
    ["--converge", "--seeds", "1..8"],
)
LIMIT = 60  # seconds of a processor, for each stage: an engine that runs for ever is not well
MEMORY = 4 << 30


def all_mutants(seed):
    """In the order in which they are tried."""
    enums = operators.enums_of(path.read_text() for pattern in ENUMS for path in sorted(ROOT.glob(pattern)))
    found = []
    for path in sorted(ROOT.glob(SOURCES)):
        found += operators.mutants_of(str(path.relative_to(ROOT)), path.read_text(), enums)
    found.sort()
    random.Random(seed).shuffle(found)
    return found


def bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class Workshop:
    """Builds the simulator with another file in the place of one of the engine's, beside what a build directory has."""

    def __init__(self, build, place):
        self.build, self.place = build.resolve(), place.resolve()
        self.place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ninja", "-C", build, "initd-sim"], check=True, stdout=subprocess.DEVNULL)
        told = subprocess.run(["ninja", "-C", build, "-t", "commands", "initd-sim"], check=True, capture_output=True, text=True)
        commands = [shlex.split(line) for line in told.stdout.splitlines()]
        self.compilers = {words[-1]: words for words in commands if words[-2] == "-c"}
        self.linker = commands[-1][2:-2]  # without ": &&" and "&& :"
        self.program = self.place / "initd-sim"
        self.headers = self.place.parent / "headers.h"  # shared by all
        if not self.has_headers():
            self.compile_headers()

    def run_compiler(self, file, source, output, *options):
        words = [word for word in self.compilers[str(ROOT / file)] if not word.endswith("ccache")]
        for option, value in (("-o", output), ("-MF", self.place / "mutant.d"), ("-c", source)):
            words[words.index(option) + 1] = str(value)
        # The cache would never have seen it; of the whole time most goes by while headers are read, so that is done once.
        words[-2:-2] = ["-O0", "-g0", "-w", *options]
        return subprocess.run(words, cwd=self.build, stderr=subprocess.DEVNULL).returncode == 0

    def has_headers(self):
        compiled = self.headers.with_suffix(".h.gch")
        sources = [path for pattern in (SOURCES, "libinit/**/*.h") for path in ROOT.glob(pattern)]
        return compiled.exists() and all(path.stat().st_mtime < compiled.stat().st_mtime for path in sources)

    def compile_headers(self):
        lines = {line for path in ROOT.glob(SOURCES) for line in path.read_text().splitlines() if line.startswith("#include")}
        self.headers.write_text("\n".join(sorted(lines)) + "\n")
        any_file = str(next(ROOT.glob(SOURCES)).relative_to(ROOT))
        if not self.run_compiler(any_file, self.headers, f"{self.headers}.gch", "-x", "c++-header"):
            raise RuntimeError("the headers do not compile")

    def compile(self, file, text):
        source, output = self.place / pathlib.Path(file).name, self.place / "mutant.o"
        source.write_text(text)
        if not self.run_compiler(file, source, output, "-include", str(self.headers)):
            return False
        linker = list(self.linker)
        linker[linker.index("-o") + 1] = str(self.program)
        # Before the libraries, one of which has the healthy file.
        linker.insert(next(at for at, word in enumerate(linker) if word.endswith(".a")), str(output))
        return subprocess.run(linker, cwd=self.build, stderr=subprocess.DEVNULL).returncode == 0

    def death(self):
        """None if all is well, else what the simulator says first."""
        for stage in (*QUICK, *DIGESTS, *ONCE, *LONG):
            run = subprocess.run([self.program, "--first", *stage], capture_output=True, text=True, errors="replace", preexec_fn=bounded)
            if run.returncode != 0:
                failures = [line for line in run.stdout.splitlines() if line.startswith("seed ")]
                return f"{' '.join(stage)}: {failures[0] if failures else f'exit {run.returncode}'}"
        return None

    def try_out(self, mutant):
        if not self.compile(mutant.file, mutant.apply((ROOT / mutant.file).read_text())):
            return "does not compile", ""
        if death := self.death():
            return ("different" if "--digest" in death else "dead"), death
        return "ALIVE", ""


@dataclasses.dataclass
class Sample:
    """The first `count` of all mutants that compile. Results stand in a file, one line each; those that it has are not tried again."""

    build: pathlib.Path
    count: int
    seed: int

    def __post_init__(self):
        self.mutants = all_mutants(self.seed)
        self.file = self.build / f"mutants-{self.seed}.txt"
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        self.verdicts = {int(number): verdict for number, verdict, *_ in (line.split("\t") for line in lines)}
        self.untried = (number for number in itertools.count() if number not in self.verdicts)
        self.lock = threading.Lock()
        self.under_way = 0

    def compiled(self):
        """The verdicts that count, in the order of the sample."""
        found = [self.verdicts[number] for number in sorted(self.verdicts)]
        return [verdict for verdict in found if verdict != "does not compile"]

    def next(self):
        with self.lock:
            if len(self.compiled()) + self.under_way >= self.count:
                return None
            self.under_way += 1
            return next(self.untried)

    def note(self, number, verdict, death):
        mutant = self.mutants[number]
        line = mutant.line((ROOT / mutant.file).read_text())
        change = f"{' '.join(mutant.old.split())} -> {mutant.new or 'nothing'}"
        told = f"{number}\t{verdict}\t{mutant.file}:{line}\t{mutant.operator}\t{change}\t{death}"
        with self.lock:
            self.under_way -= 1
            self.verdicts[number] = verdict
            print(told, flush=True)
            with self.file.open("a") as file:
                file.write(told + "\n")

    def work(self, workshop):
        while (number := self.next()) is not None:
            self.note(number, *workshop.try_out(self.mutants[number]))

    def run(self, jobs):
        """How many lived."""
        # The death of a mutant says something only if the healthy engine lives; it is tried like one of them.
        healthy = operators.Mutant(self.mutants[0].file, 0, "", "", "")
        workshops = [Workshop(self.build, self.build / f"mutants/{job}") for job in range(jobs)]
        if (found := workshops[0].try_out(healthy)) != ("ALIVE", ""):
            raise RuntimeError(f"the engine as it is: {found}")
        workers = [threading.Thread(target=self.work, args=(workshop,)) for workshop in workshops]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        verdicts = self.compiled()[: self.count]
        print(f"{verdicts.count('dead')} of {len(verdicts)} died of what must hold, {verdicts.count('different')} more of going otherwise "
              f"than before, {verdicts.count('ALIVE')} live")  # fmt: skip
        return verdicts.count("ALIVE")
