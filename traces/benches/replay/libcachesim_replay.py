"""Replays FILE (oracleGeneral) through libCacheSim's cache CLASS of SIZE bytes, in its own C++ loop, and prints the
seconds that took and the miss ratio. The wheel is on PyPI: pip install libcachesim."""

import sys
import time

import libcachesim

file, name, size = sys.argv[1:]
reader = libcachesim.TraceReader(file, libcachesim.TraceType.ORACLE_GENERAL_TRACE)
cache = getattr(libcachesim, name)(cache_size=int(size))
begin = time.perf_counter()
miss_ratio, _ = cache.process_trace(reader)
print(time.perf_counter() - begin, miss_ratio)
