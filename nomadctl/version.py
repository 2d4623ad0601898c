"""The version of the program, from the installed distribution."""

from importlib.metadata import version

VERSION = version("nomad-operator-framework")
