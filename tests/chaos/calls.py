"""System calls of initd that may fail, and how."""

import errno as E

# What is refused as one, and how; not accept4(2): whether one can connect is P11's subject.
DESCRIPTORS = (E.EMFILE, ("openat", "openat2", "socket", "pipe2", "socketpair", "dup", "memfd_create", "eventfd2", "pidfd_open", "signalfd4",
                          "epoll_create1"))  # fmt: skip
MEMORY = (E.ENOMEM, ("brk", "mmap", "mremap", "memfd_create", "ftruncate"))
PROCESSES = (E.EAGAIN, ("clone", "clone3", "fork", "vfork"))
ANYWHERE = {"epoll_wait": (E.EINTR,), "epoll_ctl": (E.ENOMEM,), "recvmsg": (E.EINTR, E.ENOMEM), "sendmsg": (E.EINTR, E.ENOBUFS), "fcntl": (E.EMFILE,),
            "openat": (E.EMFILE, E.ENOMEM)}  # fmt: skip
MAY_FAIL = {  # in the parts that make such calls under this load
    "initd": ANYWHERE | {"clone3": (E.EAGAIN, E.ENOMEM), "pidfd_open": (E.EMFILE, E.ENOMEM), "pipe2": (E.EMFILE,)},
    "initd-manager": ANYWHERE | {"sendto": (E.EPIPE, E.EINTR), "recvfrom": (E.ECONNRESET, E.EINTR), "getsockopt": (E.ENOBUFS,), "write": (E.ENOSPC,),
                                 "mkdirat": (E.ENOSPC,), "unlinkat": (E.EROFS,), "inotify_add_watch": (E.ENOSPC,), "newfstatat": (E.EIO,)},
    "initd-logger": ANYWHERE | {"tee": (E.ENOMEM,), "splice": (E.ENOMEM,), "pwrite64": (E.ENOSPC, E.EIO, E.EINTR), "ftruncate": (E.EIO,), "fsync": (E.EIO,),
                                "newfstatat": (E.EIO,), "renameat": (E.EIO,), "unlinkat": (E.EROFS,), "mkdir": (E.ENOSPC,)},
}  # fmt: skip


def in_turn(chance, every):
    """All of them in random order, again and again."""
    while True:
        yield from chance.sample(every, len(every))


def failing_calls(chance):
    """(part, call, errno) without an end."""
    return in_turn(chance, [(part, call, error) for part, calls in MAY_FAIL.items() for call, errors in calls.items() for error in errors])


def wants(chance):
    """(part, (errno, calls)) without an end: PID 1 alone makes processes that matter to others."""
    parts = ("initd", "initd-manager", "initd-logger")
    return in_turn(chance, [("initd", PROCESSES), *((part, what) for part in parts for what in (DESCRIPTORS, MEMORY))])
