"""`python -m pipelines.cli`, the same as the command `posterity`."""

from pipelines.cli.app import main

main()
