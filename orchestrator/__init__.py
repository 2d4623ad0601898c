"""The embedded agent: a compact orchestrator that answers as a Nomad agent does, in one asyncio process.

Server and client of Nomad in one: a state store with one writer (`state`), an event broker (`events`), access control (`acl`),
a scheduler (`scheduler`), one node that runs allocations (`client`) and the HTTP API (`http`). `agent` puts them together.
"""
