"""`python -m core.worker RUN_ID`: one process that trains one run."""

import sys

from core.worker.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
