#!/usr/bin/env python3
"""Holds the tree against the project's own rules; each broken one is a line "file:line: what", and exit code 1.

    layers.py [ROOT]        (tests/contract/layers_test.py shows that it can fail)

ROOMS is the table of who may see whom. It is held against every #include line and against the SEES lists of CMake.
"""

import pathlib
import re
import sys

LIBINIT = ["libinit/base", "libinit/sys", "libinit/process", "libinit/process_info", "libinit/notify", "libinit/pattern",
           "libinit/unit", "libinit/core", "libinit/api", "libinit/log"]  # fmt: skip

# A room and what it may include, beside itself. A file belongs to the room with the longest matching path.
ROOMS = {
    "libinit/base": [],
    "libinit/sys": ["libinit/base"],
    "libinit/process": ["libinit/sys", "libinit/base"],
    "libinit/process_info": ["libinit/process", "libinit/base"],
    "libinit/notify": ["libinit/base"],
    "libinit/pattern": ["libinit/base"],
    "libinit/unit": ["libinit/pattern", "libinit/base"],
    "libinit/core": ["libinit/unit", "libinit/base"],
    "libinit/api": ["libinit/base"],
    "libinit/log": ["libinit/base"],
    "libinit/loop": ["libinit/process", "libinit/sys", "libinit/base"],
    "libinit/sd_event": ["libinit/loop", "libinit/process", "libinit/base"],
    "libinit/thread": ["libinit/base"],
    "libinit/supervisor": ["libinit/loop", "libinit/core", "libinit/unit", "libinit/process", "libinit/base"],
    "daemon/channel": ["libinit/process", "libinit/base"],
    "daemon/one_command": ["libinit/process", "libinit/sys", "libinit/base"],
    "daemon/pid1": ["daemon/one_command", "daemon/channel", "libinit/process", "libinit/sys", "libinit/base"],
    "daemon/logger": ["daemon/channel", "libinit/log", "libinit/pattern", "libinit/unit", "libinit/process", "libinit/base"],
    "daemon/manager/os": ["daemon/channel", *LIBINIT],
    "daemon/manager/control": [*LIBINIT],
    "daemon/manager": ["daemon/manager/os", "daemon/manager/control", "daemon/channel", *LIBINIT],
    "daemon/manager/app": ["daemon/manager/os", "daemon/manager/control", "daemon/channel", *LIBINIT],
    "daemon/bus": ["libinit/base"],
    "daemon/replay": ["libinit/core", "libinit/api", "libinit/unit", "libinit/base"],
    "ctl": ["libinit/api", "libinit/log", "libinit/pattern", "libinit/unit", "libinit/process_info", "libinit/process", "libinit/base"],
}

# A heavy header (the start of its name) -> the rooms that may name it, and in how many files of each.
HEAVY = {
    "toml++/": {"libinit/unit": 1},
    "nlohmann/": {},  # tests only
    "spdlog/": {"daemon/manager/os": 1},
    "CLI/": {"ctl": 1},
    "re2/": {"libinit/pattern": 1},
    "zstd": {"ctl": 1, "daemon/logger": 1},
    "systemd/": {"daemon/bus": None, "libinit/sd_event": 1},
}

# What the core may see of the standard library: no clock, no file, no thread, no environment.
PURE = {
    "algorithm", "array", "bit", "bitset", "chrono", "compare", "concepts", "cstddef", "cstdint", "deque", "functional",
    "initializer_list", "iterator", "limits", "map", "memory", "numeric", "optional", "queue", "set", "span", "string",
    "string_view", "tuple", "type_traits", "unordered_map", "unordered_set", "utility", "variant", "vector",
    "cstring", "cassert", "stdexcept", "exception", "tl/expected.hpp",
}  # fmt: skip

# Words that code must not hold, the rooms (path starts) where, and why.
FORBIDDEN = [
    (r"\b(?:alloca|strdupa)\s*\(", ("libinit/", "daemon/", "ctl/"), "the stack is bounded"),
    (r"\b(?:system|popen)\s*\(", ("libinit/", "daemon/", "ctl/"), "no shell"),
    (r"\b(?:getpwnam|getpwuid|getgrnam|getgrgid|getaddrinfo|initgroups)(?:_r)?\s*\(", ("libinit/", "daemon/", "ctl/"),
     "no NSS in a static program"),
    (r"\bstd::regex\b", ("libinit/", "daemon/", "ctl/"), "its stack grows with the input"),
    # EventLoop::sleep() is such an event.
    (r"(?<![.\w])(?<!->)(?<!EventLoop::)(?<!Sleep )(?:sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(",
     ("libinit/", "daemon/", "tests/unit/"), "wait for an event"),
    (r"\bstd::(?:cout|cerr|iostream|ifstream|ofstream|locale)\b", ("libinit/", "daemon/"), "no iostreams"),
    (r"(?:_clock::now|\bgetenv|\brandom_device|\brand)\s*\(", ("libinit/core/",), "the core is told of time and chance"),
    (r"\bsyscall\s*\(|\b(?:SYS|__NR)_\w|\b(?:__)?asm(?:__)?\b", ("libinit/", "daemon/", "ctl/"),
     "raw system calls stand in libinit/sys, each once"),
    (r"\b(?:throw\b(?!\s*\(\))|std::exit\b|\babort\s*\()", ("libinit/core/", "daemon/pid1/"), "errors are values here"),
]

# The one room where a word is at home, by its reason above.
HOME = {"raw system calls stand in libinit/sys, each once": "libinit/sys/"}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
SEES = re.compile(r"initd_room\s*\(\s*(\w+)\s+SEES\s+([\w\s]+?)(?:\bLIBRARIES\b|\))", re.S)
ROOM_OF_TARGET = {("init_" if room.startswith("libinit/") else "initd_") + room.rsplit("/", 1)[-1]: room for room in ROOMS}
LINES_MAX = 500


def room_of(path, rooms=ROOMS):
    """The room that a path relative to the root belongs to, or None."""
    fits = [room for room in rooms if path.startswith(room + "/")]
    return max(fits, key=len) if fits else None


def without_comments(text):
    """Comments and strings blanked, line breaks kept, so that prose is no finding."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.findings = []
        self.warnings = []
        places = [self.root / top for top in ("libinit", "daemon", "ctl", "tests", "bench")]
        self.files = {
            str(file.relative_to(self.root)): file.read_text(encoding="utf-8")
            for place in places
            for file in sorted(place.rglob("*"))
            if file.suffix in (".h", ".cpp")
        }
        self.includes = {path: list(self._included(text)) for path, text in self.files.items()}

    @staticmethod
    def _included(text):
        for number, line in enumerate(text.splitlines(), 1):
            if match := INCLUDE.match(line):
                yield number, match.group(1), match.group(2)

    def find(self, path, line, what):
        self.findings.append(f"{path}:{line}: {what}")

    def check_rooms(self):
        for path, includes in self.includes.items():
            room = room_of(path)
            if path.startswith(("libinit/", "daemon/", "ctl/")) and room is None:
                self.find(path, 1, "stands in no room of the table")
            for line, own, _ in includes:
                if room is not None and own is not None:
                    self._check_sight(path, line, room, own)

    def _check_sight(self, path, line, room, own):
        other = room_of(own)
        if other is None:
            self.find(path, line, f'"{own}" is no path from the root into a room')
        elif other != room and other not in ROOMS[room]:
            self.find(path, line, f"{room} may not see {other}")

    def check_cmake(self):
        for file in sorted(self.root.glob("*/**/CMakeLists.txt")):
            for target, seen in SEES.findall(file.read_text(encoding="utf-8")):
                room = ROOM_OF_TARGET.get(target)
                for name in seen.split():
                    other = ROOM_OF_TARGET.get(name)
                    if room is None or other is None or other not in ROOMS[room]:
                        self.find(file.relative_to(self.root), 1, f"{target} may not see {name}")

    def check_heavy(self):
        for prefix, allowed in HEAVY.items():
            named = {}
            for path, includes in self.includes.items():
                lines = [line for line, own, system in includes if (own or system).startswith(prefix)]
                if lines and path.startswith(("libinit/", "daemon/", "ctl/")):
                    named.setdefault(room_of(path), []).append((path, lines[0]))
            for room, places in named.items():
                self._check_heavy_room(prefix, allowed, room, places)

    def _check_heavy_room(self, prefix, allowed, room, places):
        if room not in allowed:
            for path, line in places:
                self.find(path, line, f"{prefix} may not be named in {room}")
        elif allowed[room] is not None and len(places) > allowed[room]:
            path, line = places[-1]
            self.find(path, line, f"{prefix} is named in {len(places)} files of {room}; {allowed[room]} may")

    def check_core_is_pure(self):
        """Every header that the core reaches, over any number of own headers, is a pure one."""
        todo = [path for path in self.files if path.startswith("libinit/core/")]
        seen = set(todo)
        while todo:
            path = todo.pop()
            for line, own, system in self.includes.get(path, []):
                if system is not None and system not in PURE:
                    self.find(path, line, f"<{system}> is reached from the core, which is pure")
                if own is not None and own not in seen:
                    seen.add(own)
                    todo.append(own)

    def check_words(self):
        for path, text in self.files.items():
            for number, line in enumerate(without_comments(text).splitlines(), 1):
                for pattern, places, why in FORBIDDEN:
                    if path.startswith(places) and not path.startswith(HOME.get(why, " ")) and re.search(pattern, line):
                        self.find(path, number, f"forbidden here ({why}): {line.strip()}")

    def check_lines(self):
        for path, text in self.files.items():
            lines = text.splitlines()
            if len(lines) > LINES_MAX:
                self.warnings.append(f"{path}:{LINES_MAX}: warning: {len(lines)} lines, the aim is {LINES_MAX} at most")
            for number, line in enumerate(lines, 1):
                if re.search(r"\b(?:TODO|FIXME|XXX)\b(?!\([a-z])", line):
                    self.find(path, number, "a note without an owner; write TODO(name) or do it")

    def check(self):
        for method in (self.check_rooms, self.check_cmake, self.check_heavy, self.check_core_is_pure, self.check_words,
                       self.check_lines):
            method()
        return self.findings


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    tree = Tree(root)
    findings = tree.check()
    print("\n".join(findings + tree.warnings) or f"layers: {len(tree.files)} files keep the rules")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
