"""Notifications: what a person is told when something fails."""
