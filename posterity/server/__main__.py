"""`python -m posterity.server`: the results server with the settings of the environment."""

import argparse
import sys
from dataclasses import replace

from posterity.errors import PosterityError
from posterity.server.process import serve
from posterity.settings import Settings

EXAMPLES = """examples:
  POSTERITY_STORE=s3://posterity python -m posterity.server
  python -m posterity.server --products 'flights@champion delays/3' --listen 127.0.0.1:8080

Everything else is a setting, an environment variable POSTERITY_…; see docs/settings.md."""


def main() -> None:
    """Serve; one line and a documented exit code for every error raised on purpose."""
    parser = argparse.ArgumentParser(
        "python -m posterity.server", None, __doc__, EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", help="what to serve, instead of POSTERITY_PRODUCTS")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen, instead of POSTERITY_LISTEN")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    try:
        serve(replace(Settings.from_environment(), **given))
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
