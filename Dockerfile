# syntax=docker/dockerfile:1
# The mixer with its browser and fonts, and (WITH_JANUS=1) Janus for `mixer room`.
# How to run it, and why it wants its own seccomp profile: docs/docker.md.

FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/mixer
RUN python -m venv /opt/venv
# Dependencies first: they change less often than the program.
COPY pyproject.toml README.md ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/dependencies \
 && /opt/venv/bin/pip install --no-cache-dir --only-binary=:all: -r /tmp/dependencies
COPY layouts layouts
COPY mixer mixer
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
ARG WITH_JANUS=1
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      chromium-headless-shell \
      fontconfig \
      fonts-noto-core \
      fonts-noto-cjk \
      fonts-noto-color-emoji \
      tini \
      $(if [ "$WITH_JANUS" = 1 ]; then echo janus; fi) \
 && rm -rf /var/lib/apt/lists/* \
 && fc-cache --force
RUN groupadd --gid 10001 mixer \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin mixer \
 && install --directory --owner=mixer --group=mixer /recordings
COPY --from=build /opt/venv /opt/venv

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MIXER_SANDBOX=require
USER 10001:10001
WORKDIR /recordings
VOLUME /recordings
# The conference server; `mixer record` listens nowhere.
EXPOSE 8710/tcp
# SIGTERM: stop recording and finish the files. Give it time: `docker stop --time 120`.
STOPSIGNAL SIGTERM
# No HEALTHCHECK: only `mixer room` has an address to ask (docs/docker.md shows it).
ENTRYPOINT ["/usr/bin/tini", "--", "mixer"]
CMD ["--help"]
