# syntax=docker/dockerfile:1
# The image of every role: `docker build -t twelvelead .`, then `docker run twelvelead --help`.
# It runs as nobody in particular (10001), on a root that may be read-only: it writes to /tmp and /var/lib/twelvelead alone.

# Where pip finds the CPU build of torch; PyPI's own brings several GB of CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

FROM python:3.11-slim-bookworm AS build
ARG TORCH_INDEX
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/twelvelead
# What changes seldom comes first: a change of the code leaves this layer as it is.
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > requirements.txt \
    && /opt/twelvelead/bin/pip install --constraint constraints.txt --extra-index-url "$TORCH_INDEX" --requirement requirements.txt
COPY README.md LICENSE ./
COPY ecg ecg
COPY adapters adapters
COPY models models
COPY training training
COPY service service
RUN /opt/twelvelead/bin/pip install --no-deps . \
    && /opt/twelvelead/bin/pip check \
    && /opt/twelvelead/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Twelvelead" \
      org.opencontainers.image.description="Preliminary ECG reports. Not a cleared medical device: research and evaluation only." \
      org.opencontainers.image.licenses="Apache-2.0"
# Scanned pages are drawn by poppler. Debian's own point releases bring its corrections, so no version is pinned here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends poppler-utils \
    && rm -rf /var/lib/apt/lists/*
# The embedded database asks for the name of its account.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin twelvelead \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/twelvelead
COPY --from=build /opt/twelvelead /opt/twelvelead
ENV PATH=/opt/twelvelead/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    TWELVELEAD_DATA=/var/lib/twelvelead
WORKDIR /tmp
USER 10001:10001
ENTRYPOINT ["twelvelead"]
CMD ["serve"]
