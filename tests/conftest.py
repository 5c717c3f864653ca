"""What holds for every test: no setting of the machine that runs them counts."""

import os

for name in [name for name in os.environ if name.startswith(("POSTERITY_", "AWS_"))]:
    del os.environ[name]
