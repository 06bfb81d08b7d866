import Meters
import Testing

@Suite struct PageTests {
    private func text(_ registry: Registry, _ format: ExpositionFormat = .text) -> String {
        // The registry's own counter has a test of its own.
        String(decoding: registry.page(format), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("test_metrics_folded") }
            .joined(separator: "\n")
    }

    private func sample() -> Registry {
        let registry = Registry(prefix: "test")
        registry.info("test_build_info", "The \"program\".", ["version": "1.0"])
        let counters = registry.counters("test_ends_total", "Ends.", labels: ["type", "result"])
        counters["b", "done"].add(2)
        counters["a", "failed"].add()
        registry.gauge("test_room_bytes", "Room.").set(12)
        registry.gauge("test_share_ratio", "Share.", scale: .thousandths).set(-1_250)
        let bounds = Histogram.Bounds(.billionths, [5_000_000, 1_000_000_000])
        let histogram = registry.histogram("test_wait_seconds", "Wait.", bounds)
        histogram.observe(.milliseconds(5))
        histogram.observe(.milliseconds(6))
        histogram.observe(.seconds(60))
        return registry
    }

    @Test func `Prometheus's text is written to the letter`() {
        #expect(
            text(sample()) == """
                # HELP test_build_info The "program".
                # TYPE test_build_info gauge
                test_build_info{version="1.0"} 1
                # HELP test_ends_total Ends.
                # TYPE test_ends_total counter
                test_ends_total{type="a",result="failed"} 1
                test_ends_total{type="b",result="done"} 2
                # HELP test_room_bytes Room.
                # TYPE test_room_bytes gauge
                test_room_bytes 12
                # HELP test_share_ratio Share.
                # TYPE test_share_ratio gauge
                test_share_ratio -1.25
                # HELP test_wait_seconds Wait.
                # TYPE test_wait_seconds histogram
                test_wait_seconds_bucket{le="0.005"} 1
                test_wait_seconds_bucket{le="1.0"} 2
                test_wait_seconds_bucket{le="+Inf"} 3
                test_wait_seconds_sum 60.011
                test_wait_seconds_count 3

                """
        )
    }

    @Test func `OpenMetrics is written to the letter`() {
        #expect(
            text(sample(), .openMetrics) == """
                # HELP test_build The \\"program\\".
                # TYPE test_build info
                test_build_info{version="1.0"} 1
                # HELP test_ends Ends.
                # TYPE test_ends counter
                test_ends_total{type="a",result="failed"} 1
                test_ends_total{type="b",result="done"} 2
                # HELP test_room_bytes Room.
                # TYPE test_room_bytes gauge
                # UNIT test_room_bytes bytes
                test_room_bytes 12
                # HELP test_share_ratio Share.
                # TYPE test_share_ratio gauge
                # UNIT test_share_ratio ratio
                test_share_ratio -1.25
                # HELP test_wait_seconds Wait.
                # TYPE test_wait_seconds histogram
                # UNIT test_wait_seconds seconds
                test_wait_seconds_bucket{le="0.005"} 1
                test_wait_seconds_bucket{le="1.0"} 2
                test_wait_seconds_bucket{le="+Inf"} 3
                test_wait_seconds_sum 60.011
                test_wait_seconds_count 3
                # EOF

                """
        )
    }

    @Test func `what would end a label, a line or a word early is escaped`() {
        let registry = Registry(prefix: "test")
        let gauges = registry.gauges("test_odd", "A \\ and a\nline.", labels: ["name"])
        gauges["a\"b\\c\nd é"].set(1)
        #expect(
            text(registry) == """
                # HELP test_odd A \\\\ and a\\nline.
                # TYPE test_odd gauge
                test_odd{name="a\\"b\\\\c\\nd é"} 1

                """
        )
    }

    @Test(arguments: [
        (Int64(0), Scale.ones, "0"), (-7, .ones, "-7"), (.max, .ones, "9223372036854775807"),
        (.min, .ones, "-9223372036854775808"), (1, .billionths, "0.000000001"),
        (-1_500, .thousandths, "-1.5"), (2_000_000_000, .billionths, "2"),
        (.min, .billionths, "-9223372036.854775808"),
    ])
    func `a number is written exactly`(value: Int64, scale: Scale, text: String) {
        #expect(scale.text(value) == text)
    }

    @Test func `every family says its unit under a name that ends in it`() {
        let registry = Registry(prefix: "test")
        _ = registry.counter("test_busy_seconds_total", "Busy.", scale: .billionths)
        #expect(text(registry, .openMetrics).contains("\n# UNIT test_busy_seconds seconds\n"))
        #expect(text(registry, .openMetrics).contains("\ntest_busy_seconds_total 0\n"))
    }

    @Test func `a family of nothing is still named`() {
        let registry = Registry(prefix: "test")
        _ = registry.counters("test_ends_total", "Ends.", labels: ["type"])
        #expect(text(registry) == "# HELP test_ends_total Ends.\n# TYPE test_ends_total counter\n")
    }

    @Test func `a process says how it is`() {
        let registry = Registry(prefix: "test")
        let process = ProcessMeters(registry)
        process.update()
        var values: [String: String] = [:]
        for line in text(registry).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            values[String(words[0])] = String(words[1])
        }
        #expect(values.count == 6)
        #expect(Int(values["process_open_fds"] ?? "").map { (3...100_000).contains($0) } == true)
        #expect((Int(values["process_resident_memory_bytes"] ?? "") ?? 0) > 1_000_000)
        let resident = Int(values["process_resident_memory_bytes"] ?? "") ?? 0
        #expect((Int(values["process_virtual_memory_bytes"] ?? "") ?? 0) > resident)
        // Later than this was written, and not later than it can be.
        let started = Int64(values["process_start_time_seconds"]?.prefix { $0 != "." } ?? "") ?? 0
        #expect((1_700_000_000...4_000_000_000).contains(started))
    }
}
