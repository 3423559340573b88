# The server, and the load test, each in an image that holds a program, the C library and nothing else:
#   docker build -t tallied-server .
#   docker build -t tallied-loadtest --target loadtest .
# It needs BuildKit, which is Docker's builder since version 23.

# By tag, not by digest: the tag is rebuilt for Debian's security fixes, and the other images take the C library from here.
# 1.95 is what Cargo.toml asks for.
FROM rust:1.95.0-slim-bookworm AS rust
SHELL ["/bin/bash", "-e", "-o", "pipefail", "-c"]
WORKDIR /src
ARG TARGETARCH
# Without line tables the programs are a quarter of the size; a backtrace still has names.
ENV CARGO_TARGET_DIR=/target CARGO_PROFILE_RELEASE_DEBUG=false

FROM rust AS build-server
# The sources are mounted, not copied, and read-only: --locked has nothing to write. What ldd lists is what the program
# was linked with, the loader among it.
# hadolint ignore=DL4006 # the shell is that of the stage above
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target,id=tallied-target-${TARGETARCH},sharing=locked \
    cargo build --release --locked --package tallied-server; \
    mkdir /image; \
    cp /target/release/tallied-server /image; \
    ldd /image/tallied-server | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory=/image

FROM rust AS build-loadtest
# hadolint ignore=DL4006 # likewise
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target,id=tallied-target-${TARGETARCH},sharing=locked \
    cargo build --release --locked --package tallied-loadtest; \
    mkdir /image; \
    cp /target/release/tallied-loadtest /image; \
    ldd /image/tallied-loadtest | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory=/image

FROM scratch AS loadtest
LABEL org.opencontainers.image.title="tallied-loadtest" \
      org.opencontainers.image.description="An open-loop load test that checks a server's own metrics" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build-loadtest /image /
USER 65532:65532
# It ends the load, and prints what it has measured.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/tallied-loadtest"]

FROM scratch AS server
# Those of the workspace and of the commit.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tallied-server" \
      org.opencontainers.image.description="A Salvo server with HTTP, process and runtime metrics for Prometheus" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build-server /image /
# A tallied.toml that is mounted here is read.
WORKDIR /etc/tallied
# Loopback, the default, would be the container's own. Variables win over the file: what listens outside is set here.
ENV TALLIED_LISTEN=0.0.0.0:8000
# Nobody in particular. It writes no files, so the root file system may be read-only.
USER 65532:65532
EXPOSE 8000
# Begins the drain: 10 seconds (drain_seconds) at most, and with metrics_listen 5 more. Docker kills after 10 seconds unless
# it is told to wait longer: docker stop -t 20, or stop_grace_period in a compose file.
STOPSIGNAL SIGTERM
# There is no shell and no client in here: the server asks itself, at the address that the variables and the file give. It
# does not see the flags of the other process, so configure a container by variables or by the file.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/tallied-server", "--health-check"]
ENTRYPOINT ["/tallied-server"]
