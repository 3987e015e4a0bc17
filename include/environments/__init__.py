"""The two Python environments, made from compiled lock files and reused."""
