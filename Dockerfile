FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package colloquy-server \
    && cp target/release/colloquy /colloquy

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --create-home colloquy
COPY --from=build /colloquy /usr/local/bin/colloquy
USER colloquy
ENV COLLOQUY_LISTEN=0.0.0.0:8080 COLLOQUY_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s CMD ["colloquy", "healthcheck"]
ENTRYPOINT ["colloquy"]
CMD ["serve"]
