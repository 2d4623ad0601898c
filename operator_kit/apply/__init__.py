"""Bringing objects about in Nomad, and knowing whose they are."""
