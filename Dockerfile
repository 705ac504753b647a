# The environment of requirements.lock and this checkout, in a container that runs as an ordinary user.
# docs/containers.md has the commands.
#
#   docker build -t spatialgan .                                   # CPU
#   docker build -t spatialgan:cuda --build-arg DEVICE=cuda .      # CUDA
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

# git: every result names the commit it comes from. Its version is the base image's.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

# First the environment alone, so that a change of code doesn't install it again
WORKDIR /opt/spatialgan
COPY requirements.lock ./
COPY .ci/install_locked .ci/install_locked
ARG DEVICE=cpu
RUN .ci/install_locked /opt/venv "${DEVICE}"

RUN useradd --create-home --uid 1000 spatialgan && chown spatialgan:spatialgan /opt/spatialgan
COPY --chown=spatialgan:spatialgan . .
RUN /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-deps --no-build-isolation --editable .

# PYTHONPATH: in a checkout that is mounted, its own code runs in place of the image's
ENV PATH=/opt/venv/bin:${PATH} PYTHONPATH=. PYTHONUNBUFFERED=1
USER 1000
CMD ["spatialgan", "--help"]
