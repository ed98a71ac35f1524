# syntax=docker/dockerfile:1

FROM rust:1.95.0-slim-trixie AS build
WORKDIR /source
COPY . .
# The caches belong to the builder, not to a layer: the binary leaves them before the step ends.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --release --locked --package ferry --bin ferry \
    && install -D target/release/ferry /image/usr/local/bin/ferry
# Roots of trust for https://api.stytch.com, without a package manager in the final image.
RUN install -D --mode 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install -d --mode 0700 --owner 65532 --group 65532 /image/var/lib/ferry

# Not pinned to a date: all that it brings are libc and a shell, and those should be the patched ones.
FROM debian:trixie-slim
LABEL org.opencontainers.image.title="Ferry" \
      org.opencontainers.image.description="Carries live login sessions from a legacy identity provider to Stytch" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /image /
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
WORKDIR /var/lib/ferry
# Who runs it probes it: /healthz and /readyz.
HEALTHCHECK NONE
ENTRYPOINT ["ferry"]
