#!/usr/bin/env bash
# trackio 0.43.0: import_csv keeps ten characters of a column's name; val/accuracy becomes val/accura.
#
# Its documentation says that "any other columns will be treated as metrics". Underscores, dots and blanks are taken
# out too (val_loss becomes valloss), so an imported run has hardly a curve in common with one that was logged.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet trackio==0.43.0 pandas
cd "$folder"
export TRACKIO_DIR="$folder/data" HF_HUB_OFFLINE=1 TRACKIO_AUTO_LOG_GPU=0
"$folder/venv/bin/python" - <<'PYTHON'
import trackio
from trackio.sqlite_storage import SQLiteStorage

with open("run.csv", "w") as file:
    file.write("step,val/accuracy,val/accuracy_top5,val_loss\n0,0.5,0.9,1.25\n")
trackio.import_csv("run.csv", project="birds")
(record,) = SQLiteStorage.get_run_records("birds")
(row,) = SQLiteStorage.get_logs("birds", record["name"], run_id=record["id"])
names = sorted(set(row) - {"step", "timestamp"})
print(names)
assert names == ["val/accura", "val/accura_1", "valloss"]
PYTHON
