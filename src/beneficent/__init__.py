"""Beneficial-trait reinforcement learning: situations, training, measuring spread and persistence.

Importing the package loads nothing heavy; each room is imported by name (``beneficent.training`` and so on).
"""

__version__ = "0.1.0"
