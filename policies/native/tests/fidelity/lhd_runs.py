"""Runs libCacheSim's LHD ten times for each of its results, for `policies/native/libcachesim-lhd.csv`.

    cnn trace convert TRACE NAME.oracleGeneral     for every trace, with sizes, into one folder
    pip install libcachesim==0.3.5
    python3 lhd_runs.py FOLDER reference-miss-ratios.csv > ../../libcachesim-lhd.csv

The wheel sets no seed, so a process always draws the same numbers: the first run is what the test's variant must
reproduce, and all ten, each going on where the one before stopped, show how far runs of the same thing lie apart.
"""

import csv
import subprocess
import sys

RUNS = 10


def run(path, unit, capacity):
    import libcachesim as lcs

    params = lcs.ReaderInitParam(ignore_obj_size=unit == "objects")
    reader = lcs.TraceReader(path, lcs.TraceType.ORACLE_GENERAL_TRACE, params)
    runs = [lcs.LHD(cache_size=capacity).process_trace(reader) for _ in range(RUNS)]
    ratios = [ratio for ratio, _ in runs]
    print(",".join(f"{it:.6f}" for it in (*runs[0], min(ratios), max(ratios))))


def main(folder, references):
    print("trace,unit,capacity,first_miss_ratio,first_byte_miss_ratio,least_miss_ratio,most_miss_ratio")
    for row in csv.DictReader(open(references)):
        if row["policy"] != "LHD":
            continue
        unit = "objects" if row["ignore_size"] == "1" else "bytes"
        path = f"{folder}/{row['trace']}.oracleGeneral"
        command = [sys.executable, __file__, path, unit, row["cache_size"]]
        result = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"{row['trace']},{unit},{row['cache_size']},{result.splitlines()[-1]}", flush=True)


if len(sys.argv) == 4:
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
else:
    main(sys.argv[1], sys.argv[2])
