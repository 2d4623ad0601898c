"""`python -m benchmarks [--addr ADDR] [--vs ADDR]`: measure an agent (by default one started here) and print a table.

After it, or alone with `--only frameworks`: our framework beside others.
"""

import argparse
import asyncio

from benchmarks import events, frameworks, jobs, operators, variables
from benchmarks.agents import embedded_agent
from benchmarks.measure import Figure, table
from nomad_api.client import Nomad

CASES = {"variables": variables.run, "events": events.run, "jobs": jobs.run, "operators": operators.run}
FRAMEWORKS = "frameworks"


async def measure(address: str, token: str | None, only: list[str]) -> list[Figure]:
    """All figures of one agent."""
    figures: list[Figure] = []
    async with Nomad(address=address, token=token) as nomad:
        for name in only:
            figures += await CASES[name](nomad)
    return figures


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--addr", help="measure this agent instead of one started here")
    parser.add_argument("--token", help="its ACL token")
    parser.add_argument("--vs", metavar="ADDR", help="measure a second agent after it and print ratios")
    parser.add_argument("--vs-token")
    parser.add_argument(
        "--only", action="append", choices=[*CASES, FRAMEWORKS], help="one family of measurements; may be repeated"
    )
    parser.add_argument("--objects", type=int, help="with how many objects a framework starts (10,000)")
    arguments = parser.parse_args()
    cases = [name for name in arguments.only or CASES if name != FRAMEWORKS]
    if cases:
        print(await compare_agents(arguments, cases))
    if not arguments.only or FRAMEWORKS in arguments.only:
        print(await frameworks.run(objects=arguments.objects))


async def compare_agents(arguments: argparse.Namespace, cases: list[str]) -> str:
    """A table of one or two agents."""
    columns: dict[str, list[Figure]] = {}
    if arguments.addr:
        columns[arguments.addr] = await measure(arguments.addr, arguments.token, cases)
    else:
        async with embedded_agent() as agent:
            columns["embedded"] = agent.figures() + await measure(agent.address, None, cases)
    if arguments.vs:
        columns[arguments.vs] = await measure(arguments.vs, arguments.vs_token, cases)
    return table(columns)


asyncio.run(main())
