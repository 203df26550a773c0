# syntax=docker/dockerfile:1
# Two stages: build with the Rust toolchain, run with little more than the binary.

FROM rust:1.95-bookworm AS build
WORKDIR /src
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libssl-dev libcurl4-openssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
# Dependencies first: they change less often than the code, and SQLite and librdkafka take minutes.
COPY Cargo.toml Cargo.lock build.rs ./
COPY rig/Cargo.toml rig/
RUN mkdir -p src benches rig/src \
 && echo 'fn main() {}' | tee src/main.rs benches/pipeline.rs > rig/src/main.rs && : > src/lib.rs \
 && cargo build --release --locked \
 && rm -rf src benches rig/src
COPY . .
ARG CSPIPE_REVISION=unknown
ENV CSPIPE_REVISION=${CSPIPE_REVISION}
# The empty library above is newer than the code that was just copied.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked

FROM debian:bookworm-slim
# OpenSSL and curl are the system's, which keeps them patched; certificates are for TLS to Kafka.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libssl3 libcurl4 zlib1g ca-certificates \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/cspipe --create-home cspipe \
 # A volume takes over the owner of the folder that it covers.
 && install -d -o cspipe -m 0700 /var/lib/cspipe/data
COPY --from=build /src/target/release/cspipe /usr/local/bin/cspipe
USER 10001
WORKDIR /var/lib/cspipe
VOLUME /var/lib/cspipe/data
# Inside a container loopback reaches nobody; publish 8081 only where metrics may be read.
ENV CSPIPE_LISTEN=0.0.0.0:8080 CSPIPE_PRIVATE=0.0.0.0:8081 CSPIPE_DATA=/var/lib/cspipe/data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["cspipe"]
CMD ["serve"]
