# docker build -t ssmbook .
# mkdir -p runs && chmod 777 runs     (the image's user is not yours)
# docker run --rm -v "$PWD/runs:/runs" ssmbook ssmbook run timescale --runs /runs
#
# With CUDA, on a machine whose Docker has the NVIDIA runtime:
# docker build -t ssmbook --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 \
#     --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
# docker run --rm --gpus all -v "$PWD/runs:/runs" \
#     ssmbook ssmbook run timescale -p device=cuda --runs /runs
ARG BASE=debian:trixie-slim
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV DEBIAN_FRONTEND=noninteractive
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# The distribution's Python will do: 3.11 to 3.13 are supported.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 10001 reader
USER 10001
WORKDIR /home/reader/ssmbook
COPY --chown=10001 . .
RUN make .venv/.ready TORCH_INDEX="${TORCH_INDEX}"
ENV PATH="/home/reader/ssmbook/.venv/bin:${PATH}"
CMD ["ssmbook", "--help"]
