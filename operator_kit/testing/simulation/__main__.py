"""`python -m operator_kit.testing.simulation --seeds 10000 [--from N] [--processes 2]`"""

import argparse
import sys
import time

from operator_kit.testing.simulation.run import simulate_seeds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m operator_kit.testing.simulation", description="Simulate an operator.")
    parser.add_argument("--seeds", type=int, default=1000, metavar="COUNT", help="how many seeds (default 1000)")
    parser.add_argument("--from", type=int, default=0, metavar="SEED", dest="first", help="the first of them (default 0)")
    parser.add_argument("--processes", type=int, default=1, metavar="COUNT", help="processors to use (default 1)")
    parser.add_argument("--keep-going", action="store_true", help="go on after a seed that fails")
    options = parser.parse_args()
    started, done, failed = time.monotonic(), 0, 0
    for report in simulate_seeds(options.first, options.seeds, options.processes):
        done += 1
        if report.problems:
            failed += 1
            print(report, flush=True)
            if not options.keep_going:
                break
        elif options.seeds == 1:
            print(report)
    seconds = time.monotonic() - started
    print(f"{done} seeds, {failed} failed, {seconds:.1f} s ({1000 * seconds / max(done, 1):.0f} ms each)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
