#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a user may do who wants to mislead root: a FUSE mount with any source that answers nothing, and
a socket that answers anything.

    forge.py FOLDER SOURCE TYPE [SOCKET ANSWER]

Says "up" once both are there, and ends with its standard input."""
import os
import socket
import subprocess
import sys
import threading


def forge_mount(folder, source, kind):
    ours, theirs = socket.socketpair()
    subprocess.run(["fusermount3", "-o", f"fsname={source},subtype={kind}", "--", folder], check=True,
                   env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}, pass_fds=[theirs.fileno()])
    # Kept open by the one who has it: so the mount stays, and whoever asks it waits.
    return socket.recv_fds(ours, 1, 1)[1]


def answer_all(listener, answer):
    while True:
        client = listener.accept()[0]
        with client:
            client.recv(100)
            client.sendall(answer.encode())


def forge_listen(path, answer):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(5)
    threading.Thread(target=answer_all, args=(listener, answer), daemon=True).start()
    return listener


held = [forge_mount(*sys.argv[1:4])]
if len(sys.argv) > 4:
    held.append(forge_listen(*sys.argv[4:]))
print("up", flush=True)
sys.stdin.read()
