"""Bronze to silver as pure functions: DataFrames in, DataFrames out.

No session, no IO, no clock, no environment: everything a function needs is an argument, so each
can be tested on a few rows and the job's result depends on its inputs alone.
"""
