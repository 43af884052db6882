# The image of the service, for docker-compose.yml. The first stage builds the program; the second
# stage is the image, without build tools. Without Compose:
# docker build -t ringdown . && docker run --init -p 127.0.0.1:8000:8000 ringdown

FROM debian:bookworm-slim AS build
WORKDIR /ringdown
COPY tools/deps tools/
RUN tools/deps run
COPY . .
RUN meson setup build --buildtype=release -Dtests=false \
  && meson install -C build --destdir=/image --tags=runtime,i18n --strip

FROM debian:bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends \
    libglib2.0-0 libhiredis0.14 libjson-glib-1.0-0 libsoup-3.0-0 \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 980 --no-create-home --home-dir /nonexistent ringdown
COPY --from=build /image/usr/local/bin/ringdown /usr/local/bin/
COPY --from=build /image/usr/local/share/locale /usr/local/share/locale
COPY LICENSE /usr/local/share/doc/ringdown/
RUN ringdown --version

# UTF-8 is for the log. A container has no D-Bus. The published ports decide who can connect.
ENV LANG=C.UTF-8 \
  RINGDOWN_BUS=none \
  RINGDOWN_ADDRESS=0.0.0.0 \
  RINGDOWN_ADMIN_ADDRESS=0.0.0.0
EXPOSE 8000 8001

# The user is a number, so that Kubernetes can check that it is not root (runAsNonRoot). The health
# check uses bash, because the image has no curl.
USER 980
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/${RINGDOWN_ADMIN_PORT:-8001} \
  && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 \
  && read -r _ status _ <&3 && test $status = 200"]
ENTRYPOINT ["ringdown"]
