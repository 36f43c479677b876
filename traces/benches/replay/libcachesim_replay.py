"""Replays FILE (oracleGeneral) through libCacheSim's cache CLASS of SIZE bytes, in its own C++ loop, and prints the
seconds of processor time that took and the miss ratio. The wheel is on PyPI: pip install libcachesim."""

import sys
import time

import libcachesim

file, name, size = sys.argv[1:]
reader = libcachesim.TraceReader(file, libcachesim.TraceType.ORACLE_GENERAL_TRACE)
cache = getattr(libcachesim, name)(cache_size=int(size))
begin = time.thread_time()
miss_ratio, _ = cache.process_trace(reader)
print(time.thread_time() - begin, miss_ratio)
