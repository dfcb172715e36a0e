"""A device on a pseudo-terminal that is no card reader: says the same text whenever it is spoken to, or nothing.

Arguments: the symbolic link to make, the text. Standard library only; runs until it is ended.
"""

import os
import pty
import sys
import tty

device, host = pty.openpty()
tty.setraw(host)
os.symlink(os.ttyname(host), sys.argv[1])
print("ready", flush=True)
while True:
    os.read(device, 4096)
    os.write(device, sys.argv[2].encode("ascii"))
