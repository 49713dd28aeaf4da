#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: --dist loadgroup spreads the tests of a group over all processes, without a word.
#
# All tests with one xdist_group are promised to run in one process, one after the other: what must not meet (a port, a
# device, a folder) and what is dear to make (a server, a trained model) relies on it. xdist writes the group to the end
# of item._nodeid; pytest 9.2 reads a test's id from elsewhere, so the scheduler never sees it, and every test is a group
# of its own. Session and module fixtures are made once in each process, and tests of one group run at the same time.
# The tests themselves pass or fail as before. With pytest 9.1.1 groups hold.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > test_group.py <<'PYTHON'
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.fixture(scope="module")
def server():
    with Path("made").open("a") as made:
        made.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")


@pytest.mark.parametrize("number", range(12))
def test_in_a_group(server, number):
    pass
PYTHON
for pair in 9.1.1:1 9.2.0:2; do
  version=${pair%:*}
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" install --quiet "pytest==$version" pytest-xdist==3.8.0
  rm -f made
  said=$("venv-$version/bin/python" -W error -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider test_group.py)
  made=$(sort -u made | wc -l)
  echo "pytest $version, pytest-xdist 3.8.0: 12 tests of one group in $made of 2 processes, $(tail -n 1 <<< "$said")"
  grep -q "12 passed" <<< "$said"
  if grep -qi warning <<< "$said"; then exit 1; fi
  [ "$made" = "${pair#*:}" ]
done
