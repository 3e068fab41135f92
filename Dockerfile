# docker build -t ssmbegin .
# mkdir -p runs && chmod 777 runs     (the image's user is not yours)
# docker run --rm -v "$PWD/runs:/home/reader/ssmbegin/runs" ssmbegin ssmbook run 03 -p L_max=8192
#
# With CUDA, on a machine whose Docker has the NVIDIA runtime:
# docker build -t ssmbegin --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 \
#     --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
# docker run --rm --gpus all -v "$PWD/runs:/home/reader/ssmbegin/runs" \
#     ssmbegin ssmbook run 03 -p device=cuda
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV DEBIAN_FRONTEND=noninteractive
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# Python's own version decides, not that of a distribution's packages.
# hadolint ignore=DL3008
RUN apt-get update \
    && if ! apt-cache show python3.11-venv > /dev/null 2>&1; then \
        apt-get install -y --no-install-recommends gpg-agent software-properties-common \
        && add-apt-repository -y ppa:deadsnakes/ppa; \
    fi \
    && apt-get install -y --no-install-recommends git make python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 10001 reader
USER 10001
WORKDIR /home/reader/ssmbegin
COPY --chown=10001 . .
RUN make .venv/.ready TORCH_INDEX="${TORCH_INDEX}"
ENV PATH="/home/reader/ssmbegin/.venv/bin:${PATH}"
CMD ["ssmbook", "--help"]
