# headcount in a container; docs/install.md says how to use it.
#
#     docker build --tag headcount .
#
# The last stage runs nothing, so BASE may be any image with libgcc and a glibc as new as RUST's, one
# without a shell too.

ARG RUST=rust:1-bookworm
ARG BASE=debian:bookworm-slim

FROM ${RUST} AS build
# Versions are the base's.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends build-essential ca-certificates cmake
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist --bin headcount \
    && install -D target/dist/headcount /image/headcount \
    && mkdir /image/data

FROM ${BASE}
LABEL org.opencontainers.image.title="headcount" \
      org.opencontainers.image.description="Web analytics from in front of your site" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/LICENSE /src/NOTICE /usr/share/doc/headcount/
COPY --from=build /image/headcount /usr/bin/
COPY --from=build --chown=65532:65532 /image/data /data

# From outside of the container; the admin port is then closed until [admin_auth] is set.
ENV HEADCOUNT_LISTEN=0.0.0.0:8080 \
    HEADCOUNT_ADMIN=0.0.0.0:8090 \
    HEADCOUNT_DATA_DIR=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080 8090
HEALTHCHECK --start-period=60s --timeout=10s CMD ["headcount", "health"]
ENTRYPOINT ["headcount"]
CMD ["run"]
