"""`python -m core.worker RUN_ID`: one process that trains one run; with `--standby` it learns later which one."""

import sys

from core.worker.run import main, stand_by

if __name__ == "__main__":
    sys.exit(stand_by() if sys.argv[1:] == ["--standby"] else main(sys.argv[1] if len(sys.argv) == 2 else ""))
