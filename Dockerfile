# syntax=docker/dockerfile:1
# Two stages: build with the Rust toolchain, run with little more than the binary.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# Dependencies first: they change less often than the code, and SQLite takes minutes.
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir -p src benches \
 && echo 'fn main() {}' > src/main.rs && : > src/lib.rs && echo 'fn main() {}' > benches/pipeline.rs \
 && cargo build --release --locked \
 && rm -rf src benches
COPY . .
ARG CSPIPE_REVISION=unknown
ENV CSPIPE_REVISION=${CSPIPE_REVISION}
# The empty library above is newer than the code that was just copied.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked

FROM debian:bookworm-slim
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
