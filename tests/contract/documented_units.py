#!/usr/bin/env python3
"""Every unit that a page of docs shows is one that initctl verifies: documented_units.py INITCTL PAGE...

A block of ```toml with a [service] table is a unit file; programs of other packages may be missing, keys may not be wrong.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)


def main(initctl, *pages):
    blocks = [(page, block) for page in pages for block in BLOCK.findall(pathlib.Path(page).read_text(encoding="utf-8"))
              if "[service]" in block]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for number, (page, block) in enumerate(blocks):
            unit = pathlib.Path(folder, f"example{number}.service.toml")
            unit.write_text(block, encoding="utf-8")
            done = subprocess.run([initctl, "verify", unit], capture_output=True, text=True, check=False)
            wrong = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"error\[E01", line)]
            if wrong:
                sys.exit(f"{page}: an example is refused:\n{block}\n" + "\n".join(wrong))
    if not blocks:
        sys.exit("no example found")


if __name__ == "__main__":
    main(*sys.argv[1:])
