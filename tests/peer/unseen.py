"""Runs a program on a pseudo-terminal, types lines when it asks, prints all that a person would have seen.

Arguments: the lines to type, `--`, the program and its arguments. Exit code: the program's.
"""

import os
import pty
import select
import sys
import termios
import time

split = sys.argv.index("--")
lines, program = sys.argv[1:split], sys.argv[split + 1 :]
child, screen = pty.fork()
if child == 0:
    os.execv(program[0], program)
seen, end = b"", time.monotonic() + 60
while time.monotonic() < end:
    ready, _, _ = select.select([screen], [], [], 1)
    if not ready:
        continue
    try:
        piece = os.read(screen, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    # A prompt ends in a colon and a blank. The program switches echo off after it has prompted, and flushes what was
    # typed before: so type only when the terminal no longer echoes.
    if lines and seen.endswith(b": "):
        while termios.tcgetattr(screen)[3] & termios.ECHO and time.monotonic() < end:
            select.select([], [], [], 0.01)
        os.write(screen, lines.pop(0).encode() + b"\n")
sys.stdout.write(seen.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
