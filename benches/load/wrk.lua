-- What wrk measured, as one line of JSON. Times in microseconds.
done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format(
        '\n{"requests":%d,"micros":%d,"failed":%d,"p50":%.1f,"p99":%.1f,"p99.9":%.1f}\n',
        summary.requests, summary.duration, failed,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
