"""`python -m core.notify`: sends the message on its standard input, in a process that holds nothing else."""

import json
import os
import sys

from core.notify.deliver import deliver
from core.notify.messages import Message
from core.notify.settings import read_settings

if __name__ == "__main__":
    deliver(Message.from_json(json.load(sys.stdin)), read_settings())
    os._exit(0)  # what was given up may still wait for the network
