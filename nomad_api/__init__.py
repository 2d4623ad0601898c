"""The wire: pydantic models of Nomad's JSON and an asynchronous client of its HTTP API.

The lowest floor of the house. Nothing here knows whether a real Nomad cluster or the embedded agent answers, and nothing
here imports any other package of this project.
"""
