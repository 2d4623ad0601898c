"""Operators to read and to copy."""
