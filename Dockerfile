# Carillon with the Kafka client compiled in. One image for every process: the command says which.
FROM node:20.20.2-bookworm-slim AS packages
# What node-rdkafka is compiled with.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates g++ libssl-dev make patch python3 zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /carillon
COPY package.json package-lock.json .npmrc ./
COPY patches patches
# Apart from the sources, so that a change of them does not compile it again. Of its build only the library stays.
# patch-package is a tool of development, and `npm prune` would throw away what was compiled; its patches are plain diffs.
RUN npm ci --omit=dev --ignore-scripts \
 && cat patches/*.patch | patch -p1 \
 && npm rebuild node-rdkafka --ignore-scripts=false \
 && cd node_modules/node-rdkafka \
 && rm -rf deps build/Release/obj.target build/deps/include build/deps/*.a

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /carillon
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN node pipeline/cli/prepare.mjs --build

FROM node:20.20.2-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 tini zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 carillon \
 && useradd --system --uid 10001 --gid carillon --home-dir /nonexistent --shell /usr/sbin/nologin carillon \
 && install -d -o carillon -g carillon -m 0750 /var/lib/carillon
WORKDIR /carillon
COPY --from=build /carillon/package.json /carillon/LICENSE ./
COPY --from=packages /carillon/node_modules node_modules
COPY --from=build /carillon/dist dist
# Fewer arenas: what native code frees is used again by other threads.
ENV NODE_ENV=production CARILLON_DATA=/var/lib/carillon MALLOC_ARENA_MAX=2
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
# The library finds what it is linked with.
RUN node -e "require('node-rdkafka')"
VOLUME /var/lib/carillon
# 3000: the HTTP API of start and ingress. 9464: health and metrics of a stage.
EXPOSE 3000 9464
STOPSIGNAL SIGTERM
# A stage answers on the second port, start and ingress on the first.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "const ask = (port) => fetch(`http://127.0.0.1:${port}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1)); ask(process.env.CARILLON_OPS_PORT || 9464).catch(() => ask(process.env.CARILLON_PORT || 3000)).catch(() => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "dist/pipeline/cli/carillon.cjs"]
CMD ["start"]
