"""Runs all checks of scripts/deploy-check; what there is to check is in units.py and manifests.py."""

import pathlib, sys, tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import manifests, units
from bench import Bench


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    # Below /var/tmp: nobody, as whom programs run here, may not enter everybody's home.
    with tempfile.TemporaryDirectory(prefix="cspipe-deploy-", dir="/var/tmp") as folder:
        bench = Bench(binary, pathlib.Path(folder))
        units.check(bench)
        manifests.check(bench)
    print("all holds" if bench.failures == 0 else f"{bench.failures} do not hold")
    return bench.failures > 0


if __name__ == "__main__":
    sys.exit(main())
