#!/usr/bin/env python3
"""crowd.py SOCKET COUNT: so many connections of users who are not root, that come again as they are closed. Says "here" when all
were made once; ends when it is killed."""

import os
import random
import resource
import socket
import sys

USERS = (65534, 65533, 65532)
FORBIDDEN = (("Stop", '"unit":"idle000.service"'), ("Restart", '"unit":"writing000.service"'), ("Kill", '"unit":"idle001.service","signal":9'),
             ("DaemonReload", ""), ("Renew", '"from_disk":true'), ("Power", '"kind":"poweroff"'))  # fmt: skip
WORDS = (b"", b'{"method":"org.initd.Man', b'{"method":"org.initd.Manager.List","parameters":{}}\0' * 30,  # none is read
         *(f'{{"method":"org.initd.Manager.{method}","parameters":{{{parameters}}}}}\0'.encode() for method, parameters in FORBIDDEN))


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(False)
    try:
        client.connect(path)
        client.send(random.choice(WORDS))
    except OSError:
        pass  # closed already, or no room: both are an answer
    return client


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, max(count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    clients = []
    for number in range(count):
        os.seteuid(USERS[number % len(USERS)])  # the kernel tells the peer who connected
        clients.append(connect(path))
        os.seteuid(0)
    print("here", flush=True)
    while True:
        at = random.randrange(count)
        clients[at].close()
        os.seteuid(random.choice(USERS))
        clients[at] = connect(path)
        os.seteuid(0)


if __name__ == "__main__":
    main()
