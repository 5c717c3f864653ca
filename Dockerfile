# The images, one target each: `make images` builds them all, docs/cluster.md says what each is for.
#
#   sample    draws the chains of a shard: JAX, BlackJAX and the store; no PyMC, pandas or MLflow
#   stage     runs any component: all of sample, and what models, statistics, reports and registration take
#   server    answers questions about published results; no sampler
#   registry  the MLflow server
#   model     one of these with a package of yours on top (`make images MODELS=DIR`)
#
# Packages come from requirements.lock, by hash. What changes most comes last: a changed source builds in seconds.

ARG BASE=python:3.11-slim-bookworm
ARG ON=posterity/stage:dev

FROM ${BASE} AS base
LABEL org.opencontainers.image.title=Posterity \
      org.opencontainers.image.licenses=Apache-2.0
ENV PATH=/opt/posterity/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VIRTUAL_ENV=/opt/posterity
RUN useradd --uid 10001 --user-group --create-home posterity \
 && python3 -m venv --without-pip /opt/posterity
WORKDIR /home/posterity

# What installs packages: the lock, the locked uv (the one thing that pip installs), and of pyproject.toml only what says
# which packages are needed, so that no other change of it installs them again.
FROM ${BASE} AS installer
WORKDIR /install
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache \
    awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > uv.txt \
 && pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes --no-deps \
      --target uv --requirement uv.txt
COPY pyproject.toml /tmp/
RUN awk '/^\[/ {wanted = /^\[project(\.optional-dependencies)?\]/} wanted' /tmp/pyproject.toml > pyproject.toml
COPY pipelines/images/install.sh ./

FROM installer AS wheel
WORKDIR /source
COPY pyproject.toml LICENSE ./
COPY posterity posterity
COPY components components
COPY pipelines pipelines
COPY models models
RUN --mount=type=cache,target=/root/.cache \
    touch README.md \
 && /install/uv/bin/uv build --quiet --wheel --build-constraint /install/requirements.lock --out-dir /wheel \
 && cd /wheel \
 && echo "posterity @ file://$(echo /wheel/*.whl) --hash=sha256:$(sha256sum *.whl | cut -d' ' -f1)" > requirements.txt

FROM base AS sample-packages
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=installer,source=/install,target=/install \
    sh /install/install.sh --requirement pyproject.toml --extra sample

FROM sample-packages AS stage-packages
# PyTensor would warn in every process that there is no C++ compiler; models are compiled by JAX and Numba.
ENV PYTENSOR_FLAGS=cxx=
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=installer,source=/install,target=/install \
    sh /install/install.sh --requirement pyproject.toml --extra stage --extra cluster \
 && rm -r /opt/posterity/lib/python3*/site-packages/mlflow/server/js

FROM base AS server-packages
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=installer,source=/install,target=/install \
    sh /install/install.sh --requirement pyproject.toml --extra server

FROM base AS registry
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=installer,source=/install,target=/install \
    sh /install/install.sh --requirement pyproject.toml --extra registry \
 && install --directory --owner=10001 --group=10001 /data
ENV MLFLOW_ARTIFACTS_DESTINATION=/data/artifacts \
    MLFLOW_BACKEND_STORE_URI=sqlite:////data/mlflow.db \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
VOLUME /data
EXPOSE 5000
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5000/health', timeout=4)"]
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"]

FROM sample-packages AS sample
RUN --mount=type=bind,from=installer,source=/install,target=/install --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    sh /install/install.sh --no-deps --requirement /wheel/requirements.txt \
 && cd /opt/posterity \
 && rm -r bin/posterity lib/python3*/site-packages/pipelines lib/python3*/site-packages/components
ARG IMAGE
ENV POSTERITY_IMAGE=${IMAGE}
USER 10001:10001

FROM server-packages AS server
RUN --mount=type=bind,from=installer,source=/install,target=/install --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    sh /install/install.sh --no-deps --requirement /wheel/requirements.txt \
 && cd /opt/posterity \
 && rm -r bin/posterity lib/python3*/site-packages/pipelines lib/python3*/site-packages/components
ARG IMAGE
ENV POSTERITY_IMAGE=${IMAGE}
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/v2/health/live', timeout=4)"]
CMD ["python3", "-m", "posterity.server"]

FROM stage-packages AS stage
RUN --mount=type=bind,from=installer,source=/install,target=/install --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    sh /install/install.sh --no-deps --requirement /wheel/requirements.txt
ARG IMAGE
ENV POSTERITY_IMAGE=${IMAGE}
USER 10001:10001

# A package of models: its own wheel, built with what its lock names. The context holds it in model/, beside ours.
FROM installer AS model-wheel
COPY model /model
WORKDIR /model
ARG PACKAGE
RUN --mount=type=cache,target=/root/.cache \
    /install/uv/bin/uv build --quiet --wheel --require-hashes --out-dir /wheel \
      --build-constraint /install/requirements.lock --build-constraint requirements.lock \
 && cp requirements.lock /wheel && cd /wheel && echo posterity > provided.txt \
 && echo "${PACKAGE} @ file://$(echo /wheel/*.whl) --hash=sha256:$(sha256sum *.whl | cut -d' ' -f1)" > requirements.txt

FROM ${ON} AS model
USER root
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,from=installer,source=/install,target=/install \
    --mount=type=bind,from=model-wheel,source=/wheel,target=/wheel \
    sh /install/install.sh --excludes /wheel/provided.txt --constraint /wheel/requirements.lock \
      --requirement /wheel/requirements.txt
ARG IMAGE
ENV POSTERITY_IMAGE=${IMAGE}
USER 10001:10001
