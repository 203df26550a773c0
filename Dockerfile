# syntax=docker/dockerfile:1
# Two stages: build with the Rust toolchain, run with little more than the binary.
#
#   docker build --build-arg CSPIPE_REVISION="$(git rev-parse --short=12 HEAD)" -t cspipe .
#   docker run --rm -p 127.0.0.1:8080:8080 -p 127.0.0.1:8081:8081 -v cspipe:/var/lib/cspipe/data cspipe

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libssl-dev libcurl4-openssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
COPY . .
# The folders that keep crates and what was compiled stay between builds, and are no part of the
# image, so that SQLite and librdkafka are compiled once. What was compiled from an older checkout
# can be newer than the files of this one, so ours is always compiled anew.
ARG CSPIPE_REVISION=unknown
RUN --mount=type=cache,id=cspipe-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=cspipe-target,target=/src/target,sharing=locked \
    touch build.rs src/lib.rs src/main.rs \
 && CSPIPE_REVISION="$CSPIPE_REVISION" cargo build --release --locked --package cspipe \
 && install -D target/release/cspipe /out/cspipe

# Take the newest date before a release: with it comes what Debian has patched, in the packages below
# too, as Docker keeps that layer until this line changes.
FROM debian:bookworm-20261005-slim
# OpenSSL and curl are the system's, which patches them; certificates are for TLS to Kafka and
# to Elasticsearch.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libssl3 libcurl4 zlib1g ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 cspipe \
 && useradd --system --uid 10001 --gid cspipe --home-dir /var/lib/cspipe --create-home cspipe \
 # A volume takes over the owner of the folder that it covers.
 && install -d -o cspipe -g cspipe -m 0700 /var/lib/cspipe/data
COPY --from=build /out/cspipe /usr/local/bin/cspipe
LABEL org.opencontainers.image.title="cspipe" \
      org.opencontainers.image.description="Takes CSP violation reports, makes sense of them and stores them" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
WORKDIR /var/lib/cspipe
# No VOLUME: what mounts the folder above, as Kubernetes may, would find an empty one laid over it there,
# and lose what is written with the container. Who wants to keep the data names a volume.
# Inside a container loopback reaches nobody; publish 8081 only where metrics may be read.
ENV CSPIPE_LISTEN=0.0.0.0:8080 CSPIPE_PRIVATE=0.0.0.0:8081 CSPIPE_DATA=/var/lib/cspipe/data
# 8082 is the private address of `cspipe index`, which is set where that is run.
EXPOSE 8080 8081 8082
STOPSIGNAL SIGTERM
ENTRYPOINT ["cspipe"]
CMD ["serve"]
