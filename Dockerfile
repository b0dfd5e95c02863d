# One image for every service and job: `carejourney run SERVICE`, `carejourney provision`, `carejourney migrate SERVICE`.

FROM ghcr.io/astral-sh/uv:0.13 AS uv

FROM python:3.13-slim AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/carejourney
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-cache --no-install-project
COPY README.md LICENSE ./
COPY events events
COPY carejourney carejourney
COPY services services
RUN uv sync --frozen --no-dev --no-cache --no-editable

FROM python:3.13-slim
# The folders are there so that a volume mounted over them belongs to the user.
RUN groupadd --system --gid 10001 carejourney \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/carejourney --shell /usr/sbin/nologin carejourney \
 && install -d -o 10001 -g 10001 -m 0700 /run/carejourney /var/lib/carejourney
COPY --from=build /opt/carejourney /opt/carejourney
ENV PATH=/opt/carejourney/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 CAREJOURNEY_HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/carejourney
EXPOSE 8000
ENTRYPOINT ["carejourney"]
CMD ["--help"]
