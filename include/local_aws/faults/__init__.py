"""Faults on demand: what a test wants to go wrong with which calls, and how often."""

from include.local_aws.faults.rules import Fault, FaultRules, WrongFaultError

__all__ = ["Fault", "FaultRules", "WrongFaultError"]
