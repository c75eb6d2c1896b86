# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# Cargo features beside the usual ones, such as `otlp`.
ARG FEATURES=""
# The caches keep what was downloaded and what was compiled: after a change of the source only the
# crates that it touches are built again, and after one of Cargo.lock what that brings. One build at
# a time uses them.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package colloquy-server --features "$FEATURES" \
    && cp target/release/colloquy /colloquy \
    && mkdir --mode=0700 /data

# A C library, certificate authorities, and no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /colloquy /usr/local/bin/colloquy
# A new volume takes over whose the directory is.
COPY --from=build --chown=10001:10001 /data /data
USER 10001:10001
ENV COLLOQUY_LISTEN=0.0.0.0:8080 COLLOQUY_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["colloquy", "healthcheck"]
ENTRYPOINT ["colloquy"]
CMD ["serve"]
