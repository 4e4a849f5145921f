"""What a machine of the smoke test is made of: Debian's cloud kernel, taken without installing it, and an initramfs
that holds the three static programs, busybox and the units of units/tiny. Needs no root."""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUSYBOX = pathlib.Path("/bin/busybox")
APPLETS = ("sh", "base64", "cat", "dmesg", "echo", "grep", "gzip", "kill", "ls", "mkdir", "mount", "pidof", "ps", "sleep", "tail")
DIRECTORIES = ("bin", "dev", "etc", "etc/initd", "etc/initd/units", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr",
               "usr/lib", "usr/lib/initd", "usr/lib/initd/units", "var", "var/lib", "var/log")  # fmt: skip
DEVICES = {"dev/console": (5, 1), "dev/null": (1, 3)}  # both are needed before anything is mounted on /dev
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


def kernel_package():
    """The package that the meta package of the cloud kernel stands for today."""
    text = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True).stdout
    names = re.findall(r"Depends: (linux-image-\S+)", text)
    if not names:
        raise RuntimeError("apt knows no linux-image-cloud-amd64; run apt-get update")
    return names[0]


def kernel(cache):
    """The path of a kernel, downloaded into the directory `cache` unless one is there."""
    image = pathlib.Path(cache, "vmlinuz")
    if image.exists():
        return image
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as place:
        subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", kernel_package()], cwd=place, check=True)
        (package,) = pathlib.Path(place).glob("*.deb")
        subprocess.run(["dpkg", "-x", package, f"{place}/tree"], check=True)
        (found,) = pathlib.Path(place, "tree/boot").glob("vmlinuz-*")
        shutil.copyfile(found, f"{place}/vmlinuz")
        os.replace(f"{place}/vmlinuz", image)
    return image


class Archive:
    """A cpio archive of the kind that the kernel unpacks ("newc"), written entry by entry, all owned by root."""

    def __init__(self, file):
        self.file = file
        self.entries = 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.entries += 1
        path = name.encode() + b"\0"
        fields = (self.entries, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        self.file.write(b"070701" + b"".join(b"%08x" % field for field in fields))
        self._padded(path, offset=110)
        self._padded(data)

    def _padded(self, data, offset=0):
        self.file.write(data + b"\0" * (-(offset + len(data)) % 4))

    def close(self):
        self.add("TRAILER!!!", 0)


def stripped(program):
    """The bytes of a program without its symbols: they would only make the kernel unpack for longer."""
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, program], check=True)
        return copy.read()


def initramfs(path, programs, more_units=None, more_programs=()):
    """Writes the initramfs: `programs` is the directory of initd, initd-manager and initctl, which go to /sbin with
    more_programs; more_units are texts by name, beside those of units/tiny."""
    with open(path, "wb") as file:
        archive = Archive(file)
        for name in DIRECTORIES:
            archive.add(name, stat.S_IFDIR | (0o1777 if name == "tmp" else 0o755))
        for name, device in DEVICES.items():
            archive.add(name, stat.S_IFCHR | 0o600, device=device)
        for name in ("initd", "initd-manager", "initctl", *more_programs):
            archive.add(f"sbin/{name}", stat.S_IFREG | 0o755, stripped(pathlib.Path(programs, name)))
        archive.add("bin/busybox", stat.S_IFREG | 0o755, BUSYBOX.read_bytes())
        for name in APPLETS:
            archive.add(f"bin/{name}", stat.S_IFLNK | 0o777, b"busybox")
        units = {file.name: file.read_text() for file in (ROOT / "units/tiny").glob("*.toml")} | (more_units or {})
        for name, text in sorted(units.items()):
            archive.add(f"usr/lib/initd/units/{name}", stat.S_IFREG | 0o644, text.encode())
        for name, text in TEXTS.items():
            archive.add(name, stat.S_IFREG | 0o644, text.encode())
        archive.close()
    return path
