#!/usr/bin/env bash
# Guild 0.9.0: a printed "loss: 1e+16" is no scalar, "loss: 1e16" and "loss: 1e-16" are.
#
# Python itself writes every float from 1e16 on with a plus sign, so the figures of a run that diverges vanish from its
# curve without a word, while those of one that converges stay. 1e400, which no float holds, is taken.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet guildai==0.9.0 "setuptools<81"
mkdir "$folder/work" "$folder/home"
cd "$folder/work"
cat > train.py <<'PYTHON'
for step, loss in enumerate((0.5, 1e-16, 1e15, 1e16, 1e300)):
    print(f"step: {step}")
    print(f"loss: {loss}")
print("step: 5")
print("loss: 1e16")
PYTHON
"$folder/venv/bin/guild" -H "$folder/home" run train.py -y > /dev/null
"$folder/venv/bin/python" - "$folder/home" <<'PYTHON'
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

(path,) = Path(sys.argv[1]).rglob("events.out.*")
reader = EventAccumulator(str(path.parent)).Reload()
found = {each.step: each.value for each in reader.Scalars("loss")}
print(found)
assert sorted(found) == [0, 1, 2, 5], "1e+16 at step 3 and 1e+300 at step 4 are gone, 1e16 at step 5 is there"
PYTHON
