# The collector's own image holds one program and nothing that could ask it for its health; busybox adds wget.
FROM otel/opentelemetry-collector-contrib:0.159.0 AS collector

FROM busybox:1.37.0
COPY --from=collector /otelcol-contrib /otelcol-contrib
USER 10001
ENTRYPOINT ["/otelcol-contrib"]
CMD ["--config=/etc/otelcol/config.yaml"]
