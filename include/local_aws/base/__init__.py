"""MiniStack as this stack runs it: durable, observed, and asked who a caller is and what it may do.

MiniStack 1.5.33 is one ASGI application; everything here wraps it, nothing of it is changed. It is
pinned in the environment's lock file, because names of its own that begin with `_` are used here.
"""
