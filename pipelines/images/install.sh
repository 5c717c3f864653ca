#!/bin/sh
# Install packages, by their hashes in the lock, into the virtual environment of an image, and take out what no image
# runs. The arguments are those of `uv pip install`.
set -eu
cd /install
uv/bin/uv pip install --quiet --link-mode copy --require-hashes \
    --constraint requirements.lock --build-constraint requirements.lock "$@"
cd "$VIRTUAL_ENV"/lib/python3*/site-packages
rm -rf docs pyarrow/*flight*
find . -depth \( -type d \( -name tests -o -name test -o -name include \) \
    -o -name '*.a' -o -name '*.h' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.pyx' \) -exec rm -rf {} +
# Nobody may write into an image: what is not compiled now would be compiled anew by every process.
python3 -m compileall -qq -j 0 . || :
